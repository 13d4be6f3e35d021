import type { AnalysisRunSpec, AnalysisRunStatus } from '../api/analysis-run.ts';
import { toTime } from '../api/time.ts';
import { endMetrics, settleRun } from './end-run.ts';
import { emptyResult } from './record.ts';
import { isFinal, runPhase } from './run-verdict.ts';

/**
 * Ends a run that nobody waits for any more, at `atMs` (epoch milliseconds). Metrics with a decisive measurement are
 * Successful, those without are Inconclusive: what was never measured has not passed. A finished run stays as it is.
 */
export function terminateRun(
  spec: AnalysisRunSpec,
  status: AnalysisRunStatus | undefined,
  atMs: number,
  message: string,
): AnalysisRunStatus {
  const current: AnalysisRunStatus = status ?? { phase: 'Pending' };
  if (isFinal(current.phase)) return current;
  const results = spec.metrics.map(
    ({ name }) => current.metricResults?.find(result => result.name === name) ?? emptyResult(spec, name),
  );
  const ended = endMetrics(results, message);
  const started = { ...current, startedAt: current.startedAt ?? toTime(atMs) };
  return { ...settleRun(spec, started, ended, runPhase(spec, ended), atMs), message: message.slice(0, 2048) };
}
