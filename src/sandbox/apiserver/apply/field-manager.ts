import type { StatusCause } from '../api-error.ts';
import { ApiError } from '../api-error.ts';
import type { JsonObject, JsonValue, KubeObject } from '../json.ts';
import { equal } from '../json.ts';
import type { Schema } from '../schema/schema.ts';
import type { FieldSet } from './field-set.ts';
import { FieldSet as Fields, printPath } from './field-set.ts';
import type { ManagerEntry, ManagerIdentity } from './managed-fields.ts';
import { isSameManager, readManagers, withoutServerFields } from './managed-fields.ts';
import type { Comparison } from './typed-value.ts';
import { compareValues, mergeValues, removeItems, toFieldSet } from './typed-value.ts';

/** The circumstances of one write. */
export interface FieldWrite {
  who: ManagerIdentity;
  schema: Schema | undefined;
  /** Top-level fields that this write cannot change (`status` of a main resource with a status subresource, ...). */
  resetFields: readonly string[];
  /** RFC 3339, whole seconds. */
  time: string;
}

function withoutReset(set: FieldSet, resetFields: readonly string[]): FieldSet {
  return resetFields.reduce((rest, field) => rest.without([`f:${field}`]), set);
}

/** An object without the metadata that must not take part in ownership. */
function body(object: KubeObject): JsonObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function compareObjects(before: KubeObject, after: KubeObject, write: FieldWrite): Comparison {
  const { added, modified, removed } = compareValues(body(before), body(after), write.schema);
  const { resetFields } = write;
  return {
    added: withoutReset(added, resetFields),
    modified: withoutReset(modified, resetFields),
    removed: withoutReset(removed, resetFields),
  };
}

/**
 * The managers after a write that is no apply: the writer gets every field that it changed or added, the others lose
 * them. `before` is an object without fields for a create.
 */
export function trackUpdate(before: KubeObject, after: KubeObject, write: FieldWrite): ManagerEntry[] {
  const managers = readManagers(before);
  const compared = compareObjects(before, after, write);
  const changed = compared.modified.union(compared.added);
  const own = withoutServerFields(changed);
  const rest = managers.map(entry => {
    const kept = entry.fields.difference(changed).difference(compared.removed);
    if (!isSameManager(entry, write.who)) return { ...entry, fields: kept };
    if (own.empty) return { ...entry, fields: kept };
    return { ...entry, apiVersion: write.who.apiVersion, time: write.time, fields: kept.union(own) };
  });
  if (!own.empty && !managers.some(entry => isSameManager(entry, write.who))) {
    rest.push({ ...write.who, time: write.time, fields: own });
  }
  return rest.filter(entry => !entry.fields.empty);
}

/** What an apply makes of an object: the new object (metadata.managedFields still the old ones) and its managers. */
export interface Applied {
  object: KubeObject;
  managers: ManagerEntry[];
}

/**
 * Server-side apply: merges the configuration, removes what the writer applied before and nobody owns now, and throws a
 * 409 with one cause per field when another manager owns a field with another value and `force` is false.
 * After structured-merge-diff's `merge.Updater.Apply`.
 */
export function applyConfiguration(live: KubeObject, config: KubeObject, write: FieldWrite, force: boolean): Applied {
  const managers = readManagers(live);
  const last = managers.find(entry => isSameManager(entry, write.who));
  const declared = withoutReset(toFieldSet(config, write.schema), write.resetFields);
  const others = managers.filter(entry => entry !== last);
  let merged = mergeValues(body(live), config, write.schema) as KubeObject;
  merged = withLiveFields(merged, live, write.resetFields);
  if (last !== undefined) {
    const owned = [...others.map(entry => entry.fields), declared].reduce((all, set) => all.union(set), new Fields());
    merged = pruneDropped(merged, last.fields, owned, write.schema);
  }
  const compared = compareObjects(live, merged, write);
  const changed = compared.modified.union(compared.added);
  const conflicts = others
    .map(entry => ({ entry, fields: entry.fields.intersection(changed) }))
    .filter(({ fields }) => !fields.empty);
  if (!force && conflicts.length > 0) throw conflictError(conflicts);
  const mine: ManagerEntry = { ...write.who, time: last?.time ?? write.time, fields: withoutServerFields(declared) };
  if (!equal(body(live), merged as JsonValue) || last === undefined || !sameFields(last.fields, mine.fields)) {
    mine.time = write.time;
  }
  const rest = others.map(entry => ({
    ...entry,
    fields: entry.fields.difference(changed).difference(compared.removed),
  }));
  return { object: merged, managers: [...rest, mine].filter(entry => !entry.fields.empty) };
}

function sameFields(a: FieldSet, b: FieldSet): boolean {
  return a.difference(b).empty && b.difference(a).empty;
}

function withLiveFields(object: KubeObject, live: KubeObject, fields: readonly string[]): KubeObject {
  const out = { ...object };
  for (const field of fields) {
    if (field === 'metadata') continue;
    const value = live[field];
    if (value === undefined) delete out[field];
    else out[field] = value;
  }
  return out;
}

/** Takes away what the manager applied last time and neither it nor anyone else owns now. */
function pruneDropped(merged: KubeObject, last: FieldSet, owned: FieldSet, schema: Schema | undefined): KubeObject {
  const named = (set: FieldSet): FieldSet => set.withNamedParents(schema);
  const all = named(toFieldSet(merged, schema));
  const strip = (remove: FieldSet): JsonValue => removeItems(merged, remove, schema) ?? {};
  const first = named(toFieldSet(strip(named(last)), schema));
  const second = named(toFieldSet(strip(all.difference(first.union(named(owned)))), schema));
  const pruned = strip(all.difference(second).intersection(named(last))) as JsonObject;
  return { ...pruned, apiVersion: merged.apiVersion, kind: merged.kind, metadata: pruned.metadata } as KubeObject;
}

interface Conflict {
  entry: ManagerEntry;
  fields: FieldSet;
}

function printManager(entry: ManagerEntry): string {
  const name = JSON.stringify(entry.manager);
  const text = entry.subresource === '' ? name : `${name} with subresource ${JSON.stringify(entry.subresource)}`;
  return entry.operation === 'Update' ? `${text} using ${entry.apiVersion}` : text;
}

function conflictError(conflicts: readonly Conflict[]): ApiError {
  const flat = conflicts.flatMap(({ entry, fields }) =>
    fields.paths().map(path => ({ who: printManager(entry), path: printPath(path) })),
  );
  flat.sort((a, b) => (`${a.who} ${a.path}` < `${b.who} ${b.path}` ? -1 : 1));
  const causes: StatusCause[] = flat.map(({ who, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${who}`,
    field: path,
  }));
  const [only] = flat;
  let text = `Apply failed with 1 conflict: conflict with ${only?.who}: ${only?.path}`;
  if (flat.length > 1) {
    const lines = [...new Set(flat.map(item => item.who))].flatMap(who => [
      `conflicts with ${who}:`,
      ...flat.filter(item => item.who === who).map(item => `- ${item.path}`),
    ]);
    text = `Apply failed with ${flat.length} conflicts: ${lines.join('\n')}`;
  }
  return new ApiError(409, 'Conflict', text, { causes: causes as unknown as JsonValue });
}
