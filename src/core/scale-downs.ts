import type { RolloutStatus } from '../api/rollout-status.ts';
import { toTime } from '../api/time.ts';
import { isTakenUp, mayReachCanary } from './actual-weight.ts';
import type { Draft } from './draft.ts';
import type { Intent } from './intent.ts';
import type { ReplicaSetView } from './replica-set-view.ts';
import { type World, withoutRouter } from './world.ts';

type ScaleDowns = NonNullable<RolloutStatus['scaleDowns']>;

/** As many as the schema of the status allows. */
const MOST = 100;
const DEFAULT_DELAY_S = 30;

/**
 * Says in status which sets will be scaled to 0, and when. It is planned in passes whose status is stored at once anyway, and
 * costs no write of its own then. The first to leave come first: the order in which sets are seen means nothing.
 */
export function noteScaleDowns(w: World, d: Draft, intent: Intent): void {
  const planned: ScaleDowns = [];
  for (const set of w.sets) {
    const at = scaleDownAt(w, set, intent);
    if (at === undefined) continue;
    planned.push({ replicaSet: set.name, at: toTime(at) });
    if (at > w.now) d.wakes.push(at);
  }
  const order = ({ at, replicaSet }: ScaleDowns[number]) => `${at} ${replicaSet}`;
  planned.sort((a, b) => (order(a) < order(b) ? -1 : 1));
  if (planned.length > 0) d.status.scaleDowns = planned.slice(0, MOST);
  else delete d.status.scaleDowns;
}

/** Whether an older set need not be kept during a trial: its time has come, or no delay was ever planned for it. */
export function mayLeave(w: World, set: ReplicaSetView): boolean {
  return set.scaleDownAt === undefined ? isTakenUp(w) : isDue(w, set);
}

/** Whether the time of a set has come. */
export function isDue(w: World, set: ReplicaSetView): boolean {
  return set.scaleDownAt !== undefined && set.scaleDownAt <= w.now && isTakenUp(w);
}

/** When sets leave that another one has taken over from; where pods are traffic they leave as those come. */
export function laterThanPromoted(w: World, sets: readonly ReplicaSetView[]): Map<string, number> {
  return withoutRouter(w) ? new Map() : delays(w, sets, delaySeconds(w, 'scaleDownDelaySeconds'));
}

/** When sets leave: so many seconds after their users, or as planned before, by name in epoch milliseconds. */
export function delays(w: World, leaving: readonly ReplicaSetView[], seconds: number): Map<string, number> {
  const at = (set: ReplicaSetView) => (hasUsers(w, set) ? putOff : noLaterThan)(w, seconds, set.scaleDownAt);
  return new Map(leaving.map(set => [set.name, at(set)]));
}

/** Whether a set that leaves still has users, or may have: they are about to be moved. */
export function hasUsers(w: World, { hash }: ReplicaSetView): boolean {
  const { canary, blueGreen } = w.spec.strategy;
  if (blueGreen) return w.service(blueGreen.activeService)?.selects === hash || isStoredAsSwitched(w, hash);
  return w.router !== undefined && mayReachCanary(w) && w.service(canary?.canaryService)?.selects === hash;
}

export function delaySeconds(w: World, field: 'scaleDownDelaySeconds' | 'abortScaleDownDelaySeconds'): number {
  const { canary, blueGreen } = w.spec.strategy;
  return (canary ?? blueGreen)?.[field] ?? DEFAULT_DELAY_S;
}

/** Seconds that any set may stay: what it left for is not told any more. */
export function longestDelay(w: World): number {
  return Math.max(delaySeconds(w, 'scaleDownDelaySeconds'), delaySeconds(w, 'abortScaleDownDelaySeconds'));
}

/** Epoch milliseconds: as planned before, unless the set is wanted again. */
function scaleDownAt(w: World, set: ReplicaSetView, intent: Intent): number | undefined {
  if (set.spec === 0) return undefined;
  const given = intent.scaleDownAt.get(set.name);
  if (given !== undefined) return given;
  const isWanted = (intent.scale.get(set.name) ?? 0) > 0;
  if (isWanted || set.scaleDownAt === undefined) return undefined;
  return noLaterThan(w, longestDelay(w), set.scaleDownAt);
}

/** A pass may have died between moving its users and planning its leaving, and a Service may be seen as it was before them. */
function isStoredAsSwitched({ stored }: World, hash: string): boolean {
  return stored?.canary?.podTemplateHash === hash && stored.switchedAt !== undefined && stored.abort === undefined;
}

/** The delay begins when users have left. Each time that it is put off is a write, so half of it has to be over. */
function putOff(w: World, seconds: number, planned?: number): number {
  const isHalfOver = seconds > 0 && planned !== undefined && planned - w.now < seconds * 500;
  return noLaterThan(w, seconds, isHalfOver ? undefined : planned);
}

/** What is planned later than that was planned by a clock that was ahead, or before the delay was shortened. */
function noLaterThan(w: World, seconds: number, planned = Number.POSITIVE_INFINITY): number {
  return Math.min(planned, w.now + seconds * 1000);
}
