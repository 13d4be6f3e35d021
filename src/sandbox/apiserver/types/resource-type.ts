import type { FieldError } from '../api-error.ts';
import type { JsonObject, JsonValue, KubeObject } from '../json.ts';
import type { Schema } from '../schema/schema.ts';

/** A column of a `Table` answer. Priority 0 is always shown, 1 only with `-o wide`. */
export interface ColumnDefinition {
  name: string;
  type: string;
  format: string;
  description: string;
  priority: number;
}

/** Where the scale subresource finds its numbers: paths of object keys, or undefined when the type has no scale. */
export interface ScalePaths {
  specReplicas: readonly string[];
  statusReplicas: readonly string[];
  selector?: readonly string[];
}

/** One served resource: what discovery says of it, and the rules that its writes go through. */
export interface ResourceType {
  group: string;
  version: string;
  kind: string;
  listKind: string;
  plural: string;
  singular: string;
  shortNames: readonly string[];
  categories: readonly string[];
  namespaced: boolean;
  verbs: readonly string[];
  /** Types with the same key share their objects (core and events.k8s.io events; the versions of one CRD). */
  storageKey: string;
  schema: Schema | undefined;
  /** True for kinds of a CRD: pruned, validated and defaulted by their schema alone. */
  custom: boolean;
  hasStatus: boolean;
  scale?: ScalePaths;
  /** True when a change outside metadata and status counts up `metadata.generation`. */
  countsGeneration: boolean;
  /** Fills in what the real server fills in. Changes the object in place. */
  applyDefaults?: (object: KubeObject) => void;
  /** Rules beyond the schema. `old` is undefined on create. */
  validate?: (object: KubeObject, old: KubeObject | undefined) => FieldError[];
  /** Converts from and to the stored form when another type owns the storage. */
  fromStorage?: (object: KubeObject) => KubeObject;
  toStorage?: (object: KubeObject) => KubeObject;
  columns: readonly ColumnDefinition[];
  /** The cells of one object, in the order of `columns`. `nowMs` is the time that ages are counted from. */
  cells: (object: KubeObject, nowMs: number) => JsonValue[];
}

/** `group/version`, or the version alone for the core group. */
export function apiVersionOf(type: { group: string; version: string }): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** What errors call this type. */
export function resourceName(type: ResourceType): { group: string; resource: string } {
  return { group: type.group, resource: type.plural };
}

/** All verbs of an ordinary stored resource. */
export const storedVerbs: readonly string[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

/** A `status` value to copy or delete; status of a type without one is ordinary data. */
export function copyStatus(from: KubeObject, to: JsonObject): void {
  const status = from.status;
  if (status === undefined) delete to.status;
  else to.status = status;
}
