import { HASH_LABEL } from '../api/names.ts';
import type { LabelSelector, RolloutSpec } from '../api/rollout.ts';
import type { RolloutStatus } from '../api/rollout-status.ts';

const MAX_STORED = 4096;

/** The selector as status tells it to the scale subresource. */
export function storedSelector({ selector }: RolloutSpec): string {
  return selectorText(selector ?? {}).slice(0, MAX_STORED);
}

/**
 * What is wrong with a selector that was changed: with new labels the Services would ask for pods that nobody has made yet, and
 * users would have none. The API server refuses the change; this is for what was stored around its rule.
 */
export function selectorIssue(spec: RolloutSpec, stored: RolloutStatus | undefined): string | undefined {
  const before = stored?.stable && stored.selector;
  if (before === undefined || before === storedSelector(spec)) return undefined;
  return `spec.selector: cannot be changed; it was ${before.slice(0, 500)}: put it back, or declare a Rollout of another name`;
}

/** Labels that the selector asks for and the pods of the template would not have; empty when it selects them. */
export function unselected({ selector, template }: RolloutSpec): readonly string[] {
  const labels = labelsOf(template);
  const pairs = Object.entries(selector?.matchLabels ?? {}).filter(([key]) => key !== HASH_LABEL);
  return [
    ...pairs.filter(([key, value]) => labels[key] !== value).map(([key, value]) => `${key}=${value}`),
    ...(selector?.matchExpressions ?? []).filter(expression => !holds(expression, labels)).map(expressionText),
  ];
}

type Expression = NonNullable<LabelSelector['matchExpressions']>[number];

function labelsOf(template: unknown): Readonly<Record<string, unknown>> {
  const labels = (template as { metadata?: { labels?: unknown } | null } | undefined)?.metadata?.labels;
  return typeof labels === 'object' && labels !== null ? (labels as Record<string, unknown>) : {};
}

function holds({ key, operator, values = [] }: Expression, labels: Readonly<Record<string, unknown>>): boolean {
  // The operator gives every pod this label.
  if (key === HASH_LABEL) return true;
  const value = labels[key];
  if (operator === 'Exists') return value !== undefined;
  if (operator === 'DoesNotExist') return value === undefined;
  const isListed = typeof value === 'string' && values.includes(value);
  return operator === 'In' ? isListed : !isListed;
}

/** A label selector as text. */
function selectorText(selector: LabelSelector): string {
  const labels = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  return [...labels.sort(), ...(selector.matchExpressions ?? []).map(expressionText)].join(',');
}

function expressionText({ key, operator, values = [] }: Expression): string {
  if (operator === 'Exists') return key;
  if (operator === 'DoesNotExist') return `!${key}`;
  return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
}
