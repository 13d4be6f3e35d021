import { labelsKey, labelsOf } from '../labels.ts';
import { regexOf } from './label-matcher.ts';
import type { LinearRegex } from './linear-regex.ts';
import { PromqlFailure } from './promql-failure.ts';
import type { Element } from './value.ts';

/** `label_replace`. @throws PromqlFailure for a bad label name or regular expression, or when two elements become the same */
export function labelReplace(
  elements: readonly Element[],
  target: string,
  replacement: string,
  source: string,
  pattern: string,
): Element[] {
  if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(target)) {
    throw new PromqlFailure('execution', `invalid destination label name in label_replace(): ${target}`);
  }
  const regex = regexOf(pattern);
  const seen = new Set<string>();
  return elements.map(element => {
    const groups = regex.groups(element.labels.get(source) ?? '');
    const labels = groups
      ? labelsOf([...element.labels, [target, expand(replacement, groups, regex)]])
      : element.labels;
    const key = labelsKey(labels);
    if (seen.has(key)) throw new PromqlFailure('execution', 'vector cannot contain metrics with the same labelset');
    seen.add(key);
    return { ...element, labels };
  });
}

/** Fills in `$1`, `${1}`, `$name` and `$$` as Go does: the longest name counts, so `$1x` is the group "1x", which is empty. */
function expand(replacement: string, groups: readonly (string | undefined)[], regex: LinearRegex): string {
  return replacement.replace(/\$(?:\$|\{(\w+)\}|(\w+))/g, (whole, braced?: string, plain?: string) => {
    if (whole === '$$') return '$';
    const name = braced ?? plain ?? '';
    const number = /^\d+$/.test(name) ? Number(name) : regex.groupNumber(name);
    return number === undefined ? '' : (groups[number] ?? '');
  });
}
