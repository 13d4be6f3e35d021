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

/** A label selector as text. */
function selectorText(selector: LabelSelector): string {
  const labels = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
  });
  return [...labels.sort(), ...expressions].join(',');
}
