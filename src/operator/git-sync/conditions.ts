import type { Condition } from '../../api/conditions.ts';
import { toTime } from '../../api/time.ts';

export type GitSyncState = 'ready' | 'progressing' | 'failed' | 'stalled' | 'suspended';

/**
 * Conditions of a GitSync as kstatus reads them. A suspended one keeps what Ready said last: what was applied is still
 * there, it is only not looked after.
 * @param generation of the spec that they are about
 * @param before those that are stored
 * @param now epoch milliseconds
 */
export function gitSyncConditions(
  generation: number | undefined,
  before: readonly Condition[],
  state: GitSyncState,
  reason: string,
  message: string,
  now: number,
): Condition[] {
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  const claim = (type: string, status: Condition['status']): Condition => {
    const old = before.find(condition => condition.type === type && condition.status === status);
    const lastTransitionTime = old?.lastTransitionTime ?? toTime(now);
    return { type, status, reason, message: message.slice(0, 4096), ...observed, lastTransitionTime };
  };
  switch (state) {
    case 'ready':
      return [claim('Ready', 'True')];
    case 'progressing':
      return [claim('Ready', 'Unknown'), claim('Reconciling', 'True')];
    case 'failed':
      return [claim('Ready', 'False'), claim('Reconciling', 'True')];
    case 'stalled':
      return [claim('Ready', 'False'), claim('Stalled', 'True')];
    case 'suspended': {
      const ready = before.find(condition => condition.type === 'Ready' && condition.status !== 'Unknown');
      return [ready ? { ...ready, ...observed } : claim('Ready', 'Unknown'), claim('Reconciling', 'False')];
    }
  }
}
