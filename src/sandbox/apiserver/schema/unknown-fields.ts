import type { JsonObject, JsonValue } from '../json.ts';
import { isObject } from '../json.ts';
import type { Schema } from './schema.ts';
import { fieldSchema, isIntOrString, isNamedField, preservesUnknown } from './schema.ts';

const topLevel = new Set(['apiVersion', 'kind', 'metadata']);

/**
 * Removes the fields that the schema does not know, in place, and returns their paths (`spec.foo`, `spec.a[0].b`).
 * `metadata` is left to the metadata rules.
 */
export function pruneUnknown(object: JsonObject, schema: Schema | undefined): string[] {
  const unknown: string[] = [];
  pruneObject(object, schema, '', unknown, true);
  return unknown;
}

function pruneObject(
  value: JsonObject,
  schema: Schema | undefined,
  path: string,
  unknown: string[],
  top: boolean,
): void {
  const keepsUnknown = preservesUnknown(schema);
  const rest = schema?.additionalProperties;
  const keepsAny = rest === true || (typeof rest === 'object' && rest !== null);
  const isTop = top || schema?.['x-kubernetes-embedded-resource'] === true;
  for (const key of Object.keys(value)) {
    if (isTop && topLevel.has(key)) continue;
    const childPath = path === '' ? key : `${path}.${key}`;
    const child = value[key] as JsonValue;
    if (isNamedField(schema, key) || (keepsAny && typeof rest === 'object')) {
      pruneValue(child, fieldSchema(schema, key), childPath, unknown);
    } else if (!keepsUnknown && !keepsAny) {
      delete value[key];
      unknown.push(childPath);
    }
  }
}

function pruneValue(value: JsonValue, schema: Schema | undefined, path: string, unknown: string[]): void {
  if (isIntOrString(schema)) return;
  if (Array.isArray(value)) {
    value.forEach((item, i) => {
      pruneValue(item, schema?.items, `${path}[${i}]`, unknown);
    });
  } else if (isObject(value)) {
    pruneObject(value, schema, path, unknown, false);
  }
}
