import type { JsonObject, JsonValue } from '../json.ts';
import { clone, isObject } from '../json.ts';
import type { Schema } from './schema.ts';
import { fieldSchema } from './schema.ts';

/** Fills in the schema's defaults, in place, and drops nulls that a default replaces (structural defaulting). */
export function applySchemaDefaults(value: JsonValue | undefined, schema: Schema | undefined): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) {
    for (const item of value) applySchemaDefaults(item, schema.items);
    return;
  }
  if (!isObject(value)) return;
  fillMissing(value, schema);
  for (const key of Object.keys(value)) applySchemaDefaults(value[key], fieldSchema(schema, key));
}

function fillMissing(value: JsonObject, schema: Schema): void {
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if (property.default === undefined) continue;
    if (value[key] === null && property.nullable !== true) delete value[key];
    if (!Object.hasOwn(value, key)) value[key] = clone(property.default);
  }
}

/** Removes every null member, in place: a typed decoder reads a null as an absent field. */
export function dropNulls(value: JsonValue | undefined, schema?: Schema): void {
  if (Array.isArray(value)) for (const item of value) dropNulls(item, schema?.items);
  else if (isObject(value)) {
    if (schema?.['x-kubernetes-preserve-unknown-fields'] === true) return;
    for (const key of Object.keys(value)) {
      if (value[key] === null) delete value[key];
      else dropNulls(value[key], schema === undefined ? undefined : fieldSchema(schema, key));
    }
  }
}

/**
 * Removes empty maps and lists that a typed encoder leaves out, in place: optional ones that are no struct. Only for
 * values with a built-in schema.
 */
export function dropEmpty(value: JsonValue | undefined, schema: Schema | undefined): void {
  if (schema === undefined || schema['x-kubernetes-preserve-unknown-fields'] === true) return;
  if (Array.isArray(value)) for (const item of value) dropEmpty(item, schema.items);
  else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      const child = value[key];
      const childSchema = fieldSchema(schema, key);
      const isOptional = schema.properties !== undefined && schema.required?.includes(key) !== true;
      if (isOptional && isEmptyCollection(child, childSchema)) delete value[key];
      else dropEmpty(child, childSchema);
    }
  }
}

function isEmptyCollection(value: JsonValue | undefined, schema: Schema | undefined): boolean {
  if (Array.isArray(value)) return value.length === 0;
  const isMap = schema?.additionalProperties !== undefined;
  return isMap && isObject(value) && Object.keys(value).length === 0;
}
