import { Environment } from '@marcbachmann/cel-js';
import type { FieldError } from '../api-error.ts';
import { duplicate, forbiddenField, invalidUnprinted, invalidValue, required } from '../api-error.ts';
import type { JsonValue, KubeObject } from '../json.ts';
import { equal, isObject } from '../json.ts';
import { celValue } from './cel-value.ts';
import type { Schema, ValidationRule } from './schema.ts';
import { fieldSchema, isIntOrString } from './schema.ts';
import { compilePattern } from './validation.ts';

type Program = (variables: Record<string, unknown>) => unknown;

const environment = new Environment({
  unlistedVariablesAreDyn: true,
  enableOptionalTypes: true,
  homogeneousAggregateLiterals: false,
})
  .registerVariable('self', 'dyn')
  .registerVariable('oldSelf', 'dyn');
registerKubernetesFunctions(environment);

function registerKubernetesFunctions(env: Environment): void {
  const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
  const extra: [string, (...args: never[]) => unknown][] = [
    [
      'list.isSorted(): bool',
      (items: unknown) => list(items).every((item, i, all) => i === 0 || (all[i - 1] as number) <= (item as number)),
    ],
    [
      'list.sum(): dyn',
      (items: unknown) =>
        list(items).reduce(
          (sum, item) => (sum as number) + (item as number),
          list(items).some(item => typeof item === 'bigint') ? 0n : 0,
        ),
    ],
    ['list.min(): dyn', (items: unknown) => list(items).reduce((a, b) => Math.min(a as number, b as number))],
    ['list.max(): dyn', (items: unknown) => list(items).reduce((a, b) => Math.max(a as number, b as number))],
    ['list.indexOf(dyn): int', (items: unknown, wanted: unknown) => BigInt(list(items).indexOf(wanted))],
    ['string.find(string): string', (text: string, pattern: string) => compilePattern(pattern)?.exec(text)?.[0] ?? ''],
    ['isURL(string): bool', (text: string) => URL.canParse(text)],
  ];
  for (const [signature, handler] of extra) {
    try {
      env.registerFunction(signature, handler as (...args: unknown[]) => unknown);
    } catch {
      // The library grew a function of this name; its own wins.
    }
  }
}

const programs = new Map<string, Program | Error>();

/** Compiles a rule once. An expression that does not parse gives the error instead. */
export function compileRule(expression: string): Program | Error {
  const known = programs.get(expression);
  if (known !== undefined) return known;
  let compiled: Program | Error;
  try {
    compiled = environment.parse(expression) as unknown as Program;
  } catch (error) {
    compiled = error instanceof Error ? error : new Error(String(error));
  }
  programs.set(expression, compiled);
  return compiled;
}

/** Evaluates the `x-kubernetes-validations` rules of an object; transition rules only where there is an old value. */
export function celErrors(object: KubeObject, old: KubeObject | undefined, schema: Schema): FieldError[] {
  const errors: FieldError[] = [];
  visit(object, old, schema, '', error => errors.push(error));
  return errors;
}

type Report = (error: FieldError) => void;

function visit(value: JsonValue, old: JsonValue | undefined, schema: Schema, path: string, report: Report): void {
  for (const rule of schema['x-kubernetes-validations'] ?? []) evaluate(rule, value, old, schema, path, report);
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    value.forEach((item, i) => {
      visit(item, correlate(old, item, schema), items, `${path}[${i}]`, report);
    });
  } else if (isObject(value) && !isIntOrString(schema)) {
    for (const key of Object.keys(value)) {
      const child = fieldSchema(schema, key);
      if (child === undefined) continue;
      const before = isObject(old) ? old[key] : undefined;
      visit(value[key] as JsonValue, before, child, path === '' ? key : `${path}.${key}`, report);
    }
  }
}

/** The old entry of a keyed list with the same key; entries of other lists have no old value. */
function correlate(old: JsonValue | undefined, item: JsonValue, schema: Schema): JsonValue | undefined {
  const keys = schema['x-kubernetes-list-map-keys'];
  if (!Array.isArray(old) || schema['x-kubernetes-list-type'] !== 'map' || keys === undefined || !isObject(item)) {
    return undefined;
  }
  return old.find(other => isObject(other) && keys.every(key => equal(other[key], item[key])));
}

function evaluate(
  rule: ValidationRule,
  value: JsonValue,
  old: JsonValue | undefined,
  schema: Schema,
  path: string,
  report: Report,
): void {
  const isTransition = /\boldSelf\b/.test(rule.rule);
  if (isTransition && old === undefined && rule.optionalOldSelf !== true) return;
  const variables: Record<string, unknown> = { self: celValue(value, schema) };
  if (isTransition && old !== undefined) variables.oldSelf = celValue(old, schema);
  const program = compileRule(rule.rule);
  const at = path;
  if (program instanceof Error) {
    report(invalidValue(at, schema.type ?? 'object', `rule compile error: ${program.message}`));
    return;
  }
  let verdict: unknown;
  try {
    verdict = program(variables);
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    report(invalidValue(at, schema.type ?? 'object', `${why} evaluating rule: ${ruleText(rule)}`));
    return;
  }
  if (verdict !== true) report(failure(rule, message(rule, variables), at, value, schema));
}

function ruleText(rule: ValidationRule): string {
  return rule.message ?? rule.rule;
}

function message(rule: ValidationRule, variables: Record<string, unknown>): string {
  if (rule.messageExpression !== undefined) {
    const program = compileRule(rule.messageExpression);
    try {
      const text = program instanceof Error ? undefined : program(variables);
      if (typeof text === 'string' && text !== '') return text;
    } catch {
      // Falls back to the fixed message, as the real server does.
    }
  }
  return rule.message ?? `failed rule: ${rule.rule}`;
}

function failure(rule: ValidationRule, text: string, path: string, value: JsonValue, schema: Schema): FieldError {
  const at = `${path}${rule.fieldPath ?? ''}`.replace(/^\./, '');
  const isPrinted = schema.type !== 'object' && schema.type !== 'array';
  switch (rule.reason) {
    case 'FieldValueRequired':
      return required(at, text);
    case 'FieldValueForbidden':
      return forbiddenField(at, text);
    case 'FieldValueDuplicate':
      return duplicate(at, value);
    default:
      return isPrinted ? invalidValue(at, value, text) : invalidUnprinted(at, text);
  }
}

const withRules = new WeakMap<Schema, boolean>();

/** True when a schema has any rule at any depth. */
export function hasRules(schema: Schema): boolean {
  const known = withRules.get(schema);
  if (known !== undefined) return known;
  // A cyclic schema has no rule that is not found elsewhere.
  withRules.set(schema, false);
  const rest = typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : [];
  const items = schema.items === undefined ? [] : [schema.items];
  const children = [...Object.values(schema.properties ?? {}), ...rest, ...items];
  const found = (schema['x-kubernetes-validations'] ?? []).length > 0 || children.some(hasRules);
  withRules.set(schema, found);
  return found;
}
