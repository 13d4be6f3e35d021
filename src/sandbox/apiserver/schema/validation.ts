import type { FieldError } from '../api-error.ts';
import { duplicate, invalidValue, notSupported, required, tooLong, tooMany, typeInvalid } from '../api-error.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { equal, isObject } from '../json.ts';
import type { Schema } from './schema.ts';
import { fieldSchema, isIntOrString } from './schema.ts';

type Report = (error: FieldError) => void;

/** Checks a value against a schema (everything but CEL rules) and returns the wrong fields, worded as kube-openapi does. */
export function validateSchema(value: JsonValue, schema: Schema, path = ''): FieldError[] {
  const errors: FieldError[] = [];
  check(value, schema, path, error => errors.push(error));
  return errors;
}

function check(value: JsonValue, schema: Schema, path: string, report: Report): void {
  if (value === null && schema.nullable === true) return;
  const wrongType = typeError(value, schema);
  if (wrongType !== undefined) {
    report(
      typeInvalid(
        path,
        goTypeSample(value),
        `${path} in body must be of type ${wrongType}: ${JSON.stringify(goTypeName(value))}`,
      ),
    );
    return;
  }
  if (schema.enum !== undefined && !schema.enum.some(allowed => equal(allowed, value))) {
    report(
      notSupported(
        path,
        value,
        schema.enum.map(item => (typeof item === 'string' ? item : JSON.stringify(item))),
      ),
    );
  }
  if (typeof value === 'string') checkString(value, schema, path, report);
  else if (typeof value === 'number') checkNumber(value, schema, path, report);
  else if (Array.isArray(value)) checkArray(value, schema, path, report);
  else if (isObject(value)) checkObject(value, schema, path, report);
  checkJunctors(value, schema, path, report);
}

/** The type that the value should have had, or undefined when it fits. */
function typeError(value: JsonValue, schema: Schema): string | undefined {
  if (isIntOrString(schema)) return typeof value === 'string' || Number.isInteger(value) ? undefined : 'integer,string';
  switch (schema.type) {
    case 'object':
      return isObject(value) ? undefined : 'object';
    case 'array':
      return Array.isArray(value) ? undefined : 'array';
    case 'string':
      return typeof value === 'string' ? undefined : 'string';
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'boolean';
    case 'integer':
      return Number.isInteger(value) ? undefined : 'integer';
    case 'number':
      return typeof value === 'number' ? undefined : 'number';
    default:
      return undefined;
  }
}

function goTypeName(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

/** The real server prints the name of the type that it found where the value would stand. */
function goTypeSample(value: JsonValue): JsonValue {
  return goTypeName(value);
}

function checkString(value: string, schema: Schema, path: string, report: Report): void {
  const length = [...value].length;
  // The first broken rule of a text ends its validation.
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    report(tooLong(path, schema.maxLength));
    return;
  }
  if (schema.minLength !== undefined && length < schema.minLength) {
    report(invalidValue(path, value, `${path} in body should be at least ${schema.minLength} chars long`));
    return;
  }
  if (schema.pattern !== undefined && !matchesPattern(schema.pattern, value)) {
    report(invalidValue(path, value, `${path} in body should match '${schema.pattern}'`));
    return;
  }
  if (schema.format === 'date-time' && Number.isNaN(Date.parse(value))) {
    report(typeInvalid(path, value, `${path} in body must be of type date-time: ${JSON.stringify(value)}`));
  }
}

const patterns = new Map<string, RegExp | undefined>();
const longestMatched = 16_384;

/** Patterns come from installed CRDs, not from requests; a text too long to match safely does not match. */
function matchesPattern(pattern: string, value: string): boolean {
  if (!patterns.has(pattern)) patterns.set(pattern, compilePattern(pattern));
  const compiled = patterns.get(pattern);
  return compiled === undefined || (value.length <= longestMatched && compiled.test(value));
}

/** Compiles an RE2-style pattern, or undefined where JavaScript has no such syntax (then everything matches). */
export function compilePattern(pattern: string): RegExp | undefined {
  try {
    return new RegExp(pattern.replace(/^\(\?i\)/, ''), pattern.startsWith('(?i)') ? 'iu' : 'u');
  } catch {
    try {
      return new RegExp(pattern);
    } catch {
      return undefined;
    }
  }
}

function checkNumber(value: number, schema: Schema, path: string, report: Report): void {
  const { minimum, maximum, multipleOf } = schema;
  const say = (what: string): void => report(invalidValue(path, value, `${path} in body should be ${what}`));
  if (minimum !== undefined) {
    if (schema.exclusiveMinimum === true ? value <= minimum : value < minimum) {
      say(`greater than ${schema.exclusiveMinimum === true ? '' : 'or equal to '}${minimum}`);
    }
  }
  if (maximum !== undefined) {
    if (schema.exclusiveMaximum === true ? value >= maximum : value > maximum) {
      say(`less than ${schema.exclusiveMaximum === true ? '' : 'or equal to '}${maximum}`);
    }
  }
  if (multipleOf !== undefined && value % multipleOf !== 0) say(`a multiple of ${multipleOf}`);
}

function checkArray(value: JsonValue[], schema: Schema, path: string, report: Report): void {
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    report(tooMany(path, value.length, schema.maxItems));
  }
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    report(invalidValue(path, value.length, `${path} in body should have at least ${schema.minItems} items`));
  }
  const { items } = schema;
  if (items !== undefined) for (const [i, item] of value.entries()) check(item, items, `${path}[${i}]`, report);
  checkListType(value, schema, path, report);
}

/** Sets hold no value twice, maps no key twice. */
function checkListType(value: JsonValue[], schema: Schema, path: string, report: Report): void {
  const keys = schema['x-kubernetes-list-type'] === 'map' ? (schema['x-kubernetes-list-map-keys'] ?? []) : undefined;
  if (keys === undefined && schema['x-kubernetes-list-type'] !== 'set') return;
  const seen = new Set<string>();
  value.forEach((item, i) => {
    const identity = keys !== undefined && isObject(item) ? pick(item, keys) : item;
    const text = JSON.stringify(identity);
    if (seen.has(text)) report(duplicate(`${path}[${i}]`, identity));
    seen.add(text);
  });
}

function pick(item: JsonObject, keys: readonly string[]): JsonObject {
  const out: JsonObject = {};
  for (const key of keys) if (item[key] !== undefined) out[key] = item[key];
  return out;
}

function checkObject(value: JsonObject, schema: Schema, path: string, report: Report): void {
  const count = Object.keys(value).length;
  if (schema.maxProperties !== undefined && count > schema.maxProperties) {
    report(tooMany(path, count, schema.maxProperties));
  }
  if (schema.minProperties !== undefined && count < schema.minProperties) {
    report(invalidValue(path, count, `${path} in body should have at least ${schema.minProperties} properties`));
  }
  for (const key of schema.required ?? []) {
    if (!Object.hasOwn(value, key)) report(required(path === '' ? key : `${path}.${key}`));
  }
  for (const key of Object.keys(value)) {
    const child = fieldSchema(schema, key);
    if (child !== undefined) check(value[key] as JsonValue, child, path === '' ? key : `${path}.${key}`, report);
  }
}

function checkJunctors(value: JsonValue, schema: Schema, path: string, report: Report): void {
  const fits = (branch: Schema): boolean => validateSchema(value, branch, path).length === 0;
  for (const branch of schema.allOf ?? []) check(value, branch, path, report);
  if (schema.anyOf !== undefined && !isIntOrString(schema) && !schema.anyOf.some(fits)) {
    report(invalidValue(path, value, `${path} in body must validate at least one schema (anyOf)`));
  }
  if (schema.oneOf !== undefined && !isIntOrString(schema)) {
    const count = schema.oneOf.filter(fits).length;
    if (count !== 1) {
      const found = count === 0 ? 'Found none valid' : `Found ${count} valid alternatives`;
      report(invalidValue(path, value, `${path} in body must validate one and only one schema (oneOf). ${found}`));
    }
  }
  if (schema.not !== undefined && fits(schema.not)) {
    report(invalidValue(path, value, `${path} in body must not validate the schema (not)`));
  }
}
