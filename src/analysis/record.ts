import {
  type AnalysisRunSpec,
  type AnalysisRunStatus,
  KEPT_MEASUREMENTS,
  type Measurement,
  type MeasurementPhase,
  type MetricResult,
} from '../api/analysis-run.ts';
import { clip } from '../api/clip.ts';
import { fromTime, toTime } from '../api/time.ts';
import { endMetrics, settleRun } from './end-run.ts';
import type { Judged } from './judge.ts';
import { metricVerdict } from './metric-verdict.ts';
import { isDryRun, isFinal, runPhase } from './run-verdict.ts';

/** A run has up to sixty metrics, carries their queries in its spec, and has to fit into one object. */
const KEPT_QUERY = 4096;

/** When a query was sent and when its answer was there, epoch milliseconds. */
export interface MeasuredAt {
  readonly startedAt: number;
  readonly finishedAt: number;
}

/** A measurement that was taken of a metric. */
export interface Taken extends MeasuredAt {
  readonly metric: string;
  readonly judged: Judged;
}

/**
 * Adds measurements in the order in which they were taken. Those that are there already do not count twice, also when only the
 * last of them are still kept: what was stored is always the beginning of what was taken of a metric.
 */
export function recordMeasurements(
  spec: AnalysisRunSpec,
  status: AnalysisRunStatus | undefined,
  taken: readonly Taken[],
): AnalysisRunStatus {
  const stored = new Map<string, number>();
  for (const [index, { metric, startedAt, finishedAt }] of taken.entries()) {
    const result = status?.metricResults?.find(({ name }) => name === metric);
    if (result && holds(result, startedAt, finishedAt)) stored.set(metric, index);
  }
  return taken
    .filter(({ metric }, index) => index > (stored.get(metric) ?? -1))
    .reduce<AnalysisRunStatus>(
      (before, { metric, judged, ...at }) => recordMeasurement(spec, before, metric, judged, at),
      status ?? { phase: 'Pending' },
    );
}

/**
 * Adds one judged measurement to a run and draws the conclusions: counters, phase of the metric, phase of the run.
 * Pure; the given status is not changed. A finished run or metric stays as it is, and so does a run without that
 * metric: late answers of slow queries come to nothing. A measurement that is there already, since only the answer to its write
 * was lost, does not count twice.
 */
export function recordMeasurement(
  spec: AnalysisRunSpec,
  status: AnalysisRunStatus | undefined,
  metricName: string,
  judged: Judged,
  { startedAt, finishedAt }: MeasuredAt,
): AnalysisRunStatus {
  const current: AnalysisRunStatus = status ?? { phase: 'Pending' };
  const metric = spec.metrics.find(({ name }) => name === metricName);
  if (!metric || isFinal(current.phase)) return current;
  const before = current.metricResults?.find(({ name }) => name === metricName) ?? emptyResult(spec, metricName);
  if (isFinal(before.phase) || holds(before, startedAt, finishedAt)) return current;

  const counted = addMeasurement(before, judged, { startedAt, finishedAt });
  const { phase, why } = metricVerdict(metric, counted);
  const after: MetricResult = { ...counted, phase, ...(why === undefined ? {} : { message: why.slice(0, 1024) }) };
  const results = inSpecOrder(spec, [...(current.metricResults ?? []).filter(r => r.name !== metricName), after]);
  const ended = isFinal(runPhase(spec, results));
  return settleRun(
    spec,
    { ...current, startedAt: current.startedAt ?? toTime(startedAt) },
    ended ? endMetrics(results, 'ended with the run') : results,
    runPhase(spec, results),
    finishedAt,
  );
}

/** Of one metric no two measurements are under way at once. */
function holds({ measurements = [] }: MetricResult, startedAt: number, finishedAt: number): boolean {
  const [from, to] = [toTime(startedAt), toTime(finishedAt)];
  return measurements.some(one => one.startedAt === from && one.finishedAt === to);
}

/** A metric that has not been measured. */
export function emptyResult(spec: AnalysisRunSpec, name: string): MetricResult {
  return {
    name,
    phase: 'Running',
    ...(isDryRun(spec, name) ? { dryRun: true } : {}),
    count: 0,
    successful: 0,
    failed: 0,
    inconclusive: 0,
    error: 0,
    noData: 0,
    consecutiveError: 0,
    consecutiveSuccess: 0,
    consecutiveFailure: 0,
  };
}

const COUNTER = {
  Successful: 'successful',
  Failed: 'failed',
  Inconclusive: 'inconclusive',
  Error: 'error',
  NoData: 'noData',
} as const satisfies Record<MeasurementPhase, keyof MetricResult>;

function addMeasurement(before: MetricResult, judged: Judged, { startedAt, finishedAt }: MeasuredAt): MetricResult {
  const { phase } = judged;
  const decisive = phase !== 'Error' && phase !== 'NoData';
  const counter = COUNTER[phase];
  const { noDataSince, noDataReason, ...rest } = before;
  const measurement: Measurement = {
    phase,
    ...(judged.value === undefined ? {} : { value: judged.value }),
    ...(judged.threshold === undefined ? {} : { threshold: judged.threshold }),
    ...(judged.query === undefined ? {} : { query: clip(judged.query, KEPT_QUERY) }),
    startedAt: toTime(startedAt),
    finishedAt: toTime(finishedAt),
    message: judged.message.slice(0, 1024),
  };
  const earlier = before.measurements ?? [];
  return {
    ...rest,
    ...missingSince(before, judged, startedAt),
    [counter]: before[counter] + 1,
    count: before.count + (decisive ? 1 : 0),
    ...streaks(before, phase),
    measurements: [...(measurement.query === undefined ? earlier : earlier.map(withoutQuery)), measurement].slice(
      -KEPT_MEASUREMENTS,
    ),
  };
}

/** A metric asks the same all along: to say it once is enough. */
function withoutQuery({ query: _same, ...measurement }: Measurement): Measurement {
  return measurement;
}

/* Streaks of what was measured. No data neither continues nor breaks one. */
function streaks(before: MetricResult, phase: MeasurementPhase) {
  const { consecutiveError, consecutiveSuccess, consecutiveFailure } = before;
  if (phase === 'NoData') return { consecutiveError, consecutiveSuccess, consecutiveFailure };
  return {
    consecutiveError: phase === 'Error' ? consecutiveError + 1 : 0,
    consecutiveSuccess: phase === 'Successful' ? consecutiveSuccess + 1 : 0,
    consecutiveFailure: phase === 'Failed' ? consecutiveFailure + 1 : 0,
  };
}

/* The stretch without data began with its first measurement; data ends it, an error does not. */
function missingSince(before: MetricResult, judged: Judged, startedAt: number) {
  if (judged.phase === 'NoData')
    return {
      // One that is yet to come was written by a clock that was ahead.
      noDataSince: toTime(Math.min(fromTime(before.noDataSince) ?? startedAt, startedAt)),
      noDataReason: judged.noDataReason ?? before.noDataReason ?? 'NoSeries',
    };
  if (judged.phase !== 'Error') return {};
  return {
    ...(before.noDataSince === undefined ? {} : { noDataSince: before.noDataSince }),
    ...(before.noDataReason === undefined ? {} : { noDataReason: before.noDataReason }),
  };
}

function inSpecOrder(spec: AnalysisRunSpec, results: readonly MetricResult[]): MetricResult[] {
  return spec.metrics.flatMap(({ name }) => results.filter(result => result.name === name));
}
