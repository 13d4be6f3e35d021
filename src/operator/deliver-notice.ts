import type { SecretKey } from '../api/metric-provider.ts';
import type { NoticeContent } from '../api/notice.ts';
import type { NotifierSpec } from '../api/notifier.ts';
import type { StoredNotice } from '../api/rollout-status.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { Delivery } from '../notifiers/notifier.ts';
import { notify } from '../notifiers/registry.ts';

/**
 * Whether an alert is one of this Rollout. Whoever may write its status could give it others, with a namespace and a name of
 * their choice: a Notifier of the platform would tell them, or end those that another team was told.
 */
export function isAbout({ metadata: { uid } }: KubeObject, notice: StoredNotice): boolean {
  return uid !== undefined && notice.id.startsWith(`${uid}-`);
}

/**
 * Sends one alert of a Rollout through the channel that a Notifier names, with retries. Which Rollout it is about is the
 * Rollout's own word, not that of what is stored. Never rejects.
 */
export async function deliverNotice(
  spec: NotifierSpec,
  { metadata }: KubeObject,
  notice: StoredNotice,
  readSecret: (ref: SecretKey) => Promise<string>,
  now: () => number,
  signal: AbortSignal,
): Promise<{ readonly kind: string; readonly delivery: Delivery }> {
  const kind = spec.slack ? 'slack' : spec.webhook ? 'webhook' : 'alertmanager';
  const content = {
    ...(notice.content as unknown as NoticeContent),
    namespace: metadata.namespace ?? '',
    rollout: metadata.name,
  };
  const delivery = await notify(
    spec,
    { id: notice.id, event: notice.event, at: notice.at, content },
    { readSecret, now, signal },
  );
  return { kind, delivery };
}
