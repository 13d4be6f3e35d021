import { allowedFailures } from '../analysis/metric-verdict.ts';
import { isDryRun } from '../analysis/run-verdict.ts';
import { isOverdue, nextSampleAt } from '../analysis/schedule.ts';
import { runSpecOf, runStatusOf } from '../analysis/stored-run.ts';
import type { AnalysisRunSpec, AnalysisRunStatus, MetricResult } from '../api/analysis-run.ts';
import type { Metric } from '../api/analysis-template.ts';
import { durationMs } from '../api/duration.ts';
import type { ApiObject } from '../api/object-meta.ts';
import type { Evidence } from '../api/rollout-status.ts';
import { earliest, fromTime } from '../api/time.ts';
import type { Because, Target } from './decision.ts';

const DEFAULT_NO_DATA_DEADLINE_MS = 600_000;
/** When to look again for an answer that is overdue, in milliseconds. */
const OVERDUE_MS = 10_000;
/** Empty answers at the beginning of a run that are nothing to tell anybody. */
const SCRAPE_ANSWERS = 2;

/** What one AnalysisRun says about the revision on trial. */
export type GateReading =
  | { readonly verdict: 'Passed' }
  | { readonly verdict: 'Running'; readonly because: Because }
  /** No data or no provider: neither a failed check nor a pass. `wakeAt` ends the holding. */
  | { readonly verdict: 'Hold'; readonly because: Because; readonly wakeAt: number }
  /** For a person; `wakeAt` may bring a verdict that waits for nobody. */
  | {
      readonly verdict: 'Inconclusive';
      readonly because: Because;
      readonly evidence: Evidence;
      readonly wakeAt?: number | undefined;
    }
  | {
      readonly verdict: 'Abort';
      readonly cause: 'AnalysisFailed' | 'AnalysisError' | 'NoDataDeadline';
      readonly because: Because;
      readonly evidence: Evidence;
    };

/** A run as decisions read it. */
export interface RunView {
  readonly target: Target;
  readonly spec: AnalysisRunSpec;
  readonly status: AnalysisRunStatus;
  readonly startedAt: number;
  /** One line for the history: "success-rate 0.998 >= 0.99". */
  readonly summary: string | undefined;
}

/** Reads a stored run; undefined when it is not one that the operator could have written. */
export function viewRun(object: ApiObject): RunView | undefined {
  const spec = runSpecOf(object);
  if (!spec) return undefined;
  const status: AnalysisRunStatus = runStatusOf(object) ?? { phase: 'Pending' };
  const { metadata } = object;
  const { worst } = status;
  return {
    target: { name: metadata.name, uid: metadata.uid ?? '', resourceVersion: metadata.resourceVersion ?? '' },
    spec,
    status,
    startedAt: fromTime(status.startedAt) ?? fromTime(metadata.creationTimestamp) ?? 0,
    summary: worst ? `${worst.metric} ${worst.value ?? 'no data'} (${worst.threshold ?? 'measured only'})` : undefined,
  };
}

export function isFinished(run: RunView): boolean {
  return !['Pending', 'Running'].includes(run.status.phase);
}

/**
 * Every metric that counts has passed at least once, and was good when it was asked last, which is not long ago. A gate that
 * never measured passes nothing, and failures that are allowed are not a success.
 */
export function hasPassed(run: RunView, now: number): boolean {
  return run.spec.metrics.every(metric => {
    if (isDryRun(run.spec, metric.name)) return true;
    const result = run.status.metricResults?.find(r => r.name === metric.name);
    if (!result || result.successful === 0) return false;
    // One that has ended is asked no more: what its limits allowed is allowed.
    if (result.phase === 'Successful') return true;
    return result.consecutiveSuccess > 0 && !isOverdue(metric, result, run.startedAt, now);
  });
}

/** Measured at all: what is called successful without a measurement was not written by the operator. */
export function hasMeasured(run: RunView): boolean {
  return run.spec.metrics.every(metric => {
    const result = run.status.metricResults?.find(r => r.name === metric.name);
    return isDryRun(run.spec, metric.name) || (result?.count ?? 0) > 0;
  });
}

/** Judges a run at `now`: its stored verdict, and the deadlines that only time can end. */
export function readGate(run: RunView, now: number): GateReading {
  const { phase } = run.status;
  if (phase === 'Successful' && hasMeasured(run)) return { verdict: 'Passed' };
  const decisive = decisiveMetric(run);
  const evidence = evidenceOf(run, decisive);
  const message = sentence(run, decisive);
  if (phase === 'Failed')
    return { verdict: 'Abort', cause: 'AnalysisFailed', because: { reason: 'AnalysisFailed', message }, evidence };
  if (phase === 'Error')
    return { verdict: 'Abort', cause: 'AnalysisError', because: { reason: 'AnalysisError', message }, evidence };
  if (phase === 'Inconclusive' || phase === 'Successful')
    return { verdict: 'Inconclusive', because: { reason: 'InconclusiveAnalysis', message }, evidence };
  return readNoData(run, now) ?? { verdict: 'Running', because: { reason: 'GateRunning', message } };
}

/** When time alone may change a reading: a deadline for data. */
export function gateWake(reading: GateReading | undefined): number | undefined {
  return reading?.verdict === 'Hold' || reading?.verdict === 'Inconclusive' ? reading.wakeAt : undefined;
}

/** A metric that counts and has no data. */
interface Missing {
  readonly metric: Metric;
  readonly result: MetricResult;
  readonly deadline: number;
  /** Nobody has asked for a while: whether there still is no data, the next answer tells. */
  readonly isUnknown: boolean;
}

/** Of several metrics the one that aborts is heard first, and one that asks a person before one that waits. */
function readNoData(run: RunView, now: number): GateReading | undefined {
  const missing = metricsWithoutData(run, now);
  const isOver = ({ deadline, isUnknown }: Missing) => now >= deadline && !isUnknown;
  const over = missing.filter(isOver);
  const open = missing.filter(one => !isOver(one));
  const wakeAt = earliest(...open.map(({ deadline }) => (now < deadline ? deadline : now + OVERDUE_MS)));
  const decisive = over.find(({ metric }) => metric.noDataAction === 'Abort') ?? over[0];
  if (decisive) {
    const { metric, result } = decisive;
    const because: Because = { reason: 'NoDataDeadline', message: sentence(run, result) };
    const evidence = evidenceOf(run, result);
    if (metric.noDataAction === 'Abort') return { verdict: 'Abort', cause: 'NoDataDeadline', because, evidence };
    return { verdict: 'Inconclusive', because, evidence, wakeAt };
  }
  const [first] = missing;
  if (!first || wakeAt === undefined) return undefined;
  return { verdict: 'Hold', because: becauseOfNoData(run, first.result), wakeAt };
}

function metricsWithoutData({ spec, status, startedAt }: RunView, now: number): Missing[] {
  return (status.metricResults ?? []).flatMap(result => {
    const since = fromTime(result.noDataSince);
    const metric = spec.metrics.find(({ name }) => name === result.name);
    if (since === undefined || !metric || result.dryRun || result.phase !== 'Running') return [];
    const deadline = since + (durationMs(metric.noDataDeadline) ?? DEFAULT_NO_DATA_DEADLINE_MS);
    return [{ metric, result, deadline, isUnknown: isOverdue(metric, result, startedAt, now) }];
  });
}

function becauseOfNoData(run: RunView, result: MetricResult): Because {
  const message = sentence(run, result);
  if (isTooSoon(result)) return { reason: 'GateRunning', message };
  return { reason: result.noDataReason === 'ProviderError' ? 'ProviderError' : 'NoData', message };
}

/** New pods have to be scraped first: the first empty answers of a run hold it, and are no news. */
function isTooSoon(result: MetricResult): boolean {
  const all = result.measurements ?? [];
  return result.count === 0 && result.noDataReason !== 'ProviderError' && all.length <= SCRAPE_ANSWERS;
}

/** Metrics of a run whose next measurement is due, and when the next one will be. */
export function dueSamples(
  run: RunView,
  now: number,
): { readonly due: readonly Metric[]; readonly nextAt: number | undefined } {
  if (isFinished(run)) return { due: [], nextAt: undefined };
  const due: Metric[] = [];
  let nextAt: number | undefined;
  for (const metric of run.spec.metrics) {
    const result = run.status.metricResults?.find(r => r.name === metric.name);
    const at = nextSampleAt(metric, result, run.startedAt, now);
    if (at === undefined) continue;
    if (at <= now) due.push(metric);
    else nextAt = Math.min(nextAt ?? at, at);
  }
  return { due, nextAt };
}

const SEVERITY = ['Failed', 'Error', 'Inconclusive', 'Running', 'Pending', 'Successful'];

function decisiveMetric(run: RunView): MetricResult | undefined {
  const results = (run.status.metricResults ?? []).filter(result => !result.dryRun);
  return results.sort((a, b) => SEVERITY.indexOf(a.phase) - SEVERITY.indexOf(b.phase) || b.failed - a.failed)[0];
}

function evidenceOf(run: RunView, result: MetricResult | undefined): Evidence {
  const metric = run.spec.metrics.find(m => m.name === result?.name);
  const all = result?.measurements ?? [];
  const shown = all.findLast(m => m.phase === result?.phase) ?? all.at(-1);
  const query = shown?.query ?? all.findLast(m => m.query !== undefined)?.query;
  return {
    analysisRun: run.target.name,
    ...(result ? { metric: result.name, failures: result.failed } : {}),
    ...(shown?.value !== undefined ? { measured: shown.value } : {}),
    ...(shown?.threshold !== undefined ? { threshold: shown.threshold } : {}),
    ...(query !== undefined ? { query } : {}),
    ...(metric && Number.isFinite(allowedFailures(metric)) ? { limit: allowedFailures(metric) } : {}),
  };
}

/** "success-rate 0.91 < 0.95: 3 failed, 2 allowed": value, threshold and count, and nothing that changes by itself. */
function sentence(run: RunView, result: MetricResult | undefined): string {
  if (!result) return run.status.message ?? `analysis ${run.target.name} has not measured yet`;
  const evidence = evidenceOf(run, result);
  const last = result.measurements?.at(-1);
  if (result.noDataSince !== undefined && last?.phase === 'NoData')
    return `${result.name}: ${last.message ?? 'no data'}`;
  if (result.phase === 'Error' || last?.phase === 'Error')
    return `${result.name}: ${last?.message ?? result.message ?? 'could not be measured'}`;
  const value = `${result.name} ${evidence.measured ?? 'not measured yet'}`;
  const against = evidence.threshold ? ` (wanted: ${evidence.threshold})` : '';
  const inARow = `; ${result.consecutiveFailure} failed in a row`;
  const counted = evidence.limit === undefined ? inARow : `; ${result.failed} failed, ${evidence.limit} allowed`;
  const failures = result.failed > 0 ? counted : '';
  return `${value}${against}${failures}`;
}
