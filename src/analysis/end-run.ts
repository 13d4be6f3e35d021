import type { AnalysisRunSpec, AnalysisRunStatus, MetricResult, RunPhase } from '../api/analysis-run.ts';
import { toTime } from '../api/time.ts';
import { decisiveMeasurement, isFinal, worstColumns, worstMetric } from './run-verdict.ts';

/**
 * Ends metrics that are still running: Successful with a decisive measurement, because none of their limits was
 * exceeded; Inconclusive without one, because nothing was measured.
 */
export function endMetrics(results: readonly MetricResult[], message: string): MetricResult[] {
  return results.map(result => {
    if (isFinal(result.phase)) return result;
    return { ...result, phase: result.count > 0 ? 'Successful' : 'Inconclusive', message: message.slice(0, 1024) };
  });
}

/** Puts the phase of a run, its sentence and its columns together; a final phase also sets completedAt. */
export function settleRun(
  spec: AnalysisRunSpec,
  status: AnalysisRunStatus,
  results: MetricResult[],
  phase: RunPhase,
  atMs: number,
): AnalysisRunStatus {
  const worst = worstMetric(spec, results);
  const { message: _old, worst: _columns, completedAt: _never, ...rest } = status;
  return {
    ...rest,
    phase,
    ...(worst ? { message: sentence(worst).slice(0, 2048), worst: worstColumns(spec, worst) } : {}),
    ...(isFinal(phase) ? { completedAt: toTime(atMs) } : {}),
    metricResults: results,
  };
}

/* "success-rate: 0.91, wanted ≥ 0.95 (2 failed, 1 allowed)" */
function sentence(result: MetricResult): string {
  const measured = decisiveMeasurement(result)?.message ?? 'not measured';
  return `${result.name}: ${measured}${result.message === undefined ? '' : ` (${result.message})`}`;
}
