import type { JsonValue } from '../json.ts';
import { isObject } from '../json.ts';
import type { Schema } from './schema.ts';
import { fieldSchema, isIntOrString } from './schema.ts';

/**
 * A JSON value as CEL sees it under its schema: integers become BigInt (CEL `int`), `format: date-time` a Date
 * (`timestamp`), maps plain objects without a prototype.
 */
export function celValue(value: JsonValue | undefined, schema: Schema | undefined): unknown {
  if (typeof value === 'number') {
    const isInt = schema?.type === 'integer' || (schema?.type !== 'number' && Number.isSafeInteger(value));
    return isInt && Number.isInteger(value) ? BigInt(value) : value;
  }
  if (typeof value === 'string') {
    if (schema?.format === 'date-time' && schema.type === 'string') return new Date(value);
    return value;
  }
  if (Array.isArray(value)) return value.map(item => celValue(item, schema?.items));
  if (isObject(value) && !isIntOrString(schema)) {
    const out: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const key of Object.keys(value)) out[key] = celValue(value[key], fieldSchema(schema, key));
    return out;
  }
  return value ?? null;
}
