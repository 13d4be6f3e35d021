import type { Bench } from '../world/bench.ts';
import { tenthOf } from '../world/fleet.ts';
import { deliver } from './canaries.ts';

/** Every tenth member at once through five steps. */
export async function runTenth(bench: Bench): Promise<void> {
  bench.result.tenth = await deliver(bench, tenthOf(bench.members));
}

/** All members at once. */
export async function runAll(bench: Bench): Promise<void> {
  bench.result.all = await deliver(bench, bench.members);
}
