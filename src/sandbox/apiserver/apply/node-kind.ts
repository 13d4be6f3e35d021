import type { JsonObject, JsonValue } from '../json.ts';
import { isObject } from '../json.ts';
import type { Schema } from '../schema/schema.ts';

/** How server-side apply treats a value: as one leaf, field by field, or entry by entry. */
export type NodeKind = 'leaf' | 'map' | 'list';

/**
 * The kind of a value under its schema. Atomic maps and lists are leaves; lists are atomic unless declared a set or a
 * map; where the schema says nothing, maps are granular and lists atomic.
 */
export function nodeKind(value: JsonValue | undefined, schema: Schema | undefined): NodeKind {
  if (Array.isArray(value)) {
    const type = schema?.['x-kubernetes-list-type'];
    return type === 'map' || type === 'set' ? 'list' : 'leaf';
  }
  if (isObject(value)) return schema?.['x-kubernetes-map-type'] === 'atomic' ? 'leaf' : 'map';
  return 'leaf';
}

/** The path element of a list entry, or undefined when it has no usable key. Defaults of key fields count. */
export function listElement(item: JsonValue, schema: Schema | undefined): string | undefined {
  if (schema?.['x-kubernetes-list-type'] === 'set') return `v:${JSON.stringify(item)}`;
  if (!isObject(item)) return undefined;
  const key: JsonObject = {};
  for (const name of [...(schema?.['x-kubernetes-list-map-keys'] ?? [])].sort()) {
    const value = item[name] ?? schema?.items?.properties?.[name]?.default;
    if (value !== undefined && value !== null) key[name] = value;
  }
  return Object.keys(key).length === 0 ? undefined : `k:${JSON.stringify(key)}`;
}

/** The entries of a list by path element; the first of several with one key wins. */
export function indexList(list: readonly JsonValue[], schema: Schema | undefined): Map<string, JsonValue> {
  const out = new Map<string, JsonValue>();
  for (const item of list) {
    const element = listElement(item, schema);
    if (element !== undefined && !out.has(element)) out.set(element, item);
  }
  return out;
}
