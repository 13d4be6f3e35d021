import type { RolloutStatus } from '../api/rollout-status.ts';
import { fromTime, isFromWrongClock } from '../api/time.ts';
import type { Action } from './decision.ts';
import type { Draft } from './draft.ts';
import type { Mode } from './mode.ts';
import type { InspectedPod } from './snapshot.ts';
import type { World } from './world.ts';

/** How long a look at the pods stays good, in milliseconds. */
const FRESH_MS = 5_000;

/** What was seen of the pods of the revision on trial; a look from before this attempt is no evidence against it. */
export function seenPods(w: World, status: Pick<RolloutStatus, 'trialStartedAt'>): readonly InspectedPod[] {
  const seen = w.snapshot.inspection;
  if (seen?.podTemplateHash !== w.hash || isFromWrongClock(seen.at, w.now)) return [];
  return seen.at >= (fromTime(status.trialStartedAt) ?? 0) ? seen.pods : [];
}

/**
 * Pods are not cached: they are looked at live, and only while the revision on trial (or the first one) has pods that
 * are not ready.
 */
export function inspectPods(w: World, d: Draft, mode: Mode): Action[] {
  const set = w.newSet;
  if (mode === 'Steady' || mode === 'Aborted' || !set) return [];
  if (set.spec === 0 || set.ready >= set.spec || set.running === 0) return [];
  const seen = w.snapshot.inspection;
  const isOfNow = seen?.podTemplateHash === w.hash && !isFromWrongClock(seen.at, w.now);
  const next = isOfNow ? seen.at + FRESH_MS : w.now;
  if (next > w.now) {
    d.wakes.push(next);
    return [];
  }
  d.wakes.push(w.now + FRESH_MS);
  return [{ type: 'InspectPods', podTemplateHash: w.hash, since: fromTime(d.status.trialStartedAt) ?? 0 }];
}
