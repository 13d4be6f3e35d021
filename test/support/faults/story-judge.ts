import { Judge } from '../matrix/judge-run.ts';
import type { MatrixRig } from '../matrix/matrix-rig.ts';
import { type Fault, type FaultyRun, tellUnder, unhandled } from './run-story.ts';
import { promoteHeld, STORIES, type StoryName } from './stories.ts';
import { LATE_MS } from './terms.ts';

/** A finding that the fault itself made and not the operator. */
export interface Excuse {
  /** The whole line, from `^` to `$`. */
  readonly line: RegExp;
  readonly because: string;
}

/** Limits of a run. */
export interface Limits {
  /** From everything working again to the end of the story. Default 35 s: a watch waits for up to 30 s before it tries again. */
  readonly recoveryMs?: number;
  /** How much longer the canary may keep its highest weight; see `terms.ts`, whose `backoff` is the default. */
  readonly lateMs?: number;
  /** Whether users could be sent home all the while: the time of the fault is not given then. */
  readonly routeIsFree?: boolean;
  /** Requests within any 10 s, beyond the most of a run without faults. Default 150. */
  readonly more?: number;
  /** What the fault itself made; of a fault that strikes more than once, made from how often it did. */
  readonly excuses?: readonly Excuse[] | ((run: FaultyRun) => readonly Excuse[]);
  /** Whether a weight may be lowered for a while; see the terms of the matrix. */
  readonly mayDip?: boolean;
  /** Whether nothing that is told without faults may be missing (default): the operator lives. */
  readonly tellsAll?: boolean;
}

/** What a person does in a story that waits for one. */
const ORDINARY: Partial<Record<StoryName, Fault>> = { held: ({ stage }) => promoteHeld(stage) };

/** Holds runs of a story against those without faults. */
export class StoryJudge {
  readonly #judge: Judge;
  readonly #busiest: number;

  constructor(name: StoryName, references: readonly FaultyRun[]) {
    this.#judge = new Judge(STORIES[name], references);
    const { unexplained } = this.#judge;
    if (unexplained.length > 0) throw new Error(`two runs of ${name} without faults differ: ${unexplained.join('; ')}`);
    this.#busiest = Math.max(...references.map(({ busiest }) => busiest));
  }

  /** What is wrong with a run; nothing: the fault struck, the run converged, did no harm on the way, and did not ask like mad. */
  findings(run: FaultyRun, limits: Limits = {}): string[] {
    const { recoveryMs = 35_000, more = 150, excuses = [], mayDip = false, tellsAll = true } = limits;
    const { lateMs = LATE_MS.backoff, routeIsFree = false } = limits;
    const excused = typeof excuses === 'function' ? excuses(run) : excuses;
    for (const { line } of excused)
      if (!/^\^.+\$$/.test(line.source))
        throw new Error(`an excuse is about a whole line, from ^ to $: ${line.source}`);
    const most = this.#busiest + more;
    const found = [
      ...(run.struck ? [] : ['the fault never struck: the run proves nothing']),
      ...this.#judge.findings(run, { tellsAll, mayDip }),
      // While something was broken there might as well have been no operator.
      ...this.#judge.late({ ...run, awayMs: routeIsFree ? 0 : run.exposedMs }, { lateMs, mayDip }),
      ...(run.recoveryMs > recoveryMs ? [`recovered after ${run.recoveryMs} ms, allowed are ${recoveryMs}`] : []),
      ...(run.busiest > most ? [`${run.busiest} requests within 10 s, allowed are ${most}`] : []),
      ...unhandled(run.log),
    ];
    return found.filter(line => !excused.some(excuse => excuse.line.test(line)));
  }
}

/** Tells stories without faults, twice each, and makes judges of them. */
export async function learnStories(rig: MatrixRig, names: readonly StoryName[]): Promise<Map<StoryName, StoryJudge>> {
  const learned = names.map(async name => {
    const runs = await Promise.all([1, 2].map(nth => tellUnder(rig, name, `reference-${name}-${nth}`, ORDINARY[name])));
    for (const { stuck } of runs)
      if (stuck !== undefined) throw new Error(`the story ${name} without faults: ${stuck}`);
    return [name, new StoryJudge(name, runs)] as const;
  });
  return new Map(await Promise.all(learned));
}
