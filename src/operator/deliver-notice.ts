import type { SecretKey } from '../api/metric-provider.ts';
import type { NoticeContent } from '../api/notice.ts';
import type { NotifierSpec } from '../api/notifier.ts';
import type { StoredNotice } from '../api/rollout-status.ts';
import type { KubeObject, ObjectMeta } from '../kube/kube-object.ts';
import type { Delivery, Notice } from '../notifiers/notifier.ts';
import { notify } from '../notifiers/registry.ts';

/** What is stored of an alert, as channels take it. Which Rollout it is about is the Rollout's own word, not that of what is stored. */
export function noticeOf({ namespace = '', name }: ObjectMeta, stored: Omit<StoredNotice, 'pending'>): Notice {
  const { id, event, at } = stored;
  const content = { ...(stored.content as unknown as NoticeContent), namespace, rollout: name };
  return { id, event, at, content };
}

/** Sends one alert of a Rollout through the channel that a Notifier names, with retries. Never rejects. */
export async function deliverNotice(
  spec: NotifierSpec,
  { metadata }: KubeObject,
  notice: StoredNotice,
  readSecret: (ref: SecretKey) => Promise<string>,
  now: () => number,
  signal: AbortSignal,
): Promise<{ readonly kind: string; readonly delivery: Delivery }> {
  const kind = spec.slack ? 'slack' : spec.webhook ? 'webhook' : 'alertmanager';
  const delivery = await notify(spec, noticeOf(metadata, notice), { readSecret, now, signal });
  return { kind, delivery };
}
