/** What a Deployment asks for, in numbers of pods. */
export interface RollingBounds {
  readonly replicas: number;
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** One ReplicaSet of a Deployment as it is. */
export interface RollingSet {
  readonly name: string;
  /** `spec.replicas` */
  readonly wanted: number;
  readonly available: number;
}

/** The next size of each ReplicaSet that changes, by name. */
export type RollingPlan = Readonly<Record<string, number>>;

/**
 * Turns `maxSurge` and `maxUnavailable` into pods: a percentage of replicas, surge rounded up and unavailable rounded down; when
 * both come to 0 one pod may be unavailable. Example: 25 % of 10 is a surge of 3 and 2 unavailable.
 */
export function rollingBounds(replicas: number, surge: number | string, unavailable: number | string): RollingBounds {
  const share = (value: number | string, round: (n: number) => number): number =>
    typeof value === 'number' ? value : round((Number.parseFloat(value) * replicas) / 100) || 0;
  const maxSurge = share(surge, Math.ceil);
  const maxUnavailable = Math.min(replicas, share(unavailable, Math.floor));
  return { replicas, maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable };
}

/**
 * One step of a rolling update, as the Deployment controller does it: the new set grows while all pods stay within replicas plus
 * surge; old sets give up pods that are not available first, then as many as stay above replicas minus unavailable.
 * Example with 4 replicas, surge 1, unavailable 1, old 4 available, new 0: new becomes 1 and old 3.
 */
export function rollingPlan(bounds: RollingBounds, current: RollingSet, old: readonly RollingSet[]): RollingPlan {
  const plan: Record<string, number> = {};
  const total = [current, ...old].reduce((sum, set) => sum + set.wanted, 0);
  const room = bounds.replicas + bounds.maxSurge - total;
  if (current.wanted > bounds.replicas) plan[current.name] = bounds.replicas;
  else if (current.wanted < bounds.replicas && room > 0) {
    plan[current.name] = Math.min(bounds.replicas, current.wanted + room);
  }
  const least = bounds.replicas - bounds.maxUnavailable;
  const newUnavailable = Math.max(0, current.wanted - current.available);
  let spare = total - least - newUnavailable;
  for (const set of old) {
    const dead = Math.min(Math.max(0, set.wanted - set.available), Math.max(0, spare));
    spare -= dead;
    if (dead > 0) plan[set.name] = set.wanted - dead;
  }
  let living = current.available + old.reduce((sum, set) => sum + set.available, 0) - least;
  for (const set of old) {
    const left = plan[set.name] ?? set.wanted;
    const cut = Math.min(left, Math.max(0, living), Math.max(0, spare));
    living -= cut;
    spare -= cut;
    if (cut > 0) plan[set.name] = left - cut;
  }
  return plan;
}
