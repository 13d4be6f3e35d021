import { ApiError, badRequest } from '../api-error.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { arrayAt, clone, equal, isObject } from '../json.ts';
import type { Schema } from '../schema/schema.ts';
import { fieldSchema } from '../schema/schema.ts';

const directives = ['$patch', '$retainKeys'];
const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';

/**
 * Applies a strategic merge patch to a copy of the document: lists with a patch merge key merge entry by entry, lists of
 * scalars marked `merge` become unions, `$patch: delete|replace`, `$retainKeys`, `$setElementOrder/…` and
 * `$deleteFromPrimitiveList/…` are honoured. Throws 500 (as the real server) for an entry without its merge key.
 */
export function applyStrategicMergePatch(document: JsonValue, patch: JsonValue, schema: Schema | undefined): JsonValue {
  if (!isObject(patch)) throw badRequest('error decoding patch: json: cannot unmarshal into map[string]interface {}');
  return mergeMap(isObject(document) ? document : {}, patch, schema);
}

function mergeMap(document: JsonObject, patch: JsonObject, schema: Schema | undefined): JsonObject {
  if (patch.$patch === 'replace') return stripDirectives(patch);
  if (patch.$patch === 'delete') return {};
  const out = clone(document);
  const retain = patch.$retainKeys;
  if (Array.isArray(retain)) for (const key of Object.keys(out)) if (!retain.includes(key)) delete out[key];
  for (const [key, value] of Object.entries(patch)) {
    if (directives.includes(key)) continue;
    if (key.startsWith(orderPrefix)) continue;
    if (key.startsWith(deletePrefix)) {
      const field = key.slice(deletePrefix.length);
      const gone = Array.isArray(value) ? value : [];
      if (Array.isArray(out[field])) out[field] = arrayAt(out, field).filter(item => !gone.some(g => equal(g, item)));
      continue;
    }
    if (value === null) delete out[key];
    else out[key] = mergeField(out[key], value, fieldSchema(schema, key));
  }
  for (const [key, value] of Object.entries(patch)) {
    if (!key.startsWith(orderPrefix) || !Array.isArray(value)) continue;
    const field = key.slice(orderPrefix.length);
    if (Array.isArray(out[field])) out[field] = reorder(arrayAt(out, field), value, fieldSchema(schema, field));
  }
  return out;
}

function mergeField(current: JsonValue | undefined, value: JsonValue, schema: Schema | undefined): JsonValue {
  const strategy = schema?.['x-kubernetes-patch-strategy'] ?? '';
  if (isObject(value)) {
    if (strategy.split(',').includes('replace')) return stripDirectives(value);
    return mergeMap(isObject(current) ? current : {}, value, schema);
  }
  if (!Array.isArray(value)) return value;
  if (!strategy.split(',').includes('merge'))
    return value.map(item => (isObject(item) ? stripDirectives(item) : clone(item)));
  const list = Array.isArray(current) ? current : [];
  const key = schema?.['x-kubernetes-patch-merge-key'];
  if (key === undefined) return [...clone(list), ...value.filter(item => !list.some(other => equal(other, item)))];
  return mergeKeyedList(list, value, key, schema?.items);
}

function mergeKeyedList(list: JsonValue[], patch: JsonValue[], key: string, items: Schema | undefined): JsonValue[] {
  if (patch.some(entry => isObject(entry) && entry.$patch === 'replace')) {
    return patch.filter(entry => !(isObject(entry) && entry.$patch === 'replace')).map(entry => clone(entry));
  }
  let out = clone(list);
  for (const entry of patch) {
    if (!isObject(entry)) continue;
    if (entry[key] === undefined) {
      throw new ApiError(500, '', `map: ${JSON.stringify(entry)} does not contain declared merge key: ${key}`);
    }
    const same = (item: JsonValue): boolean => isObject(item) && equal(item[key], entry[key]);
    if (entry.$patch === 'delete') {
      out = out.filter(item => !same(item));
      continue;
    }
    const at = out.findIndex(same);
    const current = out[at];
    if (isObject(current)) out[at] = mergeMap(current, entry, items);
    else out.push(mergeMap({}, entry, items));
  }
  return out;
}

/** Puts the entries that the order names into that order; the others keep their places after what preceded them. */
function reorder(list: JsonValue[], order: JsonValue[], schema: Schema | undefined): JsonValue[] {
  const key = schema?.['x-kubernetes-patch-merge-key'];
  const identity = (item: JsonValue): JsonValue => (key !== undefined && isObject(item) ? (item[key] ?? null) : item);
  const rank = (item: JsonValue): number => order.findIndex(other => equal(identity(other), identity(item)));
  const named = list.filter(item => rank(item) >= 0).sort((a, b) => rank(a) - rank(b));
  const out: JsonValue[] = [];
  for (const item of list) out.push(rank(item) >= 0 ? (named.shift() as JsonValue) : item);
  return out;
}

function stripDirectives(value: JsonObject): JsonObject {
  const out = clone(value);
  for (const directive of directives) delete out[directive];
  return out;
}
