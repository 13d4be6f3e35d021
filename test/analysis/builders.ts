import type { Judged } from '../../src/analysis/judge.ts';
import { recordMeasurement } from '../../src/analysis/record.ts';
import type { AnalysisRunSpec, AnalysisRunStatus } from '../../src/api/analysis-run.ts';
import type { Metric } from '../../src/api/analysis-template.ts';

/** A metric with a Prometheus query, "result[0] >= 0.95" every 30 s unless told otherwise. */
export function aMetric(fields: Partial<Metric> = {}): Metric {
  const judged = fields.threshold || fields.successCondition || fields.failureCondition;
  return {
    name: 'success-rate',
    interval: '30s',
    ...(judged ? {} : { successCondition: 'result[0] >= 0.95' }),
    provider: { prometheus: { query: 'up' } },
    ...fields,
  };
}

export function aRun(metrics: readonly Metric[], fields: Partial<AnalysisRunSpec> = {}): AnalysisRunSpec {
  return { metrics: [...metrics], ...fields };
}

/** One letter for each measurement: Successful, Failed, Inconclusive, Error, No data. */
const JUDGED: Readonly<Record<string, Judged>> = {
  S: { phase: 'Successful', value: '0.97', threshold: '≥ 0.95', message: '0.97, wanted ≥ 0.95' },
  F: { phase: 'Failed', value: '0.91', threshold: '≥ 0.95', message: '0.91, wanted ≥ 0.95' },
  I: { phase: 'Inconclusive', value: '0.94', threshold: '≥ 0.95', message: '0.94, wanted ≥ 0.95' },
  E: { phase: 'Error', message: 'query returned 2 series' },
  N: { phase: 'NoData', message: 'query returned no series', noDataReason: 'NoSeries' },
};

export const START = 1_767_225_600_000;

/** Records measurements 30 s apart, for example "SSF". */
export function measured(
  spec: AnalysisRunSpec,
  letters: string,
  metric = spec.metrics[0]?.name ?? '',
  status?: AnalysisRunStatus,
): AnalysisRunStatus {
  let current = status;
  [...letters].forEach((letter, i) => {
    const judged = JUDGED[letter];
    if (!judged) throw new Error(`no measurement ${letter}`);
    const startedAt = START + i * 30_000;
    current = recordMeasurement(spec, current, metric, judged, { startedAt, finishedAt: startedAt + 200 });
  });
  if (!current) throw new Error('nothing measured');
  return current;
}
