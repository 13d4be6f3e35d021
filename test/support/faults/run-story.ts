import { setTimeout as sleep } from 'node:timers/promises';
import type { ProxiedRequest } from '../fault-proxy/proxied-request.ts';
import type { Trace } from '../fault-proxy/trace.ts';
import { deedsOf, eventsTold } from '../matrix/deeds.ts';
import { endStateOf } from '../matrix/end-state.ts';
import { Judge } from '../matrix/judge-run.ts';
import type { MatrixRig } from '../matrix/matrix-rig.ts';
import type { Outcome } from '../matrix/run-plan.ts';
import { trafficOf } from '../matrix/traffic-story.ts';
import { Scene, type SceneOptions } from './scene.ts';
import { promoteHeld, STORIES, type StoryName } from './stories.ts';

/** What goes wrong while a story is told. When it resolves, everything works again. */
export type Fault = (scene: Scene) => Promise<void>;

/** How a story went under a fault. */
export interface FaultyRun extends Outcome {
  /** From the moment everything worked again to the end of the story; 0 when that was earlier. Milliseconds. */
  readonly recoveryMs: number;
  /** Most requests of the operator within 10 s, from the beginning of the fault on. */
  readonly busiest: number;
  /** Everything that the operator said. */
  readonly log: string;
}

/** How to tell a story. */
export interface TellOptions extends SceneOptions {
  /** Also counts as calm when nothing was written for this long. */
  readonly quietMs?: number;
}

/** What a person does in a story that waits for one. */
const ORDINARY: Partial<Record<StoryName, Fault>> = { held: ({ stage }) => promoteHeld(stage) };

const WINDOW_MS = 10_000;
const QUIET_MS = 2_000;
const CALM_MS = 40_000;
/** A watch waits for up to 30 s before it tries again. */
const WATCHING_MS = 35_000;

/** Tells a story in a namespace of its own while something goes wrong from the end of its prelude on. */
export async function tellUnder(
  rig: MatrixRig,
  story: StoryName,
  namespace: string,
  fault: Fault = async () => undefined,
  options: TellOptions = {},
): Promise<FaultyRun> {
  const workload = STORIES[story];
  const began = performance.now();
  const scene = await Scene.open(rig, namespace, options);
  const { proxy, stage } = scene;
  let from = { request: 0, event: 0 };
  let stuck: string | undefined;
  let recoveryMs = 0;
  try {
    await workload.prelude(stage);
    from = { request: proxy.trace.entries.length, event: proxy.trace.events.length };
    let mendedAt = performance.now();
    const wrong = fault(scene).then(() => {
      mendedAt = performance.now();
    });
    await Promise.all([wrong, workload.story(stage)]);
    recoveryMs = Math.max(0, performance.now() - mendedAt);
    await watching(scene);
    await calm(scene, options.quietMs ?? QUIET_MS);
  } catch (error) {
    stuck = error instanceof Error ? error.message : String(error);
  }
  await scene.kill();
  const changes = stage.history.changes();
  const log = scene.log();
  const outcome: FaultyRun = {
    struck: true,
    endState: endStateOf(stage.history, namespace),
    deeds: deedsOf(changes),
    traffic: trafficOf(changes),
    events: eventsTold(proxy.trace, from.request),
    from,
    trace: proxy.trace,
    died: scene.died,
    ms: Math.round(performance.now() - began),
    recoveryMs: Math.round(recoveryMs),
    busiest: busiestOf(proxy.trace, from.request),
    log,
    ...(stuck !== undefined && { stuck: `${stuck}\n${log.split('\n').slice(-25).join('\n')}` }),
  };
  await scene.close();
  rig.history.forget(namespace);
  return outcome;
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

/** Limits of a run. */
export interface Limits {
  /** From everything working again to the end of the story. Default 35 s: a watch waits for up to 30 s before it tries again. */
  readonly recoveryMs?: number;
  /** Requests within any 10 s, beyond the most of a run without faults. Default 150. */
  readonly more?: number;
  /** Findings that are no fault of the operator: what the fault itself did. */
  readonly except?: RegExp;
}

/** Holds runs of a story against those without faults. */
export class StoryJudge {
  readonly #judge: Judge;
  readonly #busiest: number;

  constructor(name: StoryName, references: readonly FaultyRun[]) {
    this.#judge = new Judge(STORIES[name], references);
    this.#busiest = Math.max(...references.map(({ busiest }) => busiest));
  }

  /** What is wrong with a run; nothing: it converged, did no harm on the way, and did not ask like mad. */
  findings(run: FaultyRun, { recoveryMs = 35_000, more = 150, except }: Limits = {}): string[] {
    const most = this.#busiest + more;
    const found = [
      ...this.#judge.findings(run),
      ...(run.recoveryMs > recoveryMs ? [`recovered after ${run.recoveryMs} ms, allowed are ${recoveryMs}`] : []),
      ...(run.busiest > most ? [`${run.busiest} requests within 10 s, allowed are ${most}`] : []),
      ...unhandled(run.log),
    ];
    return found.filter(line => line.startsWith('stuck') || except?.test(line) !== true);
  }
}

/** Lines of a log that tell of a bug. */
export function unhandled(log: string): string[] {
  return log.split('\n').filter(line => /unhandled|uncaught|TypeError|RangeError/i.test(line));
}

/** Most requests within ten seconds, from one request on; of those that fit, when a filter is given. */
export function busiestOf(trace: Trace, from: number, fits: (request: ProxiedRequest) => boolean = () => true): number {
  const times = trace.entries.map(({ request }) => request).filter(one => one.index >= from && fits(one));
  let first = 0;
  let most = 0;
  for (const [index, { at }] of times.entries()) {
    while ((times[first]?.at ?? at) < at - WINDOW_MS) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}

/** Waits until every watch that the operator ever had is open: what it does not see yet is no finding. */
export async function watching({ proxy }: Scene): Promise<void> {
  const opened = proxy.trace.entries.filter(({ request, told }) => request.verb === 'watch' && told === 200);
  const paths = new Set(opened.map(({ request }) => request.path));
  const isOpen = (path: string) => proxy.watches().some(watch => watch.request.path === path);
  const away = () => [...paths].filter(path => !isOpen(path));
  for (const deadline = performance.now() + WATCHING_MS; away().length > 0; await sleep(50))
    if (performance.now() > deadline) throw new Error(`watches are not open again: ${away().join(', ')}`);
}

async function calm({ proxy, stage }: Scene, quietMs: number): Promise<void> {
  const deadline = performance.now() + CALM_MS;
  const lastAt = () => Math.max(proxy.trace.lastWriteAt() ?? 0, stage.history.lastChangeAt);
  while (performance.now() - lastAt() < quietMs) {
    if (performance.now() > deadline) throw new Error(`writes do not end: ${lastWrites(proxy.trace)}`);
    await sleep(50);
  }
}

function lastWrites(trace: Trace): string {
  const writes = trace.entries.filter(({ request }) => request.method !== 'GET').slice(-6);
  return writes.map(({ request, status }) => `${request.method} ${request.path} ${status}`).join('; ');
}
