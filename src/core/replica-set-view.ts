import {
  HASH_LABEL,
  MIN_READY_SECONDS_ANNOTATION,
  REPLICAS_ANNOTATION,
  REVISION_ANNOTATION,
  TEMPLATE_RESTORED_AT_ANNOTATION,
} from '../api/names.ts';
import type { ApiObject } from '../api/object-meta.ts';
import type { RolloutStatus } from '../api/rollout-status.ts';
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
  /** What we asked for last; undefined where that was not written down. */
  readonly asked: number | undefined;
  /** status.replicas */
  readonly running: number;
  readonly createdAt: number;
  /** spec.minReadySeconds */
  readonly minReadySeconds: number;
  /** What we wrote there last; undefined when it is as it was made. */
  readonly minReadySecondsAsked: number | undefined;
  /** Why its controller cannot make the pods: a quota, a policy, a webhook; undefined while it can. */
  readonly podsRefused: string | undefined;
  /** Epoch milliseconds from which it may be scaled to 0. */
  readonly scaleDownAt: number | undefined;
  /** Field manager of somebody else who wrote the pod template; undefined when nobody did. */
  readonly templateWrittenBy: string | undefined;
  /** Epoch milliseconds at which we last set it back. */
  readonly templateRestoredAt: number | undefined;
  readonly deleting: boolean;
}

/**
 * Reads a ReplicaSet, of whose managedFields only others who wrote the pod template are left; numbers that are missing or absurd count as 0,
 * because nothing may be built on them.
 */
export function viewReplicaSet(object: ApiObject, scaleDowns: RolloutStatus['scaleDowns'] = []): ReplicaSetView {
  const { metadata } = object;
  const spec = (object['spec'] ?? {}) as Record<string, unknown>;
  const status = (object['status'] ?? {}) as Record<string, unknown>;
  const asked = metadata.annotations?.[REPLICAS_ANNOTATION];
  const readyAsked = metadata.annotations?.[MIN_READY_SECONDS_ANNOTATION];
  const [writer] = (metadata['managedFields'] ?? []) as { readonly manager?: string }[];
  const planned = scaleDowns.find(({ replicaSet }) => replicaSet === metadata.name);
  return {
    target: { name: metadata.name, uid: metadata.uid ?? '', resourceVersion: metadata.resourceVersion ?? '' },
    name: metadata.name,
    hash: metadata.labels?.[HASH_LABEL] ?? '',
    revision: count(Number(metadata.annotations?.[REVISION_ANNOTATION])),
    spec: spec['replicas'] === undefined ? 1 : count(spec['replicas']),
    asked: asked === undefined ? undefined : count(Number(asked)),
    running: count(status['replicas']),
    ready: count(status['readyReplicas']),
    available: count(status['availableReplicas']),
    minReadySeconds: count(spec['minReadySeconds']),
    minReadySecondsAsked: readyAsked === undefined ? undefined : count(Number(readyAsked)),
    podsRefused: podsRefused(status['conditions']),
    createdAt: fromTime(metadata.creationTimestamp) ?? 0,
    scaleDownAt: fromTime(planned?.at),
    templateWrittenBy: writer && (writer.manager ?? 'unknown'),
    templateRestoredAt: fromTime(metadata.annotations?.[TEMPLATE_RESTORED_AT_ANNOTATION]),
    deleting: metadata.deletionTimestamp !== undefined,
  };
}

function podsRefused(conditions: unknown): string | undefined {
  if (!Array.isArray(conditions)) return undefined;
  for (const condition of conditions as ({ type?: unknown; status?: unknown; message?: unknown } | null)[])
    if (condition?.type === 'ReplicaFailure' && condition.status === 'True') return String(condition.message ?? '');
  return undefined;
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.trunc(value) : 0;
}
