import { setTimeout as sleep } from 'node:timers/promises';
import { isOfOperator, isOperatorAttempt, isOperatorRead } from '../measure/audit-record.ts';
import type { Bench } from '../world/bench.ts';

/** What work left behind is collected some ten seconds after it, and at most every thirty. */
const UNTIL_COLLECTED_MS = 35_000;
const RESTED_MS = 20_000;

/** Lets the operator rest after all that it has done, and looks what it keeps. Of no worth after a short run. */
export async function runRested(bench: Bench): Promise<void> {
  await bench.restore();
  await sleep(UNTIL_COLLECTED_MS);
  const fromS = bench.timeline.now;
  await sleep(RESTED_MS);
  bench.result.rested = { rssMb: bench.timeline.medianMb(fromS, bench.timeline.now) };
}

/**
 * Watches the operator do nothing.
 * @throws Error when another process leads in the end, or the log has not even its lease: nothing was watched then
 */
export async function runIdle(bench: Bench, idleMs: number): Promise<void> {
  await bench.restore();
  await sleep(Math.min(UNTIL_COLLECTED_MS, Math.max(15_000, idleMs)));
  const { operator } = bench;
  const mark = bench.audit.mark();
  const cpu = operator.cpu();
  const fromS = bench.timeline.now;
  const begun = Date.now();
  await sleep(idleMs);
  const seconds = (Date.now() - begun) / 1000;
  if (operator !== bench.operator || operator.ended()) throw new Error('the operator ended by itself');
  const requests = bench.audit.since(mark);
  if (!requests.some(request => isOfOperator(request) && request.resource === 'leases'))
    throw new Error('the audit log shows nothing of the operator, not even its lease');
  bench.result.idle = {
    seconds,
    rssMb: bench.timeline.medianMb(fromS, bench.timeline.now),
    cpuPercent: ((operator.cpu() - cpu) / seconds) * 100,
    writes: requests.filter(isOperatorAttempt).length,
    reads: requests.filter(isOperatorRead).length,
  };
}
