import type { BenchOptions } from '../options.ts';
import { type ControlResult, PHASES, type PhaseName, type SizeResult } from '../results.ts';
import { Bench } from '../world/bench.ts';
import { runAbort, runMass } from './abort.ts';
import { runCold } from './cold.ts';
import { measureControlPace, runCreate } from './create.ts';
import { restAtLast, runIdle } from './idle.ts';
import { runRestart } from './restart.ts';
import { runSingle } from './single.ts';
import { runSoak } from './soak.ts';
import { runAll, runTenth } from './tenth-and-all.ts';

/** Says what is being done. */
export type Say = (text: string) => void;

/**
 * Runs the phases on a fleet of one size. The fleet is always created, else there would be nothing to measure. A phase that
 * fails is noted with its reason and the next one begins: each brings the fleet to rest first.
 */
export async function runSize(size: number, options: BenchOptions, program: string, say: Say): Promise<SizeResult> {
  const control = options.phases.includes('create') ? await controlPace(size, say) : undefined;
  say('a fresh control plane starts');
  const bench = await Bench.start(size, program);
  const run: Record<PhaseName, () => Promise<void>> = {
    create: () => runCreate(bench, control),
    cold: () => runCold(bench),
    idle: () => runIdle(bench, options.idleMs),
    single: () => runSingle(bench),
    tenth: () => runTenth(bench),
    restart: () => runRestart(bench),
    all: () => runAll(bench),
    abort: () => runAbort(bench, text => say(`abort: ${text}`)),
    mass: () => runMass(bench, text => say(`mass: ${text}`)),
    soak: () => runSoak(bench, options.soakMs, text => say(`soak: ${text}`)),
  };
  try {
    for (const phase of PHASES) {
      if (phase !== 'create' && !options.phases.includes(phase)) continue;
      say(`${phase}…`);
      try {
        await bench.timeline.during(phase, run[phase]);
        say(`${phase}: ${JSON.stringify(shortOf(bench.result[phase === 'mass' ? 'abort' : phase]))}`);
      } catch (error) {
        bench.result.failures[phase] = error instanceof Error ? error.message : String(error);
        say(`${phase} FAILED: ${bench.result.failures[phase]}`);
        if (phase === 'create') break;
      }
      say(`${phase}: CPU seconds ${JSON.stringify(bench.timeline.marks.at(-1)?.cpu)}`);
    }
    say('rests…');
    await restAtLast(bench).catch(error => say(`it did not come to rest: ${error}`));
  } finally {
    await bench.stop();
  }
  return bench.result;
}

async function controlPace(size: number, say: Say): Promise<ControlResult | undefined> {
  say('create: the pace of the control plane without Sluice…');
  try {
    const control = await measureControlPace(size, 180_000 + size * 600);
    say(`create: with Deployments ${JSON.stringify(control)}`);
    return control;
  } catch (error) {
    say(`create: that pace could not be measured: ${error}`);
    return undefined;
  }
}

/** A result without the long lists that are there to be drawn. */
function shortOf(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null, (key, inner: unknown) => (key === 'values' ? undefined : inner)));
}
