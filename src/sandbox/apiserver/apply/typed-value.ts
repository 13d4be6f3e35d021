import type { JsonObject, JsonValue } from '../json.ts';
import { equal, isObject } from '../json.ts';
import type { Schema } from '../schema/schema.ts';
import { fieldSchema, isNamedField } from '../schema/schema.ts';
import { FieldSet } from './field-set.ts';
import { indexList, listElement, nodeKind } from './node-kind.ts';

/** What changed between two objects, as sets of paths. */
export interface Comparison {
  added: FieldSet;
  modified: FieldSet;
  removed: FieldSet;
}

/** The paths that an applied configuration declares. */
export function toFieldSet(value: JsonValue, schema: Schema | undefined): FieldSet {
  const set = new FieldSet();
  collect(value, schema, set);
  return set;
}

function collect(value: JsonValue, schema: Schema | undefined, set: FieldSet): void {
  const kind = nodeKind(value, schema);
  if (kind === 'leaf') set.member = true;
  else if (kind === 'list') collectList(value as JsonValue[], schema, set);
  else collectMap(value as JsonObject, schema, set);
}

function collectList(list: readonly JsonValue[], schema: Schema | undefined, set: FieldSet): void {
  for (const item of list) {
    const element = listElement(item, schema);
    if (element === undefined) continue;
    const child = set.at(element);
    collect(item, schema?.items, child);
    child.member = true;
  }
}

function collectMap(map: JsonObject, schema: Schema | undefined, set: FieldSet): void {
  for (const [key, value] of Object.entries(map)) {
    const child = set.at(`f:${key}`);
    collect(value, fieldSchema(schema, key), child);
    const isEmpty = value === null || (isObject(value) && Object.keys(value).length === 0);
    if (isEmpty || !isNamedField(schema, key)) child.member = true;
  }
}

/** Compares two objects path by path. */
export function compareValues(before: JsonValue, after: JsonValue, schema: Schema | undefined): Comparison {
  const comparison = { added: new FieldSet(), modified: new FieldSet(), removed: new FieldSet() };
  compareAt(before, after, schema, [], comparison);
  return comparison;
}

type Side = JsonValue | undefined;

function isEmptyish(value: Side): boolean {
  if (value === undefined || value === null) return true;
  return Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0;
}

function compareAt(before: Side, after: Side, schema: Schema | undefined, path: string[], out: Comparison): void {
  const kinds = [nodeKind(before, schema), nodeKind(after, schema)];
  const kind =
    before === undefined || before === null ? kinds[1] : after === undefined || after === null ? kinds[0] : kinds[1];
  const sameShape = before === undefined || after === undefined || kinds[0] === kinds[1];
  if (kind === 'leaf' || !sameShape || (isEmptyish(before) && isEmptyish(after))) {
    if (before === undefined) out.added.insert(path);
    else if (after === undefined) out.removed.insert(path);
    else if (!equal(before, after)) out.modified.insert(path);
    return;
  }
  if (kind === 'list') compareLists(before, after, schema, path, out);
  else compareMaps(before, after, schema, path, out);
  // A struct that the real server holds by value exists on both sides even when the JSON leaves it out.
  if (path.length === 0 || (schema?.heldByValue === true && path.at(-1)?.startsWith('f:') === true)) return;
  if (before === undefined) out.added.insert(path);
  else if (after === undefined) out.removed.insert(path);
}

function compareMaps(before: Side, after: Side, schema: Schema | undefined, path: string[], out: Comparison): void {
  const left = isObject(before) ? before : {};
  const right = isObject(after) ? after : {};
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    compareAt(left[key], right[key], fieldSchema(schema, key), [...path, `f:${key}`], out);
  }
}

function compareLists(before: Side, after: Side, schema: Schema | undefined, path: string[], out: Comparison): void {
  const left = indexList(Array.isArray(before) ? before : [], schema);
  const right = indexList(Array.isArray(after) ? after : [], schema);
  for (const element of new Set([...left.keys(), ...right.keys()])) {
    compareAt(left.get(element), right.get(element), schema?.items, [...path, element], out);
  }
}

/** Merges an applied configuration over the live object: granular maps and keyed lists merge, everything else replaces. */
export function mergeValues(live: JsonValue | undefined, applied: JsonValue, schema: Schema | undefined): JsonValue {
  const kind = nodeKind(applied, schema);
  if (live === undefined || live === null || kind === 'leaf' || nodeKind(live, schema) !== kind) return applied;
  if (kind === 'list') return mergeLists(live as JsonValue[], applied as JsonValue[], schema);
  const out: JsonObject = { ...(live as JsonObject) };
  for (const [key, value] of Object.entries(applied as JsonObject)) {
    out[key] = mergeValues(out[key], value, fieldSchema(schema, key));
  }
  return out;
}

/** Keeps the applied order; live entries that the configuration does not name stay before what followed them. */
function mergeLists(live: JsonValue[], applied: JsonValue[], schema: Schema | undefined): JsonValue[] {
  const wanted = indexList(applied, schema);
  const present = indexList(live, schema);
  const order = live.map(item => listElement(item, schema));
  const out: JsonValue[] = [];
  let position = 0;
  const takeUnnamed = (until: string | undefined): void => {
    for (; position < live.length; position += 1) {
      const element = order[position];
      if (element !== undefined && element === until) return;
      if (element === undefined || !wanted.has(element)) out.push(live[position] as JsonValue);
    }
  };
  for (const [element, item] of wanted) {
    if (order.indexOf(element, position) >= 0) {
      takeUnnamed(element);
      position += 1;
    }
    out.push(mergeValues(present.get(element), item, schema?.items));
  }
  takeUnnamed(undefined);
  return out;
}

/** The value without the paths of a set and whatever is under them; undefined when nothing is left of it. */
export function removeItems(value: JsonValue, remove: FieldSet, schema: Schema | undefined): JsonValue | undefined {
  const kind = nodeKind(value, schema);
  if (kind === 'leaf' || isEmptyish(value)) return value;
  if (kind === 'list') {
    const kept: JsonValue[] = [];
    for (const item of value as JsonValue[]) {
      const node = remove.children.get(listElement(item, schema) ?? '');
      if (node?.member === true) continue;
      const rest = node === undefined ? item : removeItems(item, node, schema?.items);
      if (rest !== undefined) kept.push(rest);
    }
    return kept.length === 0 ? undefined : kept;
  }
  const out: JsonObject = {};
  for (const [key, child] of Object.entries(value as JsonObject)) {
    const node = remove.children.get(`f:${key}`);
    if (node?.member === true) continue;
    const rest = node === undefined ? child : removeItems(child, node, fieldSchema(schema, key));
    if (rest !== undefined) out[key] = rest;
  }
  return Object.keys(out).length === 0 ? undefined : out;
}
