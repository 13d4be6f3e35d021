import { Trace } from '../fault-proxy/trace.ts';
import { untilCalm } from '../matrix/calm.ts';
import { outcomeOf } from '../matrix/outcome.ts';
import type { Pair } from './pair.ts';
import { busiestOf, type FaultyRun } from './run-story.ts';
import { toldEvents } from './told-events.ts';

/**
 * How a story went that two operators told, one after the other: what both did is the deed of one. Resolves when the one that
 * leads has nothing more to write.
 *
 * @param from the leader's first request after the prelude; the other one has written nothing until then
 * @param strike what went wrong
 */
export async function runOfPair(pair: Pair, from: number, strike: string): Promise<FaultyRun> {
  const { scenes, leader } = pair;
  if (!leader) throw new Error(`nobody leads in ${pair.namespace}`);
  await untilCalm(leader);
  const trace = new Trace();
  for (const scene of scenes) trace.entries.push(...scene.proxy.trace.entries);
  const events: Record<string, number> = {};
  for (const [index, scene] of scenes.entries())
    for (const [reason, count] of Object.entries(toldEvents(scene.proxy.trace, index === 0 ? from : 0)))
      events[reason] = (events[reason] ?? 0) + count;
  const ending = { struck: true, from: { request: from, event: 0 }, died: false };
  return {
    ...outcomeOf({ stage: leader.stage, proxy: { trace } }, performance.now(), ending),
    events,
    strikes: [strike],
    faultMs: 0,
    exposedMs: 0,
    recoveryMs: 0,
    busiest: Math.max(...scenes.map(scene => busiestOf(scene.proxy.trace, 0))),
    log: scenes.map(scene => scene.log()).join('\n'),
  };
}
