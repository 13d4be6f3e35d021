import type { AnalysisRunSpec, AnalysisRunStatus, MetricResult, RunPhase } from '../api/analysis-run.ts';
import type { Metric } from '../api/analysis-template.ts';
import { allowedFailures } from './metric-verdict.ts';

/** Best to worst; the worst phase of the metrics that count is the phase of the run. */
const SEVERITY: readonly RunPhase[] = ['Successful', 'Pending', 'Running', 'Inconclusive', 'Error', 'Failed'];

/** True where a metric is only watched: named in `dryRun`, exactly or with "*" at the end for any rest. */
export function isDryRun(spec: AnalysisRunSpec, metricName: string): boolean {
  return (spec.dryRun ?? []).some(({ metricName: pattern }) =>
    pattern.endsWith('*') ? metricName.startsWith(pattern.slice(0, -1)) : metricName === pattern,
  );
}

/** True once a phase is final. */
export function isFinal(phase: RunPhase): boolean {
  return phase !== 'Running' && phase !== 'Pending';
}

/**
 * Phase of a run from those of its metrics: the worst of those that count, where a metric that has not started counts
 * as Running. A run of dry-run metrics only is Successful when all of them have ended.
 */
export function runPhase(spec: AnalysisRunSpec, results: readonly MetricResult[]): RunPhase {
  const phaseOf = (metric: Metric): RunPhase => results.find(r => r.name === metric.name)?.phase ?? 'Running';
  const deciding = spec.metrics.filter(metric => !isDryRun(spec, metric.name));
  if (deciding.length === 0) return spec.metrics.every(metric => isFinal(phaseOf(metric))) ? 'Successful' : 'Running';
  return deciding.map(phaseOf).reduce((worst, phase) => (rank(phase) > rank(worst) ? phase : worst));
}

function rank(phase: RunPhase): number {
  return SEVERITY.indexOf(phase);
}

/** The metric that decided, or that is nearest to deciding: worst phase, then the largest share of its failures used. */
export function worstMetric(spec: AnalysisRunSpec, results: readonly MetricResult[]): MetricResult | undefined {
  const deciding = results.filter(result => !isDryRun(spec, result.name));
  const used = (result: MetricResult) => {
    const metric = spec.metrics.find(m => m.name === result.name);
    return metric ? result.failed / (allowedFailures(metric) + 1) : 0;
  };
  return [...deciding].sort((a, b) => rank(b.phase) - rank(a.phase) || used(b) - used(a))[0];
}

/** What `kubectl get` shows of a run. "failed" is "failed/allowed". */
export function worstColumns(spec: AnalysisRunSpec, result: MetricResult): NonNullable<AnalysisRunStatus['worst']> {
  const metric = spec.metrics.find(m => m.name === result.name);
  const shown = decisiveMeasurement(result);
  const allowed = metric ? allowedFailures(metric) : 0;
  return {
    metric: result.name,
    ...(shown?.value === undefined ? {} : { value: shown.value }),
    ...(shown?.threshold === undefined ? {} : { threshold: shown.threshold }),
    failed: Number.isFinite(allowed) ? `${result.failed}/${allowed}` : `${result.failed}`,
  };
}

/** The newest measurement that agrees with the metric's phase, or else the newest one. */
export function decisiveMeasurement(result: MetricResult) {
  const all = result.measurements ?? [];
  return all.findLast(measurement => measurement.phase === result.phase) ?? all.at(-1);
}
