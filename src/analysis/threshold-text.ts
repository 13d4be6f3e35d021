import type { Metric } from '../api/analysis-template.ts';
import { clip } from '../api/clip.ts';

/** "result[0] >= 0.95" and "result > 5": a comparison with a number that reads well without `result`. */
const SIMPLE = /^\s*result(?:\[0\])?\s*(>=|<=|>|<)\s*(-?[0-9]+(?:\.[0-9]+)?)\s*$/;
const SIGN: Readonly<Record<string, string>> = { '>=': '≥', '<=': '≤', '>': '>', '<': '<' };
const OPPOSITE: Readonly<Record<string, string>> = { '>=': '<', '<=': '>', '>': '≤', '<': '≥' };
const MAX_LENGTH = 1100;

/**
 * What a metric wants, as people read it: "≥ 0.95", "0.1 to 0.5", or the text of its conditions. Undefined where it
 * wants nothing (measured only). Example: failureCondition "result[0] > 5" wants "≤ 5".
 */
export function thresholdText(metric: Metric): string | undefined {
  const { threshold, successCondition, failureCondition } = metric;
  if (threshold) {
    const { min, max } = threshold;
    if (min !== undefined && max !== undefined) return `${min} to ${max}`;
    return min !== undefined ? `≥ ${min}` : `≤ ${max ?? ''}`;
  }
  if (successCondition !== undefined && failureCondition !== undefined)
    return clip(`${comparison(successCondition)}, fails when ${comparison(failureCondition)}`, MAX_LENGTH);
  if (successCondition !== undefined) return clip(comparison(successCondition), MAX_LENGTH);
  if (failureCondition === undefined) return undefined;
  const [, operator, bound] = SIMPLE.exec(failureCondition) ?? [];
  return clip(operator ? `${OPPOSITE[operator] ?? ''} ${bound ?? ''}` : `not (${failureCondition.trim()})`, MAX_LENGTH);
}

function comparison(condition: string): string {
  const [, operator, bound] = SIMPLE.exec(condition) ?? [];
  return operator ? `${SIGN[operator] ?? ''} ${bound ?? ''}` : condition.trim();
}

/** A number as people read it: six significant digits. Example: 0.98123456 is "0.981235", 612.0 is "612". */
export function numberText(value: number): string {
  return Number.isFinite(value)
    ? String(Number(value.toPrecision(6)))
    : value > 0
      ? '+Inf'
      : value < 0
        ? '-Inf'
        : 'NaN';
}

/** A result as people read it: one number, or the first few of a list. */
export function resultText(result: number | readonly number[]): string {
  if (typeof result === 'number') return numberText(result);
  if (result.length === 1) return numberText(result[0] ?? Number.NaN);
  const shown = result.slice(0, 8).map(numberText).join(', ');
  return result.length > 8 ? `[${shown}, ... ${result.length} values]` : `[${shown}]`;
}
