import type { StatusCondition } from '../workloads/workload-objects.ts';

/** A condition before it has times. */
export interface Judgement {
  readonly type: string;
  readonly good: boolean;
  readonly reason: string;
  readonly message: string;
}

/** Conditions for a status: lastTransitionTime moves only when the status of a condition changes. `now` is RFC 3339. */
export function statusConditions(
  judgements: readonly Judgement[],
  before: readonly StatusCondition[],
  generation: number,
  now: string,
): StatusCondition[] {
  return judgements.map(({ type, good, reason, message }) => {
    const status = good ? 'True' : 'False';
    const same = before.find(one => one.type === type && one.status === status);
    const lastTransitionTime = same?.lastTransitionTime ?? now;
    return { type, status, reason, message, observedGeneration: generation, lastTransitionTime };
  });
}
