import type { SecretKey } from '../api/metric-provider.ts';
import type { NoticeContent } from '../api/notice.ts';
import type { NotifierSpec } from '../api/notifier.ts';
import type { StoredNotice } from '../api/rollout-status.ts';
import type { Delivery } from '../notifiers/notifier.ts';
import { notify } from '../notifiers/registry.ts';

/** Sends one stored alert through the channel that a Notifier names, with retries. Never rejects. */
export async function deliverNotice(
  spec: NotifierSpec,
  notice: StoredNotice,
  readSecret: (ref: SecretKey) => Promise<string>,
  now: () => number,
  signal: AbortSignal,
): Promise<{ readonly kind: string; readonly delivery: Delivery }> {
  const kind = spec.slack ? 'slack' : spec.webhook ? 'webhook' : 'alertmanager';
  const content = notice.content as unknown as NoticeContent;
  const delivery = await notify(
    spec,
    { id: notice.id, event: notice.event, at: notice.at, content },
    { readSecret, now, signal },
  );
  return { kind, delivery };
}
