import type { MetricResult } from '../api/analysis-run.ts';
import type { Metric } from '../api/analysis-template.ts';
import { durationMs } from '../api/duration.ts';
import { fromTime, isFromWrongClock } from '../api/time.ts';

/** After an error or no data ask again at least this often, in milliseconds. */
const RETRY_MS = 10_000;
/** Whatever was declared, in milliseconds: an interval of 0 must not become a storm of queries. */
const SHORTEST_INTERVAL_MS = 100;

/**
 * When the next measurement of a metric is due, epoch milliseconds; undefined when it has ended.
 * Measurements are spaced from start to start, so a slow query does not stretch the interval. What began in the future, by the
 * clock of the API server or of an operator before this one, is due at once: a canary must not serve unmeasured until then.
 */
export function nextSampleAt(
  metric: Metric,
  result: MetricResult | undefined,
  runStartedAt: number,
  now: number,
): number | undefined {
  if (result && result.phase !== 'Running' && result.phase !== 'Pending') return undefined;
  const last = result?.measurements?.at(-1);
  const lastAt = fromTime(last?.startedAt);
  const from = last && lastAt !== undefined ? lastAt : runStartedAt;
  if (isFromWrongClock(from, now)) return now;
  if (!last || lastAt === undefined) return Math.min(runStartedAt, now) + (durationMs(metric.initialDelay) ?? 0);
  const interval = durationMs(metric.interval);
  const troubled = last.phase === 'Error' || last.phase === 'NoData';
  if (interval === undefined) return lastAt + RETRY_MS;
  return lastAt + Math.max(SHORTEST_INTERVAL_MS, troubled ? Math.min(interval, RETRY_MS) : interval);
}
