import type { Labels } from '../labels.ts';
import { LinearRegex } from './linear-regex.ts';
import { PromqlFailure } from './promql-failure.ts';

/** The operators of a label matcher. */
export type MatchOperator = '=' | '!=' | '=~' | '!~';

/** One requirement on a label. */
export interface LabelMatcher {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
  /** Whether a label value fits; an absent label has the value "". */
  readonly test: (value: string) => boolean;
}

/** Builds a matcher. Regular expressions match the whole value. @throws PromqlFailure for a bad regular expression */
export function labelMatcher(name: string, operator: MatchOperator, value: string): LabelMatcher {
  switch (operator) {
    case '=':
      return { name, operator, value, test: actual => actual === value };
    case '!=':
      return { name, operator, value, test: actual => actual !== value };
    case '=~':
    case '!~': {
      const regex = regexOf(value);
      return { name, operator, value, test: actual => regex.test(actual) === (operator === '=~') };
    }
  }
}

/** A regular expression of a query. @throws PromqlFailure */
export function regexOf(source: string): LinearRegex {
  try {
    return new LinearRegex(source);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new PromqlFailure('bad_data', `error parsing regexp ${JSON.stringify(source)}: ${error.message}`);
  }
}

/** Whether labels meet all requirements. */
export function matchesAll(matchers: readonly LabelMatcher[], labels: Labels): boolean {
  return matchers.every(matcher => matcher.test(labels.get(matcher.name) ?? ''));
}
