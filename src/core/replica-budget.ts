/** maxSurge and maxUnavailable as pods. */
export interface ReplicaBudget {
  readonly surge: number;
  readonly unavailable: number;
}

/** As users write it: pods, or a percentage of replicas. */
export type IntOrPercent = number | string;

const DEFAULT_PERCENT = '25%';

/**
 * Resolves both limits for `replicas` pods. Surge rounds up, unavailable rounds down; both 0 would stop all progress,
 * so one pod may then be unavailable. Undefined when a text is no percentage.
 * Example: replicas 10, "25%" and "25%" give surge 3, unavailable 2. (Kubernetes' ResolveFenceposts.)
 */
export function replicaBudget(
  replicas: number,
  maxSurge: IntOrPercent = DEFAULT_PERCENT,
  maxUnavailable: IntOrPercent = DEFAULT_PERCENT,
): ReplicaBudget | undefined {
  const surge = resolve(maxSurge, replicas, Math.ceil);
  const unavailable = resolve(maxUnavailable, replicas, Math.floor);
  if (surge === undefined || unavailable === undefined) return undefined;
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** The budget as a pass uses it: no more pods can be missing than there shall be. */
export function effectiveUnavailable(replicas: number, budget: ReplicaBudget): number {
  return Math.min(replicas, budget.unavailable);
}

function resolve(limit: IntOrPercent, replicas: number, round: (n: number) => number): number | undefined {
  if (typeof limit === 'number') return Number.isFinite(limit) && limit >= 0 ? Math.trunc(limit) : undefined;
  const match = /^([0-9]{1,9})%$/.exec(limit);
  // Integer arithmetic first: 0.07 * 100 would already be 7.000000000000001.
  return match ? round((Number(match[1]) * replicas) / 100) : undefined;
}
