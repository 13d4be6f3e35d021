import type { Labels } from '../labels.ts';

/** One element of an instant vector. */
export interface Element {
  readonly labels: Labels;
  readonly value: number;
  /** When the sample was taken, in milliseconds since the epoch; only straight from a selector. */
  readonly sampledAt?: number;
}

/** A sample of a range vector. */
export interface RangeSample {
  readonly t: number;
  readonly v: number;
}

/** One series of a range vector. */
export interface RangeSeries {
  readonly labels: Labels;
  readonly samples: readonly RangeSample[];
}

/** The result of an expression at one time. */
export type Value =
  | { readonly type: 'scalar'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'vector'; readonly elements: readonly Element[] }
  | { readonly type: 'matrix'; readonly series: readonly RangeSeries[]; readonly rangeMs: number };
