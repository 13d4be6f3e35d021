import * as z from 'zod';
import { DURATION_PATTERN, MAX_DURATION_SECONDS } from '../../src/api/duration.ts';

type Json = Record<string, unknown>;

/** Members that a structural schema may carry; everything else of zod's output is dropped. */
const KEPT = new Set([
  'type', 'description', 'format', 'pattern', 'enum', 'minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems',
  'required', 'default', 'nullable', 'items', 'properties', 'additionalProperties', 'maxProperties',
]); // biome-ignore format: a list reads better in rows
const LARGEST_SAFE = 9_007_199_254_740_991;
/** Bounds for CEL's cost estimate where a schema names none. */
const MAX_MAP = 100;

/**
 * The OpenAPI v3 schema of a zod schema as the API server demands it of a CRD: every node typed, no unions, cross-field
 * rules as `x-kubernetes-validations`.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 */
export function structuralSchema(schema: z.ZodType): Json {
  const raw = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
  }) as Json;
  return convert(raw, 'spec');
}

function convert(node: Json, path: string): Json {
  const extensions = Object.fromEntries(Object.entries(node).filter(([key]) => key.startsWith('x-kubernetes-')));
  if (typeof node['x-sluice-not-yet'] === 'string') return { ...notYet(node, node['x-sluice-not-yet']), ...extensions };
  if (node['x-kubernetes-int-or-string']) return intOrString(node);
  if (node['x-kubernetes-preserve-unknown-fields'])
    return {
      ...pick(node, ['description']),
      ...(isOpaqueMap(node) ? { type: 'object' } : {}),
      'x-kubernetes-preserve-unknown-fields': true,
    };
  if (node['anyOf'] || node['oneOf'] || node['allOf']) throw new Error(`${path}: unions are not structural`);
  const out: Json = { ...pick(node, [...KEPT]), ...extensions };
  dropSafeBounds(out);
  if (typeof out['type'] !== 'string') throw new Error(`${path}: a node without a type is not structural`);
  if (out['description'] === '') delete out['description'];
  if (isRecord(out['properties'])) {
    out['properties'] = mapValues(out['properties'], (child, key) => convert(child as Json, `${path}.${key}`));
    delete out['additionalProperties'];
  } else if (isRecord(out['additionalProperties'])) {
    out['additionalProperties'] = convert(out['additionalProperties'], `${path}.*`);
    out['maxProperties'] ??= MAX_MAP;
  } else delete out['additionalProperties'];
  if (isRecord(out['items'])) out['items'] = convert(out['items'], `${path}[]`);
  return out;
}

/** Typed, because CEL does not see a field without a type, and kept, so that the rule can refuse it with a sentence. */
function notYet(node: Json, type: string): Json {
  const head = pick(node, ['description']);
  const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  if (type === 'intOrString') return { ...head, 'x-kubernetes-int-or-string': true };
  if (type === 'array') return { ...head, type, maxItems: 100, items: anything };
  return type === 'string' ? { ...head, type } : { ...head, ...anything };
}

function isOpaqueMap(node: Json): boolean {
  return node['type'] === 'object';
}

/**
 * Unions of an integer and a string: the server checks the kind, bounds the integer, a pattern the text. No rule looks at the text:
 * API servers before 1.33 take it for endless, whatever its maxLength, and refuse the definition for what the rule may cost.
 */
function intOrString(node: Json): Json {
  const { description } = node;
  const told = (hint: string) => ({ description: typeof description === 'string' ? `${description} ${hint}` : hint });
  const out: Json = { ...pick(node, ['description']), 'x-kubernetes-int-or-string': true };
  if (node['x-sluice-duration'])
    return {
      ...out,
      ...told('Whole seconds, or like "1h30m", "90s", "250ms".'),
      minimum: 0,
      maximum: MAX_DURATION_SECONDS,
      maxLength: 32,
      pattern: DURATION_PATTERN,
    };
  if (node['x-sluice-percent'])
    return {
      ...out,
      ...told('A number of pods such as 2, or a percentage such as "25%".'),
      minimum: 0,
      maxLength: 16,
      pattern: '^[0-9]+%$',
    };
  return { ...out, maxLength: 253 };
}

function dropSafeBounds(node: Json): void {
  if (node['maximum'] === LARGEST_SAFE) delete node['maximum'];
  if (node['minimum'] === -LARGEST_SAFE) delete node['minimum'];
}

function pick(node: Json, keys: readonly string[]): Json {
  return Object.fromEntries(keys.filter(key => node[key] !== undefined).map(key => [key, node[key]]));
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mapValues(record: Json, change: (value: unknown, key: string) => unknown): Json {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)]));
}
