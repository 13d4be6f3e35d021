import type { MetricResult, RunPhase } from '../api/analysis-run.ts';
import type { Metric } from '../api/analysis-template.ts';

const DEFAULT_ERROR_LIMIT = 4;

/**
 * How many decisive measurements end a metric; undefined: as long as the run lives. A metric without interval and
 * count is measured once.
 */
export function wantedCount(metric: Metric): number | undefined {
  if (metric.count !== undefined && metric.count > 0) return metric.count;
  return metric.interval === undefined ? 1 : undefined;
}

/**
 * Failures that a metric may have. Declaring only consecutiveFailureLimit turns the sum off. A limit that the count
 * could never exceed is lowered to count - 1, so that a single failing measurement of a one-shot metric fails.
 */
export function allowedFailures(metric: Metric): number {
  const onlyConsecutive = metric.failureLimit === undefined && (metric.consecutiveFailureLimit ?? 0) > 0;
  return onlyConsecutive ? Number.POSITIVE_INFINITY : capped(metric, metric.failureLimit ?? 0);
}

function capped(metric: Metric, limit: number): number {
  return Math.min(limit, mostMeasured(metric) - 1);
}

function mostMeasured(metric: Metric): number {
  return wantedCount(metric) ?? Number.POSITIVE_INFINITY;
}

/** Phase of a metric from its counters, with the reason in words where it has ended. */
export function metricVerdict(
  metric: Metric,
  result: MetricResult,
): { readonly phase: RunPhase; readonly why?: string } {
  const failures = allowedFailures(metric);
  if (result.failed > failures) return { phase: 'Failed', why: `${result.failed} failed, ${failures} allowed` };
  // More in a row than are ever measured would be a metric that cannot fail.
  const inARow = Math.min(metric.consecutiveFailureLimit ?? 0, mostMeasured(metric));
  if (inARow > 0 && result.consecutiveFailure >= inARow)
    return { phase: 'Failed', why: `${result.consecutiveFailure} failed in a row, below ${inARow} allowed` };
  const errors = metric.consecutiveErrorLimit ?? DEFAULT_ERROR_LIMIT;
  if (result.consecutiveError > errors)
    return { phase: 'Error', why: `${result.consecutiveError} errors in a row, ${errors} allowed` };
  const unclear = capped(metric, metric.inconclusiveLimit ?? 0);
  if (result.inconclusive > unclear)
    return { phase: 'Inconclusive', why: `${result.inconclusive} inconclusive, ${unclear} allowed` };
  const streak = metric.consecutiveSuccessLimit ?? 0;
  if (streak > 0 && result.consecutiveSuccess >= streak)
    return { phase: 'Successful', why: `${result.consecutiveSuccess} successful in a row` };
  const wanted = wantedCount(metric);
  if (wanted === undefined || result.count < wanted) return { phase: 'Running' };
  if (streak > 0) return { phase: 'Inconclusive', why: `never ${streak} successful in a row in ${result.count}` };
  if (result.successful === 0) return { phase: 'Inconclusive', why: `none of ${result.count} successful` };
  return { phase: 'Successful', why: `${result.successful} of ${result.count} successful` };
}
