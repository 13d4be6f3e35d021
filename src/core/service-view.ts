import { HASH_LABEL } from '../api/names.ts';
import type { ApiObject } from '../api/object-meta.ts';
import type { Snapshot } from './snapshot.ts';

/** What decisions read of a Service that the strategy names. */
export interface ServiceView {
  readonly name: string;
  readonly exists: boolean;
  /** Revision that its selector asks for; undefined when it selects all revisions, or when it is empty. */
  readonly selects: string | undefined;
  /**
   * Keys of its selector that ask for what no pod of this Rollout has, with the value that they have: a pod carries all of
   * `spec.selector.matchLabels`. Empty: none.
   */
  readonly astray: Readonly<Record<string, string>>;
  /** All ready endpoints behind it, of whatever workload. */
  readonly ready: number;
  /** Ready endpoints of a ReplicaSet behind it. */
  readyOf(replicaSet: string | undefined): number;
}

/** Whether somebody made the selector ask for pods that are not this Rollout's. */
export function isAstray(service: ServiceView): boolean {
  return Object.keys(service.astray).length > 0;
}

export function viewService(
  name: string,
  snapshot: Snapshot,
  matchLabels: Readonly<Record<string, string>>,
): ServiceView {
  const object = snapshot.services[name] ?? null;
  const selector = ((object?.['spec'] as { selector?: unknown } | undefined)?.selector ?? {}) as Record<
    string,
    unknown
  >;
  const selects = selector[HASH_LABEL];
  const slices = snapshot.endpointSlices[name] ?? [];
  return {
    name,
    exists: object !== null,
    selects: typeof selects === 'string' ? selects : undefined,
    astray: Object.fromEntries(
      Object.entries(matchLabels).filter(([key, value]) => selector[key] !== undefined && selector[key] !== value),
    ),
    ready: readyEndpoints(slices, undefined),
    readyOf: replicaSet => (replicaSet === undefined ? 0 : readyEndpoints(slices, `${replicaSet}-`)),
  };
}

interface Endpoint {
  conditions?: { ready?: unknown };
  targetRef?: { kind?: unknown; name?: unknown };
}

/** Pods of a ReplicaSet are named `<set>-<five characters>`; a dual-stack pod is in two slices and counts once. */
function readyEndpoints(slices: readonly ApiObject[], prefix: string | undefined): number {
  const ready = new Set<string>();
  for (const slice of slices) {
    const endpoints = slice['endpoints'];
    if (!Array.isArray(endpoints)) continue;
    for (const endpoint of endpoints as (Endpoint | null)[]) {
      const pod = endpoint?.targetRef?.name;
      if (endpoint?.conditions?.ready !== true || typeof pod !== 'string') continue;
      if (prefix === undefined || (pod.startsWith(prefix) && !pod.slice(prefix.length).includes('-'))) ready.add(pod);
    }
  }
  return ready.size;
}
