import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../world/bench.ts';
import { tenthOf } from '../world/fleet.ts';
import { beginDelivery, untilPromoted } from './canaries.ts';

/** Into the second step of five. */
const INTO_MS = 8_000;

/** Kills the operator amid N/10 canaries and starts it anew at once: what it takes up, and whether any is lost. */
export async function runRestart(bench: Bench): Promise<void> {
  const members = bench.members.slice(-tenthOf(bench.members).length);
  const delivery = await beginDelivery(bench, members);
  await sleep(Math.max(0, delivery.begun + INTO_MS - Date.now()));
  const killedAt = Date.now();
  await bench.endOperator('kill');
  const operator = await bench.startOperator();
  await operator.untilLeading(bench.patience());
  const toLeadingSeconds = (Date.now() - killedAt) / 1000;
  const promoted = await untilPromoted(bench, delivery);
  bench.result.restart = { canaries: members.length, promoted, toLeadingSeconds };
}
