import { setTimeout as sleep } from 'node:timers/promises';
import { isOfOperator, isOperatorAttempt } from '../measure/audit-record.ts';
import type { Bench } from '../world/bench.ts';

/** How long to watch for writes that nothing asked for. */
const AFTER_MS = 30_000;

/**
 * Starts the operator on a fleet that is there and at rest: the one before gave its lease back.
 * @throws Error when the audit log shows nothing of the new one
 */
export async function runCold(bench: Bench): Promise<void> {
  await bench.endOperator('terminate');
  const mark = bench.audit.mark();
  const operator = await bench.startOperator();
  const { syncedMs, leadingMs } = await operator.untilLeading(bench.patience());
  const rssMb = operator.rssMb() ?? Number.NaN;
  await sleep(AFTER_MS);
  const requests = bench.audit.since(mark);
  if (!requests.some(isOfOperator)) throw new Error('the audit log shows nothing of the operator');
  bench.result.cold = { syncedMs, leadingMs, rssMb, writes: requests.filter(isOperatorAttempt).length };
}
