import type { PodCount } from './pod-count.ts';

export interface OlderSet extends PodCount {
  readonly name: string;
  readonly revision: number;
}

/**
 * spec.replicas of the ReplicaSets that are neither stable nor on trial, without a router. Pods that are not available
 * go first; of the others as many as leaves `minAvailable` available ones, newest revision first.
 * Example: minAvailable 4, nothing else available, two sets 5/5: the newer goes to 0, the older to 4.
 */
export function drainOlder(
  older: readonly OlderSet[],
  availableElsewhere: number,
  minAvailable: number,
): ReadonlyMap<string, number> {
  const newestFirst = [...older].sort((a, b) => b.revision - a.revision);
  const available = availableElsewhere + older.reduce((sum, set) => sum + Math.min(set.spec, set.available), 0);
  let budget = Math.max(0, available - minAvailable);
  const next = new Map<string, number>();
  for (const set of newestFirst) {
    const serving = Math.min(set.spec, set.available);
    const removed = Math.min(serving, budget);
    budget -= removed;
    next.set(set.name, serving - removed);
  }
  return next;
}
