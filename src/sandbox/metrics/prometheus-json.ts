import type { Labels } from './labels.ts';
import type { RangeSeries, Value } from './promql/value.ts';

/** The `data` of a successful query answer. */
export interface QueryData {
  readonly resultType: 'scalar' | 'string' | 'vector' | 'matrix';
  readonly result: unknown;
}

/** An instant result as Prometheus' API writes it. `atMs` is when it was evaluated. */
export function instantData(value: Value, atMs: number): QueryData {
  const at = atMs / 1000;
  switch (value.type) {
    case 'scalar':
      return { resultType: 'scalar', result: [at, numberText(value.value)] };
    case 'string':
      return { resultType: 'string', result: [at, value.value] };
    case 'vector': {
      const result = value.elements.map(element => ({
        metric: metricOf(element.labels),
        value: [at, numberText(element.value)],
      }));
      return { resultType: 'vector', result };
    }
    case 'matrix':
      return matrixData(value.series);
  }
}

/** A range result as Prometheus' API writes it, sorted by labels. */
export function matrixData(series: readonly RangeSeries[]): QueryData {
  const result = series.map(({ labels, samples }) => ({
    metric: metricOf(labels),
    values: samples.map(({ t, v }) => [t / 1000, numberText(v)]),
  }));
  return { resultType: 'matrix', result };
}

/** Numbers travel as text, since JSON has no NaN and no infinity. */
function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

function metricOf(labels: Labels): Record<string, string> {
  return Object.fromEntries(labels);
}
