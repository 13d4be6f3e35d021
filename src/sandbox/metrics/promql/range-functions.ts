import { METRIC_NAME, withoutLabels } from '../labels.ts';
import type { Element, RangeSample, RangeSeries } from './value.ts';

/** The window of a range vector: `(atMs - rangeMs, atMs]`. */
export interface RangeWindow {
  readonly atMs: number;
  readonly rangeMs: number;
}

type RangeFunction = (samples: readonly RangeSample[], window: RangeWindow) => number | undefined;

const RANGE_FUNCTIONS: Readonly<Record<string, RangeFunction>> = {
  rate: (samples, window) => {
    const increase = extrapolated(samples, window, true);
    return increase === undefined ? undefined : increase / (window.rangeMs / 1000);
  },
  increase: (samples, window) => extrapolated(samples, window, true),
  delta: (samples, window) => extrapolated(samples, window, false),
  irate: instantRate,
  last_over_time: samples => samples.at(-1)?.v,
  avg_over_time: samples => sum(samples) / samples.length,
  sum_over_time: sum,
  count_over_time: samples => samples.length,
  min_over_time: samples =>
    samples.reduce((least, { v }) => (v < least || Number.isNaN(least) ? v : least), Number.NaN),
  max_over_time: samples => samples.reduce((most, { v }) => (v > most || Number.isNaN(most) ? v : most), Number.NaN),
};

/** Applies a function of a range vector to each series; series with too few samples give nothing. */
export function overRange(name: string, series: readonly RangeSeries[], window: RangeWindow): Element[] {
  const fn = RANGE_FUNCTIONS[name];
  return series.flatMap(({ labels, samples }) => {
    const value = samples.length === 0 ? undefined : fn?.(samples, window);
    if (value === undefined) return [];
    return [{ labels: name === 'last_over_time' ? labels : withoutLabels(labels, [METRIC_NAME]), value }];
  });
}

/**
 * The growth of a series over the whole window, as Prometheus extrapolates it (promql/functions.go, extrapolatedRate): towards an edge
 * of the window only when a sample was to be expected there, else by half an interval; then, as Prometheus 3 has it, a counter never
 * below zero (Prometheus 2 looked at zero first, which differs when zero lies between half an interval and a whole one).
 * Example: 10, 20, 30 at 10 s, 20 s, 30 s of a window of 40 s that ends at 40 s: both edges are one interval away, so the growth of
 * 20 in 20 s becomes 40 in 40 s.
 */
function extrapolated(samples: readonly RangeSample[], window: RangeWindow, isCounter: boolean): number | undefined {
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last || samples.length < 2) return undefined;
  let growth = last.v - first.v;
  if (isCounter) {
    for (const [index, { v }] of samples.entries()) {
      const before = samples[index - 1]?.v ?? v;
      if (v < before) growth += before;
    }
  }
  const sampledMs = last.t - first.t;
  const intervalMs = sampledMs / (samples.length - 1);
  const threshold = intervalMs * 1.1;
  let toStart = first.t - (window.atMs - window.rangeMs);
  let toEnd = window.atMs - last.t;
  if (toStart >= threshold) toStart = intervalMs / 2;
  if (isCounter && growth > 0 && first.v >= 0) toStart = Math.min(toStart, sampledMs * (first.v / growth));
  if (toEnd >= threshold) toEnd = intervalMs / 2;
  return growth * ((sampledMs + toStart + toEnd) / sampledMs);
}

function instantRate(samples: readonly RangeSample[]): number | undefined {
  const [before, last] = samples.slice(-2);
  if (!before || !last) return undefined;
  const growth = last.v < before.v ? last.v : last.v - before.v;
  return growth / ((last.t - before.t) / 1000);
}

function sum(samples: readonly RangeSample[]): number {
  return samples.reduce((total, { v }) => total + v, 0);
}
