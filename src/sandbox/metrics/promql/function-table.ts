import type { ValueType } from './expression.ts';

/** What a function takes and gives. */
export interface FunctionSignature {
  readonly args: readonly ValueType[];
  /** How many of the last arguments may be left out. */
  readonly optional?: number;
  readonly returns: ValueType;
}

const overRange: FunctionSignature = { args: ['matrix'], returns: 'vector' };
const overVector: FunctionSignature = { args: ['vector'], returns: 'vector' };

/** The functions that are known here; everything else of PromQL is refused by name. */
export const FUNCTIONS: Readonly<Record<string, FunctionSignature>> = {
  rate: overRange,
  increase: overRange,
  irate: overRange,
  delta: overRange,
  last_over_time: overRange,
  avg_over_time: overRange,
  min_over_time: overRange,
  max_over_time: overRange,
  sum_over_time: overRange,
  count_over_time: overRange,
  abs: overVector,
  ceil: overVector,
  floor: overVector,
  round: { args: ['vector', 'scalar'], optional: 1, returns: 'vector' },
  clamp_min: { args: ['vector', 'scalar'], returns: 'vector' },
  clamp_max: { args: ['vector', 'scalar'], returns: 'vector' },
  timestamp: overVector,
  absent: overVector,
  histogram_quantile: { args: ['scalar', 'vector'], returns: 'vector' },
  label_replace: { args: ['vector', 'string', 'string', 'string', 'string'], returns: 'vector' },
  scalar: { args: ['vector'], returns: 'scalar' },
  vector: { args: ['scalar'], returns: 'vector' },
  time: { args: [], returns: 'scalar' },
};
