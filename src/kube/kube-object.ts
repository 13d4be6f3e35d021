/** One entry of `metadata.ownerReferences`. */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean | undefined;
  blockOwnerDeletion?: boolean | undefined;
}

/** The part of `metadata` that this room reads. Everything else passes through untouched. */
export interface ObjectMeta {
  name: string;
  namespace?: string | undefined;
  uid?: string | undefined;
  resourceVersion?: string | undefined;
  generation?: number | undefined;
  creationTimestamp?: string | undefined;
  deletionTimestamp?: string | undefined;
  labels?: Record<string, string> | undefined;
  annotations?: Record<string, string> | undefined;
  finalizers?: string[] | undefined;
  ownerReferences?: OwnerReference[] | undefined;
  [field: string]: unknown;
}

/**
 * Any Kubernetes object as raw JSON. Typed models would drop fields that their generator did not know,
 * and a pod template that lost a field hashes differently; so nothing here is ever converted.
 */
export interface KubeObject {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** Names one object of a known type. `namespace` is left out for cluster-scoped types. */
export interface ObjectName {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** Whether a parsed JSON value is an object (not null, not an array). */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The key of an object in caches and queues: `namespace/name`, or `name` when cluster-scoped. */
export function objectKey(name: ObjectName): string {
  return name.namespace ? `${name.namespace}/${name.name}` : name.name;
}

/** Splits the key of an object that has a namespace, `namespace/name`. */
export function nameOf(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

function isStringMap(value: unknown): boolean {
  return value === undefined || (isRecord(value) && Object.values(value).every(entry => typeof entry === 'string'));
}

function isOptionalString(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

/**
 * Checks that a parsed value can be cached: the metadata fields this room and its users rely on have the right types.
 * @returns undefined when it is fine, else what is wrong with it.
 */
export function malformedReason(value: unknown): string | undefined {
  if (!isRecord(value)) return 'not an object';
  const meta = value.metadata;
  if (!isRecord(meta)) return 'metadata is not an object';
  if (typeof meta.name !== 'string' || meta.name === '') return 'metadata.name is not a non-empty string';
  if (typeof meta.uid !== 'string' || meta.uid === '') return 'metadata.uid is not a non-empty string';
  if (typeof meta.resourceVersion !== 'string') return 'metadata.resourceVersion is not a string';
  for (const field of ['namespace', 'creationTimestamp', 'deletionTimestamp']) {
    if (!isOptionalString(meta[field])) return `metadata.${field} is not a string`;
  }
  if (!isStringMap(meta.labels)) return 'metadata.labels is not a map of strings';
  if (!isStringMap(meta.annotations)) return 'metadata.annotations is not a map of strings';
  const owners = meta.ownerReferences;
  if (owners !== undefined && !(Array.isArray(owners) && owners.every(isRecord))) {
    return 'metadata.ownerReferences is not a list of objects';
  }
  return undefined;
}
