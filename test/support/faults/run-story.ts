import { setTimeout as sleep } from 'node:timers/promises';
import type { ProxiedRequest } from '../fault-proxy/proxied-request.ts';
import type { Trace } from '../fault-proxy/trace.ts';
import { untilCalm } from '../matrix/calm.ts';
import type { MatrixRig } from '../matrix/matrix-rig.ts';
import { type Outcome, outcomeOf } from '../matrix/outcome.ts';
import { oddLines, Scene, type SceneOptions } from './scene.ts';
import { firstWeightAt, STORIES, type StoryName } from './stories.ts';
import { toldEvents } from './told-events.ts';

/** What goes wrong while a story is told. When it resolves, everything works again. */
export type Fault = (scene: Scene) => Promise<void>;

/** How a story went under a fault. */
export interface FaultyRun extends Outcome {
  /** Each time that something went wrong, as the trace, the odd program or the test that did it tells it. */
  readonly strikes: readonly string[];
  /** How long it took for everything to work again; milliseconds. */
  readonly faultMs: number;
  /** How much of that time came after the canary had got its first users; milliseconds. */
  readonly exposedMs: number;
  /** From the moment everything worked again to the end of the story; 0 when that was earlier. Milliseconds. */
  readonly recoveryMs: number;
  /** Most requests of the operator within 10 s, from the beginning of the fault on. */
  readonly busiest: number;
  /** Everything that the operator said. */
  readonly log: string;
}

const WINDOW_MS = 10_000;
/** A watch waits for up to 30 s before it tries again. */
const WATCHING_MS = 35_000;

/** Tells a story in a namespace of its own while something goes wrong from the end of its prelude on. */
export async function tellUnder(
  rig: MatrixRig,
  story: StoryName,
  namespace: string,
  fault: Fault = async () => undefined,
  options: SceneOptions = {},
): Promise<FaultyRun> {
  const workload = STORIES[story];
  const began = performance.now();
  const scene = await Scene.open(rig, namespace, options);
  const { proxy, stage } = scene;
  let from = { request: 0, event: 0 };
  let stuck: string | undefined;
  let recoveryMs = 0;
  let brokenAt = 0;
  let mendedAt = 0;
  try {
    await workload.prelude(stage);
    await scene.until('its end is told', () => (toldEvents(proxy.trace, 0)['Promoted'] ?? 0) > 0);
    from = { request: proxy.trace.entries.length, event: proxy.trace.events.length };
    brokenAt = performance.now();
    mendedAt = brokenAt;
    const wrong = fault(scene).then(() => {
      mendedAt = performance.now();
    });
    await Promise.all([wrong, workload.story(stage)]);
    recoveryMs = Math.max(0, performance.now() - mendedAt);
    const followsSince = await watching(scene);
    await untilCalm(scene, { followsSince: () => followsSince });
  } catch (error) {
    stuck = error instanceof Error ? error.message : String(error);
  }
  await scene.kill();
  const log = scene.log();
  const strikes = strikesOf(scene, from.request, log);
  const ending = {
    struck: strikes.length > 0,
    from,
    died: scene.died,
    ...(stuck !== undefined && { stuck: `${stuck}\n${log.split('\n').slice(-25).join('\n')}` }),
  };
  const outcome: FaultyRun = {
    ...outcomeOf(scene, began, ending),
    events: toldEvents(proxy.trace, from.request),
    strikes,
    faultMs: Math.round(mendedAt - brokenAt),
    exposedMs: Math.round(Math.max(0, mendedAt - Math.max(brokenAt, firstWeightAt(stage)))),
    recoveryMs: Math.round(recoveryMs),
    busiest: busiestOf(proxy.trace, from.request),
    log,
  };
  await scene.close();
  rig.history.forget(namespace);
  return outcome;
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

/**
 * Waits until every watch that the operator ever had is open: what it does not see yet is no finding.
 * @returns since when they are, milliseconds of `performance.now()`: what it has only just seen it has yet to store
 */
export async function watching({ proxy }: Scene): Promise<number> {
  const opened = proxy.trace.entries.filter(({ request, told }) => request.verb === 'watch' && told === 200);
  const paths = new Set(opened.map(({ request }) => request.path));
  const isOpen = (path: string) => proxy.watches().some(watch => watch.request.path === path);
  const away = () => [...paths].filter(path => !isOpen(path));
  for (const deadline = performance.now() + WATCHING_MS; away().length > 0; await sleep(50))
    if (performance.now() > deadline) throw new Error(`watches are not open again: ${away().join(', ')}`);
  return performance.now();
}

/** What is known to have gone wrong from a request on. */
function strikesOf({ proxy, strikes }: Scene, from: number, log: string): string[] {
  const faults = proxy.trace.entries.flatMap(({ request, fault }) =>
    request.index < from || fault === undefined ? [] : fault,
  );
  return [...faults, ...oddLines(log), ...strikes];
}
