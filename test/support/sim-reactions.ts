import { HASH_LABEL } from '../../src/api/names.ts';
import type { ApiObject } from '../../src/api/object-meta.ts';

const replicasOf = (set: ApiObject) => (set['spec'] as { replicas?: number }).replicas ?? 1;

/** Status of a ReplicaSet whose pods are there at once, of which at most `limit` become available. */
export function podsOf(set: ApiObject, limit: number) {
  const wanted = replicasOf(set);
  const available = Math.min(wanted, limit);
  return { replicas: wanted, readyReplicas: available, availableReplicas: available };
}

/** Ready endpoints behind a selector; an empty one has none, one without our key reaches all revisions. */
export function endpointsOf(selector: Record<string, string>, sets: readonly ApiObject[]) {
  if (Object.keys(selector).length === 0) return [];
  const hash = selector[HASH_LABEL];
  return sets
    .filter(set => hash === undefined || set.metadata.labels?.[HASH_LABEL] === hash)
    .flatMap(set =>
      Array.from({ length: (set['status'] as { readyReplicas?: number } | undefined)?.readyReplicas ?? 0 }, (_, i) => ({
        conditions: { ready: true },
        targetRef: { kind: 'Pod', name: `${set.metadata.name}-p${i}` },
      })),
    );
}

/** What a gateway reports on a route that it has just looked at. */
export function reportOn(route: ApiObject, answer: 'True' | 'False') {
  const message = answer === 'True' ? '' : 'no such Gateway';
  const observedGeneration = route.metadata.generation;
  const conditions = ['Accepted', 'ResolvedRefs'].map(type => ({ type, status: answer, message, observedGeneration }));
  return { parents: [{ conditions }] };
}
