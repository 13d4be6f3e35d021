import type { JsonValue } from '../json.ts';
import { isObject } from '../json.ts';

type Step =
  | { kind: 'key'; name: string }
  | { kind: 'index'; index: number }
  | { kind: 'all' }
  | { kind: 'deep'; name: string }
  | { kind: 'filter'; path: Step[]; operator: string; literal: JsonValue };

/** Finds the values that a path selects in an object. */
export type JsonPath = (root: JsonValue) => JsonValue[];

/**
 * Compiles the JSONPath dialect of `additionalPrinterColumns`: `.a.b`, `['a']`, `[0]`, `[-1]`, `[*]`, `..a` and
 * `[?(@.type=="Ready")]`. Returns undefined for a text that is none.
 */
export function compileJsonPath(text: string): JsonPath | undefined {
  const steps = parseSteps(
    text
      .trim()
      .replace(/^\{(.*)\}$/, '$1')
      .replace(/^\$/, ''),
  );
  return steps === undefined ? undefined : root => walk([root], steps);
}

const tokens: readonly [RegExp, (match: RegExpExecArray) => Step | undefined][] = [
  [/^\.\.([A-Za-z0-9_-]+)/, match => ({ kind: 'deep', name: match[1] ?? '' })],
  [/^\.\*/, () => ({ kind: 'all' })],
  [/^\.((?:[^.[\]\\'"\s]|\\.)+)/, match => ({ kind: 'key', name: (match[1] ?? '').replaceAll(/\\(.)/g, '$1') })],
  [/^\[(-?\d+)\]/, match => ({ kind: 'index', index: Number(match[1]) })],
  [/^\[\*\]/, () => ({ kind: 'all' })],
  [/^\[['"]([^'"]+)['"]\]/, match => ({ kind: 'key', name: (match[1] ?? '').replaceAll(/\\(.)/g, '$1') })],
  [/^\[\?\(\s*@([^=!<>\s]*)\s*(==|!=|<=|>=|<|>)\s*([^)]*?)\s*\)\]/, match => filterStep(match)],
];

function filterStep(match: RegExpExecArray): Step | undefined {
  const path = parseSteps(match[1] ?? '');
  if (path === undefined) return undefined;
  const raw = match[3] ?? '';
  const quoted = /^(['"])(.*)\1$/.exec(raw);
  const bare: JsonValue = raw === 'true' ? true : raw === 'false' ? false : Number(raw);
  return { kind: 'filter', path, operator: match[2] ?? '==', literal: quoted === null ? bare : (quoted[2] ?? '') };
}

function parseSteps(text: string): Step[] | undefined {
  const steps: Step[] = [];
  let rest = text;
  while (rest !== '') {
    const hit = tokens
      .map(([pattern, make]) => ({ match: pattern.exec(rest), make }))
      .find(item => item.match !== null);
    if (hit === undefined || hit.match === null) return undefined;
    const step = hit.make(hit.match);
    if (step === undefined) return undefined;
    steps.push(step);
    rest = rest.slice(hit.match[0].length);
  }
  return steps;
}

function walk(values: JsonValue[], steps: readonly Step[]): JsonValue[] {
  return steps.reduce((current, step) => current.flatMap(value => take(value, step)), values);
}

function take(value: JsonValue, step: Step): JsonValue[] {
  if (step.kind === 'key')
    return isObject(value) && Object.hasOwn(value, step.name) ? [value[step.name] as JsonValue] : [];
  if (step.kind === 'all') return Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
  if (step.kind === 'deep') return descend(value, step.name);
  if (!Array.isArray(value)) return [];
  if (step.kind === 'index') {
    const item = value.at(step.index);
    return item === undefined ? [] : [item];
  }
  return value.filter(item => compare(walk([item], step.path)[0], step.operator, step.literal));
}

function descend(value: JsonValue, name: string): JsonValue[] {
  const children = Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
  const own = isObject(value) && Object.hasOwn(value, name) ? [value[name] as JsonValue] : [];
  return [...own, ...children.flatMap(child => descend(child, name))];
}

function compare(left: JsonValue | undefined, operator: string, right: JsonValue): boolean {
  if (left === undefined || left === null || right === null) return false;
  switch (operator) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '>':
      return left > right;
    case '<=':
      return left <= right;
    default:
      return left >= right;
  }
}
