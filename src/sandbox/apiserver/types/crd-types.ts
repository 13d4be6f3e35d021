import type { JsonObject, JsonValue, KubeObject } from '../json.ts';
import { arrayAt, clone, isObject, numberAt, objectAt, stringAt } from '../json.ts';
import { builtinSchema } from '../schema/builtin-schema.ts';
import type { Schema } from '../schema/schema.ts';
import { age } from '../table/age.ts';
import type { Column } from '../table/columns.ts';
import { ageColumn, column, nameColumn, tableOf } from '../table/columns.ts';
import { compileJsonPath } from '../table/json-path.ts';
import type { ResourceType, ScalePaths } from './resource-type.ts';
import { apiVersionOf, storedVerbs } from './resource-type.ts';

/** The resource types that a CustomResourceDefinition serves, one per served version. */
export function typesOfCrd(crd: KubeObject): ResourceType[] {
  const spec = objectAt(crd, 'spec') ?? {};
  const versions = arrayAt(spec, 'versions').filter(isObject);
  return versions.filter(version => version.served === true).map(version => typeOfVersion(spec, version));
}

function typeOfVersion(spec: JsonObject, version: JsonObject): ResourceType {
  const names = objectAt(spec, 'names') ?? {};
  const group = stringAt(spec, 'group') ?? '';
  const kind = stringAt(names, 'kind') ?? '';
  const plural = stringAt(names, 'plural') ?? '';
  const identity = { group, version: stringAt(version, 'name') ?? '' };
  const apiVersion = apiVersionOf(identity);
  const subresources = objectAt(version, 'subresources');
  const scale = scalePaths(objectAt(subresources, 'scale'));
  return {
    ...identity,
    kind,
    listKind: stringAt(names, 'listKind') ?? `${kind}List`,
    plural,
    singular: stringAt(names, 'singular') ?? kind.toLowerCase(),
    shortNames: arrayAt(names, 'shortNames').map(String),
    categories: arrayAt(names, 'categories').map(String),
    namespaced: spec.scope === 'Namespaced',
    verbs: storedVerbs,
    storageKey: `${group}/${plural}`,
    schema: objectSchema(objectAt(objectAt(version, 'schema'), 'openAPIV3Schema')),
    custom: true,
    hasStatus: objectAt(subresources, 'status') !== undefined,
    ...(scale === undefined ? {} : { scale }),
    countsGeneration: true,
    // Conversion strategy None: only the version changes.
    fromStorage: object => (object.apiVersion === apiVersion ? object : { ...object, apiVersion }),
    ...tableOf(columnsOf(arrayAt(version, 'additionalPrinterColumns'))),
  };
}

/** The CRD's schema with the type and object metadata that every object has, and embedded resources completed. */
function objectSchema(raw: JsonObject | undefined): Schema {
  const schema = (
    raw === undefined ? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } : clone(raw)
  ) as Schema;
  completeResource(schema);
  completeEmbedded(schema);
  return schema;
}

function completeResource(schema: Schema): void {
  schema.properties = {
    ...schema.properties,
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: builtinSchema('apimachinery.pkg.apis.meta.v1.ObjectMeta'),
  };
}

function completeEmbedded(schema: Schema): void {
  for (const child of childrenOf(schema)) {
    if (child['x-kubernetes-embedded-resource'] === true) completeResource(child);
    completeEmbedded(child);
  }
}

function childrenOf(schema: Schema): Schema[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => (name === 'metadata' ? [] : [child]));
  const rest = typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : [];
  return [...own, ...rest, ...(schema.items === undefined ? [] : [schema.items])];
}

const pathKeys = (text: string | undefined): string[] | undefined => text?.split('.').filter(part => part !== '');

function scalePaths(scale: JsonObject | undefined): ScalePaths | undefined {
  const specReplicas = pathKeys(stringAt(scale, 'specReplicasPath'));
  const statusReplicas = pathKeys(stringAt(scale, 'statusReplicasPath'));
  if (specReplicas === undefined || statusReplicas === undefined) return undefined;
  const selector = pathKeys(stringAt(scale, 'labelSelectorPath'));
  return { specReplicas, statusReplicas, ...(selector === undefined ? {} : { selector }) };
}

function columnsOf(raw: JsonValue[]): Column[] {
  const extra = raw.filter(isObject).map(toColumn);
  return extra.length === 0 ? [nameColumn, ageColumn] : [nameColumn, ...extra];
}

function toColumn(raw: JsonObject): Column {
  const type = stringAt(raw, 'type') ?? 'string';
  const find = compileJsonPath(stringAt(raw, 'jsonPath') ?? '');
  const read = (object: KubeObject, nowMs: number): JsonValue => printCell(find?.(object) ?? [], type, nowMs);
  const made = column(stringAt(raw, 'name') ?? '', read, { type, format: stringAt(raw, 'format') ?? '' });
  return {
    ...made,
    priority: numberAt(raw, 'priority') ?? 0,
    description: stringAt(raw, 'description') ?? made.description,
  };
}

/** One cell, as apiextensions' table convertor prints it: the first value for numbers and dates, all of them as text. */
function printCell(values: JsonValue[], type: string, nowMs: number): JsonValue {
  const [first] = values;
  if (first === undefined || first === null) return type === 'date' ? '<unknown>' : null;
  switch (type) {
    case 'integer':
      return typeof first === 'number' ? Math.trunc(first) : null;
    case 'number':
      return typeof first === 'number' ? first : null;
    case 'boolean':
      return typeof first === 'boolean' ? first : null;
    case 'date':
      return age(first, nowMs);
    default:
      return values.map(value => (typeof value === 'string' ? value : JSON.stringify(value))).join(' ');
  }
}
