import { describe, expect, test } from 'vitest';
import { labelsOf } from '../../../src/sandbox/metrics/labels.ts';
import { QueryEngine } from '../../../src/sandbox/metrics/query-engine.ts';
import { TimeSeriesStore } from '../../../src/sandbox/metrics/time-series-store.ts';

const AT = 1_000_000;

/** A store with one series of a metric, from pairs of seconds before now and value. */
function storeOf(samples: readonly (readonly [number, number])[], labels: Record<string, string> = { __name__: 'm' }) {
  const store = new TimeSeriesStore();
  for (const [ago, value] of samples) store.append(labelsOf(Object.entries(labels)), AT - ago * 1000, value);
  return store;
}

/** The one number that a query gives, undefined for an empty vector. */
function one(store: TimeSeriesStore, query: string, atMs = AT): number | undefined {
  const outcome = new QueryEngine(store).instant(query, atMs);
  if (!outcome.ok) throw new Error(outcome.message);
  const { value } = outcome;
  if (value.type === 'scalar') return value.value;
  if (value.type !== 'vector') throw new Error(`a ${value.type}`);
  expect(value.elements.length).toBeLessThanOrEqual(1);
  return value.elements[0]?.value;
}

describe('what the sandbox does not know of PromQL is refused by name', () => {
  test.each([
    ['m offset 5m', 'offset'],
    ['m @ 5', '"@"'],
    ['rate(m[1m])[5m:1m]', 'subquery'],
    ['topk(3, m)', '"topk"'],
    ['quantile(0.9, m)', '"quantile"'],
    ['stddev(m)', '"stddev"'],
    ['group(m)', '"group"'],
    ['predict_linear(m[1m], 60)', '"predict_linear"'],
    ['histogram_count(m)', '"histogram_count"'],
    ['m ^ 2', '"^"'],
    ['m atan2 m', '"atan2"'],
    ['nosuch(m)', '"nosuch"'],
    ['m{a=~"(?=b)"}', '(?= is not supported'],
    ['m{a=~"(a)\\\\1"}', '\\1 is not supported'],
    ['', 'no expression'],
  ])('%s', (query, named) => {
    const outcome = new QueryEngine(new TimeSeriesStore()).instant(query, AT);
    expect(outcome).toMatchObject({ ok: false, errorType: 'bad_data', message: expect.stringContaining(named) });
  });
});

describe('known results', () => {
  test('rate and increase extrapolate to the edges of the window', () => {
    const store = storeOf([
      [30, 10],
      [20, 20],
      [10, 30],
    ]);
    expect(one(store, 'increase(m[40s])')).toBeCloseTo(40, 9);
    expect(one(store, 'rate(m[40s])')).toBeCloseTo(1, 9);
    // Half an interval where nothing was to be expected: 20 * (5 + 20 + 10) / 20.
    expect(one(store, 'increase(m[100s])')).toBeCloseTo(35, 9);
  });

  test('a counter is not extrapolated below zero, and a reset counts from zero', () => {
    const young = storeOf([
      [20, 1],
      [10, 21],
    ]);
    expect(one(young, 'increase(m[25s])')).toBeCloseTo(20 * (10.5 / 10) + 20, 9);
    const reset = storeOf([
      [30, 100],
      [20, 5],
      [10, 15],
    ]);
    expect(one(reset, 'increase(m[21s])')).toBeCloseTo(21, 9);
    expect(one(reset, 'irate(m[40s])')).toBe(1);
  });

  test('one sample gives no rate, and an empty window nothing at all', () => {
    const store = storeOf([[10, 5]]);
    expect(one(store, 'rate(m[1m])')).toBeUndefined();
    expect(one(store, 'increase(m[5s])')).toBeUndefined();
    expect(one(store, 'last_over_time(m[1m])')).toBe(5);
  });

  test('a sample counts for five minutes, a stale series ends at once', () => {
    const store = storeOf([[299, 5]]);
    expect(one(store, 'm')).toBe(5);
    expect(one(store, 'm', AT + 1000)).toBeUndefined();
    const stale = storeOf([[10, 5]]);
    stale.markStale(labelsOf([['__name__', 'm']]), AT - 5000);
    expect(one(stale, 'm')).toBeUndefined();
    expect(one(stale, 'm', AT - 6000)).toBe(5);
    expect(one(stale, 'count_over_time(m[1m])')).toBe(1);
  });

  test('a success rate without errors, without requests and without series', () => {
    const query = 'sum(rate(r{code!~"5.."}[1m])) / sum(rate(r[1m]))';
    const points = [
      [40, 0],
      [20, 50],
      [0, 100],
    ] as const;
    expect(one(storeOf(points, { __name__: 'r', code: '200' }), query)).toBe(1);
    const idle = points.map(([ago]) => [ago, 7] as const);
    expect(one(storeOf(idle, { __name__: 'r', code: '200' }), query)).toBeNaN();
    expect(one(new TimeSeriesStore(), query)).toBeUndefined();
  });

  test('quantiles interpolate inside their bucket and stop at the highest finite bound', () => {
    const store = new TimeSeriesStore();
    for (const [le, count] of [
      ['1', 5],
      ['2', 10],
      ['+Inf', 10],
    ] as const) {
      store.append(
        labelsOf([
          ['__name__', 'h'],
          ['le', le],
        ]),
        AT,
        count,
      );
    }
    expect(one(store, 'histogram_quantile(0.75, h)')).toBeCloseTo(1.5, 9);
    store.append(
      labelsOf([
        ['__name__', 'h'],
        ['le', '+Inf'],
      ]),
      AT + 1000,
      100,
    );
    expect(one(store, 'histogram_quantile(0.99, h)', AT + 1000)).toBe(2);
  });

  test('a range query gives every step and leaves gaps', () => {
    const engine = new QueryEngine(storeOf([[10, 1]]));
    const range = { startMs: AT - 20_000, endMs: AT, stepMs: 5000 };
    const outcome = engine.range('m * 2', range);
    expect(outcome).toMatchObject({
      ok: true,
      value: [{ samples: [-10, -5, 0].map(s => ({ t: AT + s * 1000, v: 2 })) }],
    });
    expect(engine.range('m[1m]', range)).toMatchObject({ ok: false, errorType: 'bad_data' });
    expect(engine.range('m', { ...range, stepMs: 0 })).toMatchObject({ ok: false, errorType: 'bad_data' });
    expect(engine.range('m', { ...range, stepMs: 1 })).toMatchObject({
      ok: false,
      message: expect.stringContaining('11,000'),
    });
  });
});
