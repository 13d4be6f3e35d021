/** Any JSON value. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;

/** A JSON object; a missing key reads as `undefined`. */
export interface JsonObject {
  [key: string]: JsonValue;
}

/** A Kubernetes object as stored and served: plain JSON, never a typed model (unknown fields survive as they are). */
export interface KubeObject extends JsonObject {
  apiVersion: string;
  kind: string;
  metadata: JsonObject;
}

/** True for a JSON object, false for arrays, null and scalars. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object at `key`, or undefined when it is missing or no object. */
export function objectAt(parent: JsonObject | undefined, key: string): JsonObject | undefined {
  const value = parent?.[key];
  return isObject(value) ? value : undefined;
}

/** The array at `key`, or an empty one. */
export function arrayAt(parent: JsonObject | undefined, key: string): JsonValue[] {
  const value = parent?.[key];
  return Array.isArray(value) ? value : [];
}

/** The string at `key`, or undefined. */
export function stringAt(parent: JsonObject | undefined, key: string): string | undefined {
  const value = parent?.[key];
  return typeof value === 'string' ? value : undefined;
}

/** The number at `key`, or undefined. */
export function numberAt(parent: JsonObject | undefined, key: string): number | undefined {
  const value = parent?.[key];
  return typeof value === 'number' ? value : undefined;
}

/** The value at a path of object keys, or undefined. */
export function valueAt(root: JsonValue | undefined, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = root;
  for (const key of path) {
    if (!isObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

/** The object at `key`, created empty when it is missing or no object. */
export function ensureObject(parent: JsonObject, key: string): JsonObject {
  const value = parent[key];
  if (isObject(value)) return value;
  const created: JsonObject = {};
  parent[key] = created;
  return created;
}

/** A deep copy. */
export function clone<T extends JsonValue>(value: T): T {
  if (Array.isArray(value)) return value.map(item => clone(item)) as T;
  if (!isObject(value)) return value;
  const out: JsonObject = {};
  for (const key in value) out[key] = clone(value[key] as JsonValue);
  return out as T;
}

/** Deep equality of JSON values; a key order does not matter. */
export function equal(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]));
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every(key => Object.hasOwn(b, key) && equal(a[key], b[key]));
}

/** Removes every own `__proto__` key, in place: copying such a key would set a prototype instead of a property. */
export function dropProtoKeys(value: unknown): void {
  if (Array.isArray(value)) for (const item of value) dropProtoKeys(item);
  else if (isObject(value)) {
    Reflect.deleteProperty(value, '__proto__');
    for (const key in value) dropProtoKeys(value[key]);
  }
}
