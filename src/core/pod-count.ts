/** Pods of one ReplicaSet, or of several added up. */
export interface PodCount {
  /** spec.replicas */
  readonly spec: number;
  /** status.availableReplicas */
  readonly available: number;
}

export const NO_PODS: PodCount = { spec: 0, available: 0 };

/** Sum of several sets. */
export function sumPods(sets: readonly PodCount[]): PodCount {
  return {
    spec: sets.reduce((sum, set) => sum + set.spec, 0),
    available: sets.reduce((sum, set) => sum + set.available, 0),
  };
}

/**
 * Pods of a set that count when asking how many may be removed: pods above spec are already leaving, pods that are
 * not available carry nothing. Example: spec 3, available 2 counts 2; with ignoreAvailability it counts 3.
 */
export function removablePods(set: PodCount | undefined, ignoreAvailability: boolean): number {
  if (!set) return 0;
  return ignoreAvailability || set.spec < set.available ? set.spec : set.available;
}
