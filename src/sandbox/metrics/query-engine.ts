import type { Labels } from './labels.ts';
import { labelsKey } from './labels.ts';
import { checkTypes } from './promql/check-types.ts';
import { evaluate } from './promql/evaluate.ts';
import type { Expression } from './promql/expression.ts';
import { parsePromql } from './promql/parse.ts';
import { PromqlFailure } from './promql/promql-failure.ts';
import type { RangeSample, RangeSeries, Value } from './promql/value.ts';
import type { TimeSeriesStore } from './time-series-store.ts';

/** The outcome of a query. */
export type QueryOutcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly errorType: 'bad_data' | 'execution'; readonly message: string };

/** A span of time to evaluate over, all in milliseconds. */
export interface QueryRange {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

const MOST_POINTS = 11_000;

/** Answers PromQL of the documented subset from a {@link TimeSeriesStore}. */
export class QueryEngine {
  readonly #store: TimeSeriesStore;

  constructor(store: TimeSeriesStore) {
    this.#store = store;
  }

  /** The value of a query at one time, milliseconds since the epoch. */
  instant(query: string, atMs: number): QueryOutcome<Value> {
    return outcomeOf(() => evaluate(parsePromql(query), this.#store, atMs));
  }

  /** The values of a query at every step, start and end included when a step falls on them. */
  range(query: string, range: QueryRange): QueryOutcome<readonly RangeSeries[]> {
    return outcomeOf(() => {
      checkRange(range);
      const expression = parsePromql(query);
      const type = checkTypes(expression);
      if (type !== 'scalar' && type !== 'vector') {
        const found = type === 'matrix' ? 'range vector' : 'string';
        const message = `invalid expression type "${found}" for range query, must be Scalar or instant Vector`;
        throw new PromqlFailure('bad_data', message);
      }
      return this.#steps(expression, range);
    });
  }

  #steps(expression: Expression, { startMs, endMs, stepMs }: QueryRange): RangeSeries[] {
    const series = new Map<string, { labels: Labels; samples: RangeSample[] }>();
    for (let t = startMs; t <= endMs; t += stepMs) {
      const value = evaluate(expression, this.#store, t);
      const elements =
        value.type === 'scalar'
          ? [{ labels: new Map<string, string>(), value: value.value }]
          : value.type === 'vector'
            ? value.elements
            : [];
      for (const element of elements) {
        const key = labelsKey(element.labels);
        const found = series.get(key) ?? { labels: element.labels, samples: [] };
        found.samples.push({ t, v: element.value });
        series.set(key, found);
      }
    }
    return [...series.values()];
  }
}

function checkRange({ startMs, endMs, stepMs }: QueryRange): void {
  if (endMs < startMs) {
    throw new PromqlFailure('bad_data', 'invalid parameter "end": end timestamp must not be before start time');
  }
  if (!(stepMs > 0)) {
    const message = 'zero or negative query resolution step widths are not accepted. Try a positive integer';
    throw new PromqlFailure('bad_data', `invalid parameter "step": ${message}`);
  }
  if ((endMs - startMs) / stepMs > MOST_POINTS) {
    const message = `exceeded maximum resolution of ${MOST_POINTS.toLocaleString('en')} points per timeseries`;
    throw new PromqlFailure('bad_data', `${message}. Try decreasing the query resolution (?step=XX)`);
  }
}

function outcomeOf<T>(run: () => T): QueryOutcome<T> {
  try {
    return { ok: true, value: run() };
  } catch (error) {
    if (!(error instanceof PromqlFailure)) throw error;
    return { ok: false, errorType: error.errorType, message: error.message };
  }
}
