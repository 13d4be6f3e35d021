import {
  FIELD_MANAGER,
  HASH_LABEL,
  MIN_READY_SECONDS_ANNOTATION,
  REPLICAS_ANNOTATION,
  REVISION_ANNOTATION,
  ROLLOUT_LABEL,
  TEMPLATE_RESTORED_AT_ANNOTATION,
} from '../api/names.ts';
import { isRecord, type KubeObject, type ObjectMeta, type OwnerReference } from '../kube/kube-object.ts';
import { sharedText } from '../kube/shared-text.ts';
import { trimManagedFields } from '../kube/store.ts';

/*
 * What the caches keep of each type. A ReplicaSet as stored is 4 KB, what decisions read of it is 0.5 KB; at thousands of
 * Rollouts this is the operator's memory.
 */

const LABELS = new Set([HASH_LABEL, ROLLOUT_LABEL, 'kubernetes.io/service-name']);
const ANNOTATIONS = new Set([
  MIN_READY_SECONDS_ANNOTATION,
  REPLICAS_ANNOTATION,
  REVISION_ANNOTATION,
  TEMPLATE_RESTORED_AT_ANNOTATION,
]);

function pick(map: Record<string, string> | undefined, keys: ReadonlySet<string>): Record<string, string> | undefined {
  if (!map) return undefined;
  const kept = Object.entries(map).filter(([key]) => keys.has(key));
  return kept.length > 0 ? Object.fromEntries(kept) : undefined;
}

/** Who controls the object; who else owns it matters to the garbage collector alone. */
function controllerOf(owners: readonly OwnerReference[]): OwnerReference[] {
  return owners
    .filter(owner => owner.controller === true)
    .map(({ apiVersion, kind, name, uid }) => ({
      apiVersion: sharedText(apiVersion),
      kind: sharedText(kind),
      name,
      uid,
      controller: true,
    }));
}

/** Type and name of what is kept, and what of its metadata decisions read. */
function headOf(object: KubeObject): KubeObject {
  return {
    apiVersion: sharedText(object.apiVersion),
    kind: sharedText(object.kind),
    metadata: slimMeta(object.metadata),
  };
}

/** The same fields for every object. */
function slimMeta(meta: ObjectMeta): ObjectMeta {
  return {
    name: meta.name,
    namespace: sharedText(meta.namespace),
    uid: meta.uid,
    resourceVersion: meta.resourceVersion,
    generation: meta.generation,
    creationTimestamp: meta.creationTimestamp,
    deletionTimestamp: meta.deletionTimestamp,
    labels: pick(meta.labels, LABELS),
    annotations: pick(meta.annotations, ANNOTATIONS),
    ownerReferences: meta.ownerReferences ? controllerOf(meta.ownerReferences) : undefined,
  };
}

const part = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});

export function trimReplicaSet(object: KubeObject): KubeObject {
  const { replicas: wanted, minReadySeconds } = part(object.spec);
  const { replicas, readyReplicas, availableReplicas, conditions } = part(object.status);
  const head = headOf(object);
  return {
    ...head,
    metadata: { ...head.metadata, managedFields: othersOfTemplate(object.metadata['managedFields']) },
    spec: { replicas: wanted, minReadySeconds },
    status: { replicas, readyReplicas, availableReplicas, conditions: whyNoPods(conditions) },
  };
}

/** The condition that says why the controller could not make pods: a quota, a policy, a webhook. */
function whyNoPods(conditions: unknown): unknown[] | undefined {
  if (!Array.isArray(conditions)) return undefined;
  const failed = conditions.map(part).filter(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  return failed.length > 0 ? failed.map(({ type, status, message }) => ({ type, status, message })) : undefined;
}

/** Who but us wrote the pod template; what an admission webhook makes of our own writes is counted as ours. */
function othersOfTemplate(entries: unknown): { manager: string }[] | undefined {
  if (!Array.isArray(entries)) return undefined;
  const others = entries
    .map(part)
    .filter(({ manager, fieldsV1 }) => manager !== FIELD_MANAGER && 'f:template' in part(part(fieldsV1)['f:spec']));
  return others.length > 0 ? others.map(({ manager }) => ({ manager: String(manager) })) : undefined;
}

export function trimToMetadata(object: KubeObject): KubeObject {
  return headOf(object);
}

export function trimService(object: KubeObject): KubeObject {
  return { ...headOf(object), spec: { selector: part(object.spec).selector } };
}

const READY = { ready: true };

/** Endpoints that are not ready are as good as none. */
export function trimEndpointSlice(object: KubeObject): KubeObject {
  const endpoints = Array.isArray(object.endpoints) ? object.endpoints : [];
  return {
    ...headOf(object),
    endpoints: endpoints
      .filter(endpoint => part(part(endpoint).conditions).ready === true)
      .map(endpoint => ({ conditions: READY, targetRef: { name: part(part(endpoint).targetRef).name } })),
  };
}

export function trimRoute(object: KubeObject): KubeObject {
  const { rules, parentRefs } = part(object.spec);
  const parents = part(object.status).parents;
  return {
    ...headOf(object),
    spec: {
      parentRefs,
      rules: Array.isArray(rules) ? rules.map(rule => ({ backendRefs: part(rule).backendRefs })) : rules,
    },
    status: {
      parents: Array.isArray(parents)
        ? parents.map(parent => ({ parentRef: part(parent).parentRef, conditions: part(parent).conditions }))
        : undefined,
    },
  };
}

/** A run that has passed is only counted, quoted and removed: of its measurements the last will do. */
export function trimAnalysisRun(object: KubeObject): KubeObject {
  const run = trimManagedFields(object);
  const status = part(run.status);
  const { phase, metricResults: results } = status;
  if (phase !== 'Successful' || !Array.isArray(results)) return run;
  const metricResults = results.map(result => {
    const { measurements } = part(result);
    return Array.isArray(measurements) ? { ...result, measurements: measurements.slice(-1) } : result;
  });
  return { ...run, status: { ...status, metricResults } };
}

/** A Rollout is kept whole, apart from what only the API server's own machinery reads. */
export function trimRollout(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  const annotations = { ...metadata.annotations };
  delete annotations['kubectl.kubernetes.io/last-applied-configuration'];
  return { ...object, metadata: { ...metadata, name: object.metadata.name, annotations } };
}
