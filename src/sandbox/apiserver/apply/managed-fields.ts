import type { JsonObject, JsonValue, KubeObject } from '../json.ts';
import { arrayAt, isObject, objectAt, stringAt } from '../json.ts';
import { FieldSet } from './field-set.ts';

/** One writer of an object and the fields it owns. */
export interface ManagerEntry {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  subresource: string;
  time: string | undefined;
  fields: FieldSet;
}

/** What identifies a writer. */
export type ManagerIdentity = Pick<ManagerEntry, 'manager' | 'operation' | 'apiVersion' | 'subresource'>;

/** True when an entry belongs to a writer. Applies of another version of the type are the same writer. */
export function isSameManager(entry: ManagerIdentity, other: ManagerIdentity): boolean {
  return (
    entry.manager === other.manager &&
    entry.operation === other.operation &&
    entry.subresource === other.subresource &&
    (entry.operation === 'Apply' || entry.apiVersion === other.apiVersion)
  );
}

/** Reads `metadata.managedFields`; broken entries are left out. */
export function readManagers(object: KubeObject): ManagerEntry[] {
  const entries: ManagerEntry[] = [];
  for (const raw of arrayAt(object.metadata, 'managedFields')) {
    if (!isObject(raw)) continue;
    entries.push({
      manager: stringAt(raw, 'manager') ?? '',
      operation: raw.operation === 'Apply' ? 'Apply' : 'Update',
      apiVersion: stringAt(raw, 'apiVersion') ?? '',
      subresource: stringAt(raw, 'subresource') ?? '',
      time: stringAt(raw, 'time'),
      fields: FieldSet.fromFieldsV1(objectAt(raw, 'fieldsV1') ?? {}),
    });
  }
  return entries;
}

/** Writes `metadata.managedFields` in the server's order: applies first, then by time, then by name. Changes `metadata`. */
export function writeManagers(metadata: JsonObject, entries: readonly ManagerEntry[]): void {
  const kept = entries.filter(entry => !entry.fields.empty);
  if (kept.length === 0) {
    delete metadata.managedFields;
    return;
  }
  metadata.managedFields = [...kept].sort(byServerOrder).map(entry => {
    const raw: JsonObject = { manager: entry.manager, operation: entry.operation, apiVersion: entry.apiVersion };
    if (entry.time !== undefined) raw.time = entry.time;
    raw.fieldsType = 'FieldsV1';
    raw.fieldsV1 = entry.fields.toFieldsV1();
    if (entry.subresource !== '') raw.subresource = entry.subresource;
    return raw as JsonValue;
  });
}

function byServerOrder(a: ManagerEntry, b: ManagerEntry): number {
  const keys = (entry: ManagerEntry): string[] => [
    entry.operation,
    entry.time ?? '',
    entry.manager,
    entry.apiVersion,
    entry.subresource,
  ];
  const left = keys(a);
  const right = keys(b);
  for (const [i, value] of left.entries()) {
    const other = right[i] ?? '';
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}

const strippedMetadata = [
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
];

/** The paths that nobody owns: identity and what the server sets. */
export function withoutServerFields(fields: FieldSet): FieldSet {
  const strip = new FieldSet();
  for (const path of [
    ['f:apiVersion'],
    ['f:kind'],
    ['f:metadata'],
    ...strippedMetadata.map(n => ['f:metadata', `f:${n}`]),
  ]) {
    strip.insert(path);
  }
  return fields.difference(strip);
}
