import { setTimeout as sleep } from 'node:timers/promises';
import { RIG_USERS } from '../../support/control-plane/users.ts';
import { isOperatorRead, isOperatorWrite } from '../measure/audit-record.ts';
import { cpuSeconds, residentMb } from '../measure/process-meter.ts';
import type { Bench } from '../world/bench.ts';

/** What work left behind is collected some ten seconds after it, and at most every thirty. */
const UNTIL_COLLECTED_MS = 35_000;

/** Lets the operator rest after all that it has done, and looks what it keeps. Of no worth after a short run. */
export async function restAtLast(bench: Bench): Promise<void> {
  await bench.settle();
  await sleep(UNTIL_COLLECTED_MS);
  bench.result.restedMb = bench.rssMb();
}

/** Watches the operator do nothing. */
export async function runIdle(bench: Bench, idleMs: number): Promise<void> {
  await bench.restore();
  await sleep(Math.min(UNTIL_COLLECTED_MS, Math.max(15_000, idleMs)));
  const { pid } = bench.operator;
  const mark = bench.audit.mark();
  const cpu = cpuSeconds(pid) ?? 0;
  const begun = Date.now();
  await sleep(idleMs);
  const seconds = (Date.now() - begun) / 1000;
  const requests = bench.audit.since(mark);
  const lease = requests.filter(({ user, resource }) => user === RIG_USERS.operator.name && resource === 'leases');
  bench.result.idle = {
    seconds,
    rssMb: residentMb(pid) ?? 0,
    cpuPercent: (((cpuSeconds(pid) ?? 0) - cpu) / seconds) * 100,
    writes: requests.filter(isOperatorWrite).length,
    reads: requests.filter(isOperatorRead).length,
    leaseWritesPerSecond: lease.length / seconds,
  };
}
