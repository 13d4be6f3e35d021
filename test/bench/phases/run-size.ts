import type { BenchOptions } from '../options.ts';
import { type ControlResult, PHASES, type PhaseName, type SizeResult } from '../results.ts';
import { Bench, type Moment } from '../world/bench.ts';
import { runAbort, runMass } from './abort.ts';
import { runCold } from './cold.ts';
import { runCosts } from './costs.ts';
import { measureControlPace, runCreate } from './create.ts';
import { runIdle, runRested } from './idle.ts';
import { runRestart } from './restart.ts';
import { runSingle } from './single.ts';
import { runSoak } from './soak.ts';
import { runAll, runTenth } from './tenth-and-all.ts';

/** Says what is being done. */
export type Say = (text: string) => void;

/** So many phases in a row that failed: the fleet cannot be brought to rest any more, and each try takes very long. */
const GIVEN_UP = 2;

/** What a run has besides its options. */
export interface RunSetting {
  /** The operator's bundle. */
  readonly program: string;
  /** Of the operator, for the report. */
  readonly version: string;
  readonly say: Say;
  /** Gets the result as far as it is, after each phase: hours of work shall not hang on the last one. */
  readonly save: (result: SizeResult) => void;
}

/**
 * Runs the phases on a fleet of one size. The fleet is always created, else there would be nothing to measure. A phase that
 * fails is noted with its reason and the next one begins. Each begins and ends with the fleet at rest.
 */
export async function runSize(
  size: number,
  options: BenchOptions,
  { program, version, say, save }: RunSetting,
): Promise<SizeResult> {
  const control = options.phases.includes('create') ? await controlPace(size, say) : undefined;
  say('a fresh control plane starts');
  const bench = await Bench.start(size, program);
  const run: Record<PhaseName, () => Promise<void>> = {
    create: () => runCreate(bench, control),
    cold: () => runCold(bench),
    idle: () => runIdle(bench, options.idleMs),
    costs: () => runCosts(bench),
    single: () => runSingle(bench),
    tenth: () => runTenth(bench),
    restart: () => runRestart(bench),
    all: () => runAll(bench),
    abort: () => runAbort(bench, text => say(`abort: ${text}`)),
    mass: () => runMass(bench, text => say(`mass: ${text}`)),
    rested: () => runRested(bench),
    soak: () => runSoak(bench, options.soakMs, text => say(`soak: ${text}`)),
  };
  let failed = 0;
  try {
    for (const phase of PHASES) {
      if (phase !== 'create' && !options.phases.includes(phase)) continue;
      say(`${phase}…`);
      try {
        if (failed >= GIVEN_UP || bench.result.failures.create) throw new Error('not tried after those that failed');
        // One that failed may have left the fleet in motion.
        if (phase !== 'create') await bench.restore();
        const from = bench.moment();
        await bench.timeline.during(phase, async () => {
          await run[phase]();
          await bench.restore();
        });
        noteWasted(bench, phase, from);
        failed = 0;
        say(`${phase}: ${JSON.stringify(shortOf(bench.result[phase]))}`);
      } catch (error) {
        bench.result.failures[phase] = error instanceof Error ? error.message : String(error);
        say(`${phase} FAILED: ${bench.result.failures[phase]}`);
        failed++;
      }
      bench.result.measured[phase] = {
        on: new Date().toISOString().slice(0, 10),
        version,
        machine: bench.result.machine,
      };
      bench.sumUp();
      save(bench.result);
      say(`${phase}: CPU seconds ${JSON.stringify(bench.timeline.marks.at(-1)?.cpu)}`);
    }
  } finally {
    await bench.stop();
  }
  return bench.result;
}

/** Phases whose writes are judged for it here. A new process repeats what the killed one may have done: that is none. */
const NO_WASTE: ReadonlySet<PhaseName> = new Set(['create', 'single', 'abort', 'mass', 'soak']);

function noteWasted(bench: Bench, phase: PhaseName, from: Moment): void {
  if (!NO_WASTE.has(phase)) return;
  const { count, unexplained } = bench.wastedSince(from);
  bench.result.wasted = { ...bench.result.wasted, [phase]: { count, unexplained } };
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
  return JSON.parse(
    JSON.stringify(value ?? null, (key, inner: unknown) => (key === 'values' || key === 'lows' ? undefined : inner)),
  );
}
