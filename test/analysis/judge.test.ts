import { expect, test } from 'vitest';
import { judge } from '../../src/analysis/judge.ts';
import { outageIfAnswered } from '../../src/analysis/missing-data.ts';
import type { Sample } from '../../src/analysis/sample.ts';
import type { MeasurementPhase } from '../../src/api/analysis-run.ts';
import { type Metric, ON_NO_DATA } from '../../src/api/analysis-template.ts';
import { aMetric, aRun, measured } from './builders.ts';

const value = (...result: number[]): Sample => ({ kind: 'Value', result });
const success = 'result[0] >= 0.95';
const failure = 'result[0] < 0.9';

test.each<[string, Partial<Metric>, Sample, MeasurementPhase]>([
  ['success only, holds', { successCondition: success }, value(0.95), 'Successful'],
  ['success only, does not hold', { successCondition: success }, value(0.94), 'Failed'],
  ['failure only, does not hold', { failureCondition: failure }, value(0.9), 'Successful'],
  ['failure only, holds', { failureCondition: failure }, value(0.89), 'Failed'],
  ['both, success', { successCondition: success, failureCondition: failure }, value(0.96), 'Successful'],
  ['both, neither', { successCondition: success, failureCondition: failure }, value(0.92), 'Inconclusive'],
  ['both, failure', { successCondition: success, failureCondition: failure }, value(0.5), 'Failed'],
  ['both true: failure wins', { successCondition: 'result > 1', failureCondition: 'result > 2' }, value(3), 'Failed'],
  ['min, at the bound', { threshold: { min: 0.95 } }, value(0.95), 'Successful'],
  ['min, below', { threshold: { min: 0.95 } }, value(0.9499999999), 'Failed'],
  ['max, above', { threshold: { max: 5 } }, value(5.1), 'Failed'],
  ['min and max, between', { threshold: { min: 1, max: 5 } }, value(3), 'Successful'],
  ['a range with one bad sample', { threshold: { max: 5 } }, value(1, 9, 2), 'Failed'],
  ['a scalar', { successCondition: 'result >= 1' }, { kind: 'Value', result: 1 }, 'Successful'],
  ['a condition that cannot be asked', { successCondition: 'result[1] > 1' }, value(1), 'Error'],
  ['a condition that does not compile', { successCondition: 'result >' }, value(1), 'Error'],
])('%s', (_name, fields, sample, phase) => {
  expect(judge(aMetric(fields), sample).phase).toBe(phase);
});

test('a metric without conditions is measured only', () => {
  const { successCondition: _, ...metric } = aMetric();
  const judged = judge(metric, value(3));
  expect(judged).toMatchObject({ phase: 'Successful', value: '3', message: '3, measured only' });
  expect(judged.threshold).toBeUndefined();
});

const MISSING: Sample[] = [
  { kind: 'ZeroTraffic' },
  { kind: 'NoSeries' },
  { kind: 'NotANumber' },
  { kind: 'NonFinite', value: Number.POSITIVE_INFINITY },
  { kind: 'Stale', ageMs: 400_000 },
  { kind: 'Partial', warnings: ['store gone'] },
  { kind: 'ProviderError', retryable: true, message: 'connection refused' },
  value(Number.NaN),
  value(),
  value(1, Number.NaN, 1),
  value(Number.POSITIVE_INFINITY),
];

test.each(MISSING)('%o is never judged: it follows onNoData, whichever conditions there are', sample => {
  const expected = { Hold: 'NoData', Inconclusive: 'Inconclusive', Fail: 'Failed', Pass: 'Successful' };
  const ways: Partial<Metric>[] = [
    { successCondition: success },
    { failureCondition: failure },
    { threshold: { min: 0.5 } },
    { threshold: { max: 0.5 } },
  ];
  for (const fields of ways) {
    expect(judge(aMetric(fields), sample).phase).toBe('NoData');
    for (const onNoData of ON_NO_DATA) {
      const judged = judge(aMetric({ ...fields, onNoData }), sample, 'sum(rate(x[1m]))');
      expect(judged.phase).toBe(expected[onNoData]);
      expect(judged.noDataReason).toBeDefined();
      expect(judged.message).toContain('sum(rate(x[1m]))');
    }
  }
});

test('a failureCondition that holds for an empty answer fails it, whatever the successCondition cannot say', () => {
  const metric = aMetric({ failureCondition: 'len(result) == 0', successCondition: success });
  expect(judge(metric, { kind: 'NoSeries' })).toMatchObject({ phase: 'Failed', value: 'no series' });
  expect(judge(metric, value(0.96)).phase).toBe('Successful');
  // The other way round nobody says what an empty answer means.
  const other = aMetric({ failureCondition: failure, successCondition: 'len(result) > 0 && result[0] > 0.95' });
  expect(judge(other, { kind: 'NoSeries' }).phase).toBe('NoData');
});

test('NaN does not pass a failureCondition and does not fail a successCondition', () => {
  expect(judge(aMetric({ failureCondition: failure }), { kind: 'NotANumber' }).phase).toBe('NoData');
  expect(judge(aMetric({ successCondition: success }), { kind: 'NotANumber' }).phase).toBe('NoData');
});

test.each<[string, Sample, MeasurementPhase]>([
  ['isNaN(result[0]) || result[0] >= 0.95', { kind: 'NotANumber' }, 'Successful'],
  ['!isNaN(result[0]) && result[0] >= 0.95', { kind: 'NotANumber' }, 'Failed'],
  ['isNaN(result) || result >= 0.95', { kind: 'NotANumber' }, 'Successful'],
  ['isNaN(result[0]) || result[0] >= 0.95', { kind: 'NoSeries' }, 'NoData'],
  ['len(result) == 0 || result[0] < 5', { kind: 'NoSeries' }, 'Successful'],
  ['len(result) > 0 && result[0] < 5', { kind: 'NoSeries' }, 'Failed'],
  ['default(result, 0) < 5', { kind: 'NoSeries' }, 'Successful'],
  ['default(result[0], 0) < 5', { kind: 'NoSeries' }, 'Successful'],
  ['default(result, 0) < 5', { kind: 'NotANumber' }, 'Successful'],
  ['isNil(result) || result[0] < 5', { kind: 'NoSeries' }, 'Successful'],
  ['len(result) == 0 || result[0] < 5', { kind: 'NotANumber' }, 'NoData'],
  ['len(result) == 1 || result[0] < 5', { kind: 'NoSeries' }, 'NoData'],
  ['isInf(result[0]) || result[0] < 5', { kind: 'NonFinite', value: Number.POSITIVE_INFINITY }, 'Successful'],
  ['default(result, 0) < 5', { kind: 'Stale', ageMs: 1 }, 'NoData'],
])('a condition that expects the case is asked: %s, %o', (successCondition, sample, phase) => {
  expect(judge(aMetric({ successCondition }), sample).phase).toBe(phase);
});

test.each<[Sample, RegExp]>([
  [{ kind: 'ConfigError', message: 'the query is wrong' }, /the query is wrong/],
  [{ kind: 'ProviderError', retryable: false, message: 'execution: x' }, /provider refused the query/],
  [{ kind: 'ManySeries', count: 3, results: [1, 2, 3] }, /3 series, expected one; aggregate/],
  [{ kind: 'ManySeries', count: 2 }, /2 series/],
])('%o is an Error whatever onNoData says', (sample, message) => {
  for (const onNoData of ON_NO_DATA) {
    const judged = judge(aMetric({ onNoData }), sample, 'up');
    expect(judged.phase).toBe('Error');
    expect(judged.message).toMatch(message);
    expect(judged.noDataReason).toBeUndefined();
  }
});

test('several series are judged by a condition that looks at all of them', () => {
  const sample: Sample = { kind: 'ManySeries', count: 2, results: [1, 9] };
  expect(judge(aMetric({ successCondition: 'result.all(v, v < 5)' }), sample).phase).toBe('Failed');
  expect(judge(aMetric({ successCondition: 'result.all(v, v < 10)' }), sample).phase).toBe('Successful');
  const hole: Sample = { kind: 'ManySeries', count: 2, results: [1, Number.NaN] };
  expect(judge(aMetric({ successCondition: 'result.all(v, v < 10)' }), hole).phase).toBe('NoData');
});

test('of more series than can be judged no part is judged in the name of all', () => {
  const metric = aMetric({ successCondition: 'result.all(v, v < 5)' });
  for (const results of [undefined, Array.from({ length: 1000 }, () => 1)]) {
    const judged = judge(metric, { kind: 'ManySeries', count: 1500, ...(results ? { results } : {}) });
    expect(judged.phase).toBe('Error');
    expect(judged.message).toContain('1500 series, at most 1000 can be judged');
  }
});

test.each([
  ['S', {}, 'NoData'],
  ['F', { failureLimit: 3 }, 'NoData'],
  ['SNE', {}, 'NoData'],
  ['', {}, 'Error'],
  ['NE', {}, 'Error'],
  // What it counts may be missing data.
  ['S', { onNoData: 'Pass' as const }, 'Error'],
])('after %s a wrong address of %o is %s: one that has answered was right', (letters, fields, phase) => {
  const metric = aMetric({ ...fields, count: 5 });
  const before = letters === '' ? undefined : measured(aRun([metric]), letters).metricResults?.[0];
  const page: Sample = { kind: 'ConfigError', message: 'the address redirects', ofProvider: true };
  expect(judge(metric, outageIfAnswered(metric, before, page)).phase).toBe(phase);
});

test('a MetricProvider that worked and was closed to the namespace is an outage', () => {
  const before = measured(aRun([aMetric()]), 'S').metricResults?.[0];
  const closed: Sample = { kind: 'ConfigError', message: 'MetricProvider default is not open', ofProvider: true };
  const judged = judge(aMetric(), outageIfAnswered(aMetric(), before, closed));
  expect(judged).toMatchObject({ phase: 'NoData', message: expect.stringContaining('is not open') });
});

test('a wrong query stays an Error after good answers', () => {
  const before = measured(aRun([aMetric()]), 'S').metricResults?.[0];
  const query: Sample = { kind: 'ConfigError', message: 'the query is wrong' };
  expect(judge(aMetric(), outageIfAnswered(aMetric(), before, query)).phase).toBe('Error');
});

test.each<[Partial<Metric>, number, string, string]>([
  [{ threshold: { min: 0.95 } }, 0.91, '0.91', '≥ 0.95'],
  [{ threshold: { max: 0.5 } }, 0.612345678, '0.612346', '≤ 0.5'],
  [{ threshold: { min: 1, max: 2 } }, 3, '3', '1 to 2'],
  [{ successCondition: 'result[0] >= 0.95' }, 0.91, '0.91', '≥ 0.95'],
  [{ successCondition: 'result < 500' }, 612, '612', '< 500'],
  [{ failureCondition: 'result[0] > 5' }, 6, '6', '≤ 5'],
  [{ failureCondition: 'isNaN(result) || result > 5' }, 6, '6', 'not (isNaN(result) || result > 5)'],
  [{ successCondition: success, failureCondition: failure }, 0.5, '0.5', '≥ 0.95, fails when < 0.9'],
  [{ threshold: { min: 0.95 } }, 0.9499999999, '0.9499999999', '≥ 0.95'],
])('%o measured as %d says value %s and wanted %s', (fields, measured, text, wanted) => {
  expect(judge(aMetric(fields), value(measured))).toMatchObject({
    value: text,
    threshold: wanted,
    message: `${text}, wanted ${wanted}`,
  });
});

test('texts stay within the limits of a stored measurement', () => {
  const judged = judge(
    aMetric({ successCondition: `result[0] > 1 ${'|| result[0] > 1.5 '.repeat(15)}` }),
    value(1),
    'x'.repeat(16_384),
  );
  expect(judged.message.length).toBeLessThanOrEqual(1024);
  expect(judge(aMetric(), { kind: 'NoSeries' }, 'x'.repeat(16_384)).message.length).toBeLessThanOrEqual(1024);
  expect(
    judge(aMetric({ threshold: { max: 0 } }), value(...new Array<number>(1000).fill(1 / 3))).value?.length,
  ).toBeLessThanOrEqual(256);
});

test('a call inside of another call counts as handling the case', () => {
  const metric = aMetric({ successCondition: 'asFloat(default(result, 0)) < 5' });
  expect(judge(metric, { kind: 'NoSeries' }).phase).toBe('Successful');
});

test('the query is shown on one line, however it was written', () => {
  expect(judge(aMetric(), { kind: 'NoSeries' }, 'sum(\n  up\n)\n').message).toContain('query: sum( up )');
});
