import type { LabelMatcher } from './label-matcher.ts';

/** A selector of series, with its metric name among the matchers. */
export interface VectorSelector {
  readonly kind: 'vector';
  readonly matchers: readonly LabelMatcher[];
}

/** A selector of samples over a time. */
interface MatrixSelector {
  readonly kind: 'matrix';
  readonly selector: VectorSelector;
  readonly rangeMs: number;
}

/** Arithmetic, comparison and set operators. */
export type BinaryOperator =
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '=='
  | '!='
  | '>'
  | '<'
  | '>='
  | '<='
  | 'and'
  | 'or'
  | 'unless';

/** How elements of two vectors find each other. `labels` are those of `on`, or those that `ignoring` leaves out. */
export interface VectorMatching {
  readonly on: boolean;
  readonly labels: readonly string[];
  readonly cardinality: 'one-to-one' | 'many-to-one' | 'one-to-many';
  /** Labels that the "many" side gets from the other one. */
  readonly include: readonly string[];
}

/** An operation on two values. */
export interface BinaryExpression {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly bool: boolean;
  readonly matching: VectorMatching;
  readonly left: Expression;
  readonly right: Expression;
}

/** Aggregations that are known here. */
export type AggregateOperator = 'sum' | 'avg' | 'min' | 'max' | 'count';

/** An aggregation over the elements of a vector. */
export interface AggregateExpression {
  readonly kind: 'aggregate';
  readonly operator: AggregateOperator;
  readonly without: boolean;
  readonly labels: readonly string[];
  readonly argument: Expression;
}

/** A call of a function of {@link FUNCTIONS}. */
export interface CallExpression {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly Expression[];
}

/** The subset of PromQL that is understood here; parentheses are gone. */
export type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'unary'; readonly negative: boolean; readonly argument: Expression }
  | VectorSelector
  | MatrixSelector
  | BinaryExpression
  | AggregateExpression
  | CallExpression;

/** What an expression evaluates to. */
export type ValueType = 'scalar' | 'string' | 'vector' | 'matrix';
