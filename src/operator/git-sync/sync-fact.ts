import type { GitSyncStatus } from '../../api/git-sync.ts';
import type { EventReason } from '../../api/reasons.ts';
import type { GitSyncState } from './conditions.ts';

/** Something about a GitSync that is worth telling. */
export interface SyncFact {
  readonly reason: EventReason;
  readonly warning: boolean;
  readonly note: string;
}

/** A commit that could not be applied, told once with each object that was refused; and the end of it. */
export function syncFact(
  before: GitSyncStatus,
  state: GitSyncState,
  message: string,
  failures: readonly { readonly id: string; readonly message: string }[],
): SyncFact | undefined {
  const ready = before.conditions?.find(condition => condition.type === 'Ready');
  const failed = ready?.status === 'False';
  if (state === 'ready') return failed ? { reason: 'Synced', warning: false, note: message } : undefined;
  if (state !== 'failed' && state !== 'stalled') return undefined;
  if (failed && ready.message === message) return undefined;
  const each = failures.slice(0, 5).map(failure => `; ${failure.message}`);
  return {
    reason: 'SyncFailed',
    warning: true,
    note: (failures.length > 1 ? message + each.join('') : message).slice(0, 1000),
  };
}
