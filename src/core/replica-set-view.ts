import { HASH_LABEL, REVISION_ANNOTATION, SCALE_DOWN_AT_ANNOTATION } from '../api/names.ts';
import type { ApiObject } from '../api/object-meta.ts';
import { fromTime } from '../api/time.ts';
import type { Target } from './decision.ts';
import type { PodCount } from './pod-count.ts';

/** What decisions read of a ReplicaSet. */
export interface ReplicaSetView extends PodCount {
  readonly target: Target;
  readonly name: string;
  readonly hash: string;
  readonly revision: number;
  readonly ready: number;
  /** status.replicas */
  readonly running: number;
  readonly createdAt: number;
  /** Epoch milliseconds from which it may be scaled to 0. */
  readonly scaleDownAt: number | undefined;
  readonly deleting: boolean;
}

/** Reads a ReplicaSet; numbers that are missing or absurd count as 0, because nothing may be built on them. */
export function viewReplicaSet(object: ApiObject): ReplicaSetView {
  const { metadata } = object;
  const spec = (object['spec'] ?? {}) as Record<string, unknown>;
  const status = (object['status'] ?? {}) as Record<string, unknown>;
  const scaleDownAt = fromTime(metadata.annotations?.[SCALE_DOWN_AT_ANNOTATION]);
  return {
    target: { name: metadata.name, uid: metadata.uid ?? '', resourceVersion: metadata.resourceVersion ?? '' },
    name: metadata.name,
    hash: metadata.labels?.[HASH_LABEL] ?? '',
    revision: count(Number(metadata.annotations?.[REVISION_ANNOTATION])),
    spec: spec['replicas'] === undefined ? 1 : count(spec['replicas']),
    running: count(status['replicas']),
    ready: count(status['readyReplicas']),
    available: count(status['availableReplicas']),
    createdAt: fromTime(metadata.creationTimestamp) ?? 0,
    scaleDownAt,
    deleting: metadata.deletionTimestamp !== undefined,
  };
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.trunc(value) : 0;
}
