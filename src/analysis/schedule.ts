import type { MetricResult } from '../api/analysis-run.ts';
import type { Metric } from '../api/analysis-template.ts';
import { durationMs } from '../api/duration.ts';
import { fromTime, isFromWrongClock } from '../api/time.ts';

/** After an error or no data ask again at least this often, in milliseconds. */
const RETRY_MS = 10_000;
/** Whatever was declared, in milliseconds: an interval of 0 must not become a storm of queries. */
const SHORTEST_INTERVAL_MS = 100;
/** An answer that is missing for longer, in milliseconds, is not only a little late. */
const LATE_MS = 60_000;

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

/**
 * Whether the next answer of a metric should long be there: the one before it says what was so, and not what is. That may be since
 * nobody asked, or since answers cannot be stored. A query is expected to take as long as the last one did.
 */
export function isOverdue(
  metric: Metric,
  result: MetricResult | undefined,
  runStartedAt: number,
  now: number,
): boolean {
  const dueAt = nextSampleAt(metric, result, runStartedAt, now);
  if (dueAt === undefined) return false;
  const last = result?.measurements?.at(-1);
  const beganAt = fromTime(last?.startedAt) ?? dueAt;
  const endedAt = fromTime(last?.finishedAt) ?? beganAt;
  if (isFromWrongClock(Math.max(beganAt, endedAt), now)) return true;
  return now > Math.max(dueAt, endedAt) + Math.max(0, endedAt - beganAt) + LATE_MS;
}
