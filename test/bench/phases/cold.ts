import { setTimeout as sleep } from 'node:timers/promises';
import { isOperatorRead, isOperatorWrite } from '../measure/audit-record.ts';
import { residentMb } from '../measure/process-meter.ts';
import type { Bench } from '../world/bench.ts';

/** How long to watch for writes that nothing asked for. */
const AFTER_MS = 5_000;

/** Starts the operator on a fleet that is there and at rest: the one before gave its lease back. */
export async function runCold(bench: Bench): Promise<void> {
  await bench.restore();
  await bench.endOperator('terminate');
  const mark = bench.audit.mark();
  const operator = await bench.startOperator();
  const { syncedMs, leadingMs } = await operator.untilLeading(bench.patience());
  const rssMb = residentMb(operator.pid) ?? 0;
  await sleep(AFTER_MS);
  const requests = bench.audit.since(mark);
  bench.result.cold = {
    syncedMs,
    leadingMs,
    rssMb,
    writes: requests.filter(isOperatorWrite).length,
    lists: requests.filter(isOperatorRead).length,
  };
}
