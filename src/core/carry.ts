import type { World } from './world.ts';

/**
 * Ready stable pods below which stable cannot carry everything: as many may be missing as a rolling update may take
 * away, 25 % and at least one, but never all. Example: of 10 pods 8 are enough, of 2 one is, of 1 it is needed.
 */
export function enoughToCarryAll(pods: number): number {
  return Math.max(1, pods - Math.max(1, Math.floor(pods / 4)));
}

/**
 * Weight that must stay on the canary because the ready pods of stable cannot carry it yet, in parts of `max`.
 * Example: dynamic stable scale, 10 replicas, 5 ready: 50 of 100 stay; 8 ready: nothing stays.
 */
export function notCarried(ready: number, pods: number, max: number): number {
  if (ready >= enoughToCarryAll(pods)) return 0;
  return max - Math.floor((max * Math.min(ready, pods)) / Math.max(1, pods));
}

/**
 * Pods that stable needs to carry all traffic: as many replicas as were wanted when there last were enough pods. Users of a
 * failed canary do not wait for pods that an autoscaler has only just asked for; with dynamicStableScale both sets together
 * are what carries them, and stable has to grow to as many.
 */
export function stablePods(w: World): number {
  const stable = w.stableSet?.available ?? 0;
  const isWhole = stable >= enoughToCarryAll(w.replicas);
  const before = w.stored?.weights?.replicas ?? w.replicas;
  const isShared = w.spec.strategy.canary?.dynamicStableScale === true && w.newSet !== w.stableSet;
  const serving = isShared ? stable + (w.newSet?.available ?? 0) : 0;
  return Math.max(1, isWhole ? w.replicas : Math.min(Math.max(before, serving), w.replicas));
}
