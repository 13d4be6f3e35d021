import { setTimeout as sleep } from 'node:timers/promises';
import { isOfOperator, isOperatorAttempt, isOperatorRead } from '../measure/audit-record.ts';
import type { RestResult } from '../results.ts';
import type { Bench } from '../world/bench.ts';

/** What work left behind is collected some ten seconds after it, and at most every thirty. */
const UNTIL_COLLECTED_MS = 35_000;
const RESTED_MS = 20_000;

/** Watches the operator do nothing. */
export async function runIdle(bench: Bench, idleMs: number): Promise<void> {
  await sleep(Math.min(UNTIL_COLLECTED_MS, Math.max(15_000, idleMs)));
  bench.result.idle = await watchRest(bench, idleMs);
}

/** Lets the operator rest after all that it has done, and looks what it keeps. Of no worth after a short run. */
export async function runRested(bench: Bench): Promise<void> {
  await sleep(UNTIL_COLLECTED_MS);
  bench.result.rested = await watchRest(bench, RESTED_MS);
}

/** @throws Error when another process leads in the end, or the log has not even its lease: nothing was watched then */
async function watchRest(bench: Bench, restMs: number): Promise<RestResult> {
  const { operator } = bench;
  const mark = bench.audit.mark();
  const cpu = operator.cpu();
  const fromS = bench.timeline.now;
  const begun = Date.now();
  await sleep(restMs);
  const seconds = (Date.now() - begun) / 1000;
  if (operator !== bench.operator || operator.ended()) throw new Error('the operator ended by itself');
  const requests = bench.audit.since(mark);
  if (!requests.some(request => isOfOperator(request) && request.resource === 'leases'))
    throw new Error('the audit log shows nothing of the operator, not even its lease');
  return {
    seconds,
    rssMb: bench.timeline.medianMb(fromS, bench.timeline.now),
    cpuPercent: ((operator.cpu() - cpu) / seconds) * 100,
    writes: requests.filter(isOperatorAttempt).length,
    reads: requests.filter(isOperatorRead).length,
    keptPerRollout: bench.changes.objects(['replicasets', 'controllerrevisions', 'analysisruns']) / bench.size,
  };
}
