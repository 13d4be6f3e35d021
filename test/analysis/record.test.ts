import { expect, test } from 'vitest';
import { emptyResult, recordMeasurement, recordMeasurements } from '../../src/analysis/record.ts';
import { runPhase } from '../../src/analysis/run-verdict.ts';
import { terminateRun } from '../../src/analysis/terminate.ts';
import { analysisRunStatusSchema, type RunPhase } from '../../src/api/analysis-run.ts';
import type { Metric } from '../../src/api/analysis-template.ts';
import { aMetric, aRun, measured, START } from './builders.ts';

test.each<[Partial<Metric>, string, RunPhase]>([
  [{}, 'S', 'Running'],
  [{}, 'F', 'Failed'],
  [{ failureLimit: 2 }, 'FSF', 'Running'],
  [{ failureLimit: 2 }, 'FSFF', 'Failed'],
  [{ failureLimit: 2 }, 'FSFSSSSSF', 'Failed'],
  [{ failureLimit: 9, consecutiveFailureLimit: 2 }, 'FSF', 'Running'],
  [{ failureLimit: 9, consecutiveFailureLimit: 2 }, 'FSFF', 'Failed'],
  [{ consecutiveFailureLimit: 2 }, 'FSFSFS', 'Running'],
  [{ consecutiveFailureLimit: 2 }, 'FNF', 'Failed'],
  [{ failureLimit: 9, consecutiveFailureLimit: 2 }, 'FEF', 'Running'],
  [{ consecutiveSuccessLimit: 3 }, 'SS', 'Running'],
  [{ consecutiveSuccessLimit: 3 }, 'SSS', 'Successful'],
  [{ consecutiveSuccessLimit: 3, failureLimit: 5 }, 'SSFSS', 'Running'],
  [{ consecutiveSuccessLimit: 3, failureLimit: 2, count: 4 }, 'SSFS', 'Inconclusive'],
  [{}, 'I', 'Inconclusive'],
  [{ inconclusiveLimit: 1 }, 'IS', 'Running'],
  [{ inconclusiveLimit: 1 }, 'II', 'Inconclusive'],
  [{}, 'EEEE', 'Running'],
  [{}, 'EEEEE', 'Error'],
  [{}, 'EEEESEEEE', 'Running'],
  [{ consecutiveErrorLimit: 0 }, 'E', 'Error'],
  [{ count: 3 }, 'SS', 'Running'],
  [{ count: 3 }, 'SSS', 'Successful'],
  [{ count: 3, failureLimit: 1 }, 'SFS', 'Successful'],
  [{ count: 3 }, 'NENNNSNS', 'Running'],
  [{ count: 3 }, 'SNSNS', 'Successful'],
  // More in a row than are measured is all of them.
  [{ count: 4, consecutiveFailureLimit: 5 }, 'FFFF', 'Failed'],
  [{ count: 4, consecutiveFailureLimit: 5 }, 'FFFS', 'Successful'],
  [{ count: 4, consecutiveFailureLimit: 4 }, 'FFFS', 'Successful'],
  [{ count: 0 }, 'SSSSSSSSSSSS', 'Running'],
  [{}, 'NNNNNNNNNNNN', 'Running'],
  [{ count: 2, failureLimit: 1, inconclusiveLimit: 1 }, 'FI', 'Inconclusive'],
])('%o after %s is %s', (fields, letters, phase) => {
  const status = measured(aRun([aMetric(fields)]), letters);
  expect(status.phase).toBe(phase);
  expect(status.completedAt === undefined).toBe(phase === 'Running');
  expect(analysisRunStatusSchema.safeParse(status).error).toBeUndefined();
});

const oneShot = (fields: Partial<Metric> = {}): Metric => {
  const { interval: _, ...rest } = aMetric(fields);
  return rest;
};

test.each<[Partial<Metric>, string, RunPhase]>([
  [{}, 'S', 'Successful'],
  [{}, 'F', 'Failed'],
  [{ failureLimit: 3 }, 'F', 'Failed'],
  [{ consecutiveFailureLimit: 3 }, 'F', 'Failed'],
  [{}, 'I', 'Inconclusive'],
  [{}, 'N', 'Running'],
  [{}, 'NES', 'Successful'],
])('a metric without interval and count, %o, after %s is %s', (fields, letters, phase) => {
  expect(measured(aRun([oneShot(fields)]), letters).phase).toBe(phase);
});

test('counters, times, the last ten measurements and the columns are kept', () => {
  const status = measured(aRun([aMetric({ failureLimit: 3 })]), 'SSSSFNESSSSF');
  expect(status.metricResults?.[0]).toMatchObject({
    phase: 'Running',
    count: 10,
    successful: 8,
    failed: 2,
    error: 1,
    noData: 1,
    consecutiveFailure: 1,
    consecutiveSuccess: 0,
    consecutiveError: 0,
  });
  const kept = status.metricResults?.[0]?.measurements ?? [];
  expect(kept.length).toBe(10);
  expect(kept.at(-1)).toMatchObject({
    phase: 'Failed',
    value: '0.91',
    startedAt: new Date(START + 11 * 30_000).toISOString(),
    finishedAt: new Date(START + 11 * 30_000 + 200).toISOString(),
  });
  expect(status.startedAt).toBe(new Date(START).toISOString());
  expect(status.worst).toEqual({ metric: 'success-rate', value: '0.91', threshold: '≥ 0.95', failed: '2/3' });
});

test('a stretch without data begins with its first measurement, outlasts errors and ends with data', () => {
  const spec = aRun([aMetric({ failureLimit: 3 })]);
  const at = (i: number) => new Date(START + i * 30_000).toISOString();
  expect(measured(spec, 'SNNE').metricResults?.[0]).toMatchObject({ noDataSince: at(1), noDataReason: 'NoSeries' });
  for (const letters of ['SNNS', 'SNNF']) {
    expect(measured(spec, letters).metricResults?.[0]?.noDataSince).toBeUndefined();
    expect(measured(spec, letters).metricResults?.[0]?.noDataReason).toBeUndefined();
  }
  expect(measured(spec, 'SNSN').metricResults?.[0]?.noDataSince).toBe(at(3));
});

test('the message says what failed, against what, and how often', () => {
  expect(measured(aRun([aMetric({ failureLimit: 1 })]), 'FF').message).toBe(
    'success-rate: 0.91, wanted ≥ 0.95 (2 failed, 1 allowed)',
  );
});

const two = [aMetric({ name: 'a', count: 2 }), aMetric({ name: 'b', count: 2 })];

test('a run waits for all of its metrics', () => {
  const spec = aRun(two);
  const half = measured(spec, 'SS', 'a');
  expect(half.phase).toBe('Running');
  const whole = measured(spec, 'SS', 'b', half);
  expect(whole.phase).toBe('Successful');
  expect(whole.metricResults?.map(({ name }) => name)).toEqual(['a', 'b']);
});

test('the first metric that fails ends the run, and the others with it', () => {
  const spec = aRun(two);
  const status = measured(spec, 'F', 'b', measured(spec, 'S', 'a'));
  expect(status.phase).toBe('Failed');
  expect(status.worst?.metric).toBe('b');
  expect(status.metricResults?.find(({ name }) => name === 'a')).toMatchObject({
    phase: 'Successful',
    message: 'ended with the run',
  });
});

test.each<[RunPhase, RunPhase, RunPhase]>([
  ['Successful', 'Running', 'Running'],
  ['Running', 'Inconclusive', 'Inconclusive'],
  ['Inconclusive', 'Error', 'Error'],
  ['Error', 'Failed', 'Failed'],
  ['Failed', 'Inconclusive', 'Failed'],
  ['Successful', 'Successful', 'Successful'],
])('metrics that are %s and %s make a run %s', (a, b, phase) => {
  const spec = aRun(two);
  const results = [
    { ...emptyResult(spec, 'a'), phase: a },
    { ...emptyResult(spec, 'b'), phase: b },
  ];
  expect(runPhase(spec, results)).toBe(phase);
});

test('an inconclusive metric ends the run, and what comes later changes nothing', () => {
  const spec = aRun(two);
  const inconclusive = measured(spec, 'I', 'a');
  expect(inconclusive.phase).toBe('Inconclusive');
  expect(measured(spec, 'F', 'b', inconclusive)).toBe(inconclusive);
});

test('a finished run and an unknown metric change nothing', () => {
  const spec = aRun([aMetric()]);
  const done = measured(spec, 'F');
  expect(measured(spec, 'SSS', 'success-rate', done)).toBe(done);
  const running = measured(spec, 'S');
  expect(measured(spec, 'F', 'other', running)).toBe(running);
});

test('recording does not change the status it was given', () => {
  const spec = aRun([aMetric()]);
  const before = measured(spec, 'S');
  const copy = structuredClone(before);
  measured(spec, 'F', 'success-rate', before);
  expect(before).toEqual(copy);
});

test('a dry-run metric is recorded and never decides', () => {
  const spec = aRun([aMetric({ name: 'p95.get', count: 5 }), aMetric({ name: 'ok', count: 1 })], {
    dryRun: [{ metricName: 'p95.*' }],
  });
  const failed = measured(spec, 'F', 'p95.get');
  expect(failed.phase).toBe('Running');
  expect(failed.metricResults?.[0]).toMatchObject({ phase: 'Failed', dryRun: true });
  const done = measured(spec, 'S', 'ok', failed);
  expect(done.phase).toBe('Successful');
  expect(done.worst?.metric).toBe('ok');
});

test('a run does not wait for its dry-run metrics', () => {
  const spec = aRun([aMetric({ name: 'dry', count: 9 }), aMetric({ name: 'ok', count: 1 })], {
    dryRun: [{ metricName: 'dry' }],
  });
  expect(measured(spec, 'S', 'ok').phase).toBe('Successful');
});

test('a run of dry-run metrics only is Successful once they have ended', () => {
  const spec = aRun([aMetric({ name: 'dry', count: 2, failureLimit: 0 })], { dryRun: [{ metricName: '*' }] });
  expect(measured(spec, 'S').phase).toBe('Running');
  expect(measured(spec, 'F').phase).toBe('Successful');
});

test('a run that is ended with measurements is Successful, without one Inconclusive', () => {
  const spec = aRun(two);
  expect(terminateRun(spec, undefined, START, 'no longer needed')).toMatchObject({
    phase: 'Inconclusive',
    message: 'no longer needed',
    completedAt: new Date(START).toISOString(),
  });
  const half = measured(spec, 'S', 'a');
  expect(terminateRun(spec, half, START, 'over').phase).toBe('Inconclusive');
  const whole = measured(spec, 'NES', 'b', half);
  const over = terminateRun(spec, whole, START + 600_000, 'over');
  expect(over.phase).toBe('Successful');
  expect(over.metricResults?.map(({ phase }) => phase)).toEqual(['Successful', 'Successful']);
  expect(analysisRunStatusSchema.safeParse(over).error).toBeUndefined();
  expect(terminateRun(spec, over, START, 'again')).toBe(over);
});

test('missing data alone never passes a run that is ended', () => {
  expect(terminateRun(aRun([aMetric()]), measured(aRun([aMetric()]), 'NNNEE'), START, 'over').phase).toBe(
    'Inconclusive',
  );
});

test('a late answer is recorded with its own times', () => {
  const spec = aRun([aMetric()]);
  const judged = { phase: 'Successful', message: 'ok' } as const;
  const status = recordMeasurement(spec, { phase: 'Pending' }, 'success-rate', judged, {
    startedAt: START,
    finishedAt: START + 9_000,
  });
  expect(status.metricResults?.[0]?.measurements?.[0]).toMatchObject({
    finishedAt: new Date(START + 9_000).toISOString(),
  });
});

test('a measurement that is stored already, since only the answer to its write was lost, counts once', () => {
  const spec = aRun([{ ...aMetric(), count: 2 }]);
  const judged = { phase: 'Successful', message: 'ok' } as const;
  const times = { startedAt: START, finishedAt: START + 200 };
  const once = recordMeasurement(spec, undefined, 'success-rate', judged, times);
  expect(recordMeasurement(spec, once, 'success-rate', judged, times)).toBe(once);
  const next = recordMeasurement(spec, once, 'success-rate', judged, { ...times, finishedAt: START + 201 });
  expect(next.metricResults?.[0]).toMatchObject({ count: 2, phase: 'Successful' });
});

test.each([1, 10, 11, 20, 25])(
  '%i measurements that are stored already do not count again, though ten of them are kept',
  many => {
    const spec = aRun([aMetric({ failureLimit: 5 }), aMetric({ name: 'latency' })]);
    const taken = Array.from({ length: many }, (_, index) => ({
      metric: index % 5 === 3 ? 'latency' : 'success-rate',
      judged: { phase: index % 4 === 0 ? ('Failed' as const) : ('Successful' as const), message: 'm' },
      startedAt: START + index * 1000,
      finishedAt: START + index * 1000 + 5,
    }));
    const once = recordMeasurements(spec, undefined, taken.slice(0, many));
    expect(recordMeasurements(spec, once, taken)).toEqual(once);
    const part = recordMeasurements(spec, undefined, taken.slice(0, -1));
    expect(recordMeasurements(spec, part, taken)).toEqual(once);
  },
);

/** What etcd takes by default. */
const LARGEST_OBJECT = 1.5 * 1024 * 1024;

test('a run of sixty metrics with long queries fits into one object', () => {
  const query = 'x'.repeat(16_384);
  const metrics = Array.from({ length: 60 }, (_, i) => ({
    ...aMetric({ name: `m${i}` }),
    provider: { prometheus: { query } },
  }));
  const spec = aRun(metrics);
  const taken = Array.from({ length: 10 }).flatMap((_, round) =>
    metrics.map(({ name }) => ({
      metric: name,
      judged: { phase: 'Successful' as const, value: '0.97', query, message: 'm'.repeat(150) },
      startedAt: START + round * 30_000,
      finishedAt: START + round * 30_000 + 5,
    })),
  );
  const status = recordMeasurements(spec, undefined, taken);
  expect(JSON.stringify({ spec, status }).length).toBeLessThan(LARGEST_OBJECT);
});

test('the query that was sent is kept with the newest measurement that has one', () => {
  const spec = aRun([aMetric()]);
  const taken = ['up', 'up', undefined].map((query, i) => ({
    metric: 'success-rate',
    judged: { phase: 'Successful' as const, message: 'ok', ...(query === undefined ? {} : { query }) },
    startedAt: START + i * 30_000,
    finishedAt: START + i * 30_000,
  }));
  const [result] = recordMeasurements(spec, undefined, taken).metricResults ?? [];
  expect(result?.measurements?.map(({ query }) => query)).toEqual([undefined, 'up', undefined]);
});
