/** One served resource type: everything needed to build its URLs and to fill in what list items leave out. */
export interface ResourceType {
  /** API group; the empty string is the core group. */
  readonly group: string;
  readonly version: string;
  /** Lower-case plural as in the URL, e.g. `replicasets`. */
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Which collection, object or subresource of a type is meant. */
export interface ResourceLocation {
  /** Left out for cluster-scoped types, and for a namespaced type to mean all namespaces (lists only). */
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
}

/** The `apiVersion` field of objects of this type: `v1`, `apps/v1`. */
export function apiVersionOf(type: ResourceType): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** A short label for metrics and messages: `pods`, `replicasets.apps`. */
export function resourceLabel(type: ResourceType): string {
  return type.group === '' ? type.plural : `${type.plural}.${type.group}`;
}

/** The discovery document of the type's group and version: `/api/v1`, `/apis/apps/v1`. */
export function groupVersionPath(type: Pick<ResourceType, 'group' | 'version'>): string {
  return type.group === '' ? `/api/${segment(type.version)}` : `/apis/${segment(type.group)}/${segment(type.version)}`;
}

/**
 * The URL path of a collection, an object or a subresource.
 * Example: apps/v1 replicasets, shop, web-1, scale -> `/apis/apps/v1/namespaces/shop/replicasets/web-1/scale`.
 * @throws RangeError when a segment could escape its place in the path (empty, `.` or `..`).
 */
export function resourcePath(type: ResourceType, at: ResourceLocation = {}): string {
  let path = groupVersionPath(type);
  if (type.namespaced && at.namespace !== undefined) path += `/namespaces/${segment(at.namespace)}`;
  else if (type.namespaced && at.name !== undefined) {
    throw new RangeError(`${resourceLabel(type)} "${at.name}" is namespaced: give its namespace`);
  }
  path += `/${segment(type.plural)}`;
  if (at.name !== undefined) path += `/${segment(at.name)}`;
  if (at.subresource !== undefined) path += `/${segment(at.subresource)}`;
  return path;
}

function segment(value: string): string {
  if (value === '' || value === '.' || value === '..') throw new RangeError(`"${value}" cannot be part of an API path`);
  return encodeURIComponent(value);
}
