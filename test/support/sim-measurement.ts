import type { AnalysisRunStatus, MeasurementPhase, MetricResult } from '../../src/api/analysis-run.ts';

const VALUES: Readonly<Record<MeasurementPhase, { value?: string; message?: string }>> = {
  Successful: { value: '0.999' },
  Failed: { value: '0.5' },
  Inconclusive: { value: '0.9' },
  Error: { message: 'the answer is no number' },
  NoData: { message: 'query returned no series' },
};

/** A run's status after one more measurement. A failure, an error or an inconclusive one decides the metric at once. */
export function withMeasurement(
  before: AnalysisRunStatus | undefined,
  metric: string,
  phase: MeasurementPhase,
  over: boolean,
  at: string,
): AnalysisRunStatus {
  const results = before?.metricResults ?? [];
  const old = results.find(result => result.name === metric) ?? emptyResult(metric);
  const is = (wanted: MeasurementPhase) => (phase === wanted ? 1 : 0);
  const { noDataSince, noDataReason: _, ...counted } = old;
  const ended = phase === 'NoData' ? 'Running' : phase === 'Successful' ? (over ? 'Successful' : 'Running') : phase;
  const seen = VALUES[phase];
  const next: MetricResult = {
    ...counted,
    phase: ended,
    count: old.count + 1 - is('NoData'),
    successful: old.successful + is('Successful'),
    failed: old.failed + is('Failed'),
    inconclusive: old.inconclusive + is('Inconclusive'),
    error: old.error + is('Error'),
    noData: old.noData + is('NoData'),
    ...(phase === 'NoData' ? {} : streaksAfter(old, phase)),
    ...(phase === 'NoData' ? { noDataSince: noDataSince ?? at, noDataReason: 'NoSeries' } : {}),
    measurements: [
      ...(old.measurements ?? []),
      { phase, ...seen, threshold: '>= 0.95', query: 'up', startedAt: at, finishedAt: at },
    ].slice(-10),
  };
  return {
    ...before,
    phase: ended,
    startedAt: before?.startedAt ?? at,
    metricResults: [...results.filter(result => result.name !== metric), next],
    worst: {
      metric,
      ...(seen.value === undefined ? {} : { value: seen.value }),
      threshold: '>= 0.95',
      failed: `${next.failed}/0`,
    },
  };
}

function streaksAfter(old: MetricResult, phase: MeasurementPhase) {
  return {
    consecutiveError: phase === 'Error' ? old.consecutiveError + 1 : 0,
    consecutiveSuccess: phase === 'Successful' ? old.consecutiveSuccess + 1 : 0,
    consecutiveFailure: phase === 'Failed' ? old.consecutiveFailure + 1 : 0,
  };
}

function emptyResult(name: string): MetricResult {
  return {
    name,
    phase: 'Running',
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
