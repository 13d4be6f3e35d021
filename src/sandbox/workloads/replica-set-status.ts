import { matchesSelector } from './label-selector.ts';
import type { Pod, ReplicaSet, StatusCondition } from './workload-objects.ts';
import { isPodReady } from './workload-objects.ts';

/** Status of a ReplicaSet, and when a pod's minReadySeconds are over. */
export interface ReplicaSetReport {
  readonly status: Record<string, unknown>;
  /** Milliseconds until the next ready pod counts as available; undefined when none is waiting. */
  readonly nextAvailableInMs: number | undefined;
}

/**
 * Counts the pods of a ReplicaSet. A pod is available when it has been ready for minReadySeconds: with 10 s and pods ready since
 * 4 s and 12 s, one of two is available and the next one follows in 6 s.
 */
export function replicaSetReport(
  replicaSet: ReplicaSet,
  pods: readonly Pod[],
  now: { readonly ms: number; readonly text: string },
  failure: string | undefined,
): ReplicaSetReport {
  const { minReadySeconds = 0, template } = replicaSet.spec;
  const ready = pods.filter(isPodReady);
  const waits = ready.map(pod => minReadySeconds * 1000 - (now.ms - readySinceMs(pod, now.ms)));
  const pending = waits.filter(wait => minReadySeconds > 0 && wait > 0);
  const templateLabels = { matchLabels: template?.metadata?.labels ?? {} };
  const conditions = conditionsOf(replicaSet.status?.conditions ?? [], failure, now.text);
  return {
    status: {
      replicas: pods.length,
      fullyLabeledReplicas: pods.filter(pod => matchesSelector(templateLabels, pod.metadata.labels)).length,
      readyReplicas: ready.length,
      availableReplicas: ready.length - pending.length,
      observedGeneration: replicaSet.metadata.generation ?? 0,
      ...(conditions.length > 0 || replicaSet.status?.conditions ? { conditions } : {}),
    },
    nextAvailableInMs: pending.length > 0 ? Math.min(...pending) : undefined,
  };
}

function readySinceMs(pod: Pod, nowMs: number): number {
  const ready = pod.status?.conditions?.find(condition => condition.type === 'Ready');
  const since = Date.parse(ready?.lastTransitionTime ?? '');
  return Number.isNaN(since) ? nowMs : since;
}

function conditionsOf(old: readonly StatusCondition[], failure: string | undefined, now: string): StatusCondition[] {
  const others = old.filter(condition => condition.type !== 'ReplicaFailure');
  if (failure === undefined) return others;
  const before = old.find(condition => condition.type === 'ReplicaFailure');
  const lastTransitionTime = before?.lastTransitionTime ?? now;
  return [
    ...others,
    { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: failure, lastTransitionTime },
  ];
}
