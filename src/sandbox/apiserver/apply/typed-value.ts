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
  compareAt({ before, after, hadParent: true, hasParent: true }, schema, [], comparison);
  return comparison;
}

/** The two values at a path, and whether the real server's typed objects hold the struct around them. */
interface Pair {
  before: Side;
  after: Side;
  hadParent: boolean;
  hasParent: boolean;
}

type Side = JsonValue | undefined;

function isEmptyish(value: Side): boolean {
  if (value === undefined || value === null) return true;
  return Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0;
}

function compareAt(pair: Pair, schema: Schema | undefined, path: string[], out: Comparison): void {
  const { before, after } = pair;
  const wasKind = nodeKind(before, schema);
  const isKind = nodeKind(after, schema);
  const kind = after === undefined || after === null ? wasKind : isKind;
  const sameShape =
    before === undefined || before === null || after === undefined || after === null || wasKind === isKind;
  if (kind === 'leaf' || !sameShape || (isEmptyish(before) && isEmptyish(after))) {
    if (before === undefined) out.added.insert(path);
    else if (after === undefined) out.removed.insert(path);
    else if (!equal(before, after)) out.modified.insert(path);
    return;
  }
  // A struct that the real server holds by value is there wherever its parent is, even when the JSON leaves it out.
  const isHeld = schema?.heldByValue === true;
  const had = before !== undefined || (isHeld && pair.hadParent);
  const has = after !== undefined || (isHeld && pair.hasParent);
  if (kind === 'list') compareLists(before, after, schema, path, out);
  else compareMaps(before, after, { had, has }, schema, path, out);
  if (!had) out.added.insert(path);
  else if (!has) out.removed.insert(path);
}

function compareMaps(
  before: Side,
  after: Side,
  presence: { had: boolean; has: boolean },
  schema: Schema | undefined,
  path: string[],
  out: Comparison,
): void {
  const left = isObject(before) ? before : {};
  const right = isObject(after) ? after : {};
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const pair = { before: left[key], after: right[key], hadParent: presence.had, hasParent: presence.has };
    compareAt(pair, fieldSchema(schema, key), [...path, `f:${key}`], out);
  }
}

function compareLists(before: Side, after: Side, schema: Schema | undefined, path: string[], out: Comparison): void {
  const left = indexList(Array.isArray(before) ? before : [], schema);
  const right = indexList(Array.isArray(after) ? after : [], schema);
  for (const element of new Set([...left.keys(), ...right.keys()])) {
    const pair = { before: left.get(element), after: right.get(element), hadParent: false, hasParent: false };
    compareAt(pair, schema?.items, [...path, element], out);
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

/**
 * Entries of both lists: in the applied order where both name them, live-only entries before what follows them.
 * The order is that of structured-merge-diff's `mergingWalker.visitListItems`.
 */
function mergeLists(live: JsonValue[], applied: JsonValue[], schema: Schema | undefined): JsonValue[] {
  const left = indexList(live, schema);
  const right = indexList(applied, schema);
  const leftKeys = [...left.keys()];
  const rightKeys = [...right.keys()];
  const shared = rightKeys.filter(key => left.has(key));
  const merged = new Set<string>();
  const out: JsonValue[] = [];
  const take = (key: string): void => {
    merged.add(key);
    out.push(mergeValues(left.get(key), right.get(key) as JsonValue, schema?.items));
    if (shared[0] === key) shared.shift();
  };
  let l = 0;
  let r = 0;
  while (l < leftKeys.length || r < rightKeys.length) {
    const leftKey = leftKeys[l];
    const rightKey = rightKeys[r];
    if (leftKey !== undefined && !right.has(leftKey)) {
      out.push(left.get(leftKey) as JsonValue);
      l += 1;
    } else if (leftKey !== undefined && rightKey !== undefined && leftKey !== rightKey && leftKey !== shared[0]) {
      // Shared, but not the one that comes next in the applied order: it is taken from there.
      l += 1;
    } else {
      if (leftKey !== undefined && (leftKey === rightKey || merged.has(leftKey) || rightKey === undefined)) l += 1;
      if (rightKey !== undefined) {
        take(rightKey);
        r += 1;
      }
    }
  }
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
