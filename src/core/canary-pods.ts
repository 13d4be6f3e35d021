import { scaleAt } from './canary-steps.ts';
import { type CanaryView, isLost, isShown } from './canary-view.ts';
import { drainOlder } from './older-drain.ts';
import { NO_PODS, sumPods } from './pod-count.ts';
import { isLostForGood } from './prerequisites.ts';
import { replicaBudget } from './replica-budget.ts';
import { routedReplicas } from './routed-replicas.ts';
import { mayLeave } from './scale-downs.ts';
import { shareStep, targetSplit } from './share-of-replicas.ts';
import type { World } from './world.ts';

/** Pods that a step wants: of the canary, and of every ReplicaSet by name. */
export interface PodsWanted {
  readonly canary: number;
  /** What the canary may have at once. */
  readonly now: number;
  readonly scale: Map<string, number>;
}

/**
 * Pods for a weight: by the router's arithmetic, or as a share of the replicas without one.
 * @param stays set when the canary may get no larger share of the pods than it has, since without a router pods are traffic;
 * `some`: it keeps one at least, to be measured
 */
export function podsWanted(t: CanaryView, index: number, weight: number, stays?: 'some' | 'as it is'): PodsWanted {
  const { w, canary, steps } = t;
  const scale = new Map<string, number>();
  if (!w.router) return shareOfReplicas(t, weight, scale, stays);
  const promoting = index >= steps.length || t.full;
  const split = routedReplicas({
    replicas: w.replicas,
    weight: promoting ? t.max : weight,
    maxWeight: t.max,
    actualCanaryWeight: isShown(t) ? t.actual : 0,
    scale: promoting ? undefined : scaleAt(steps, index),
    minPods: canary.minPodsPerReplicaSet ?? 0,
    dynamicStableScale: canary.dynamicStableScale ?? false,
  });
  if (w.newSet) scale.set(w.newSet.name, split.canary);
  // Stable leaves only by its scale-down delay after the promotion; with dynamic scale it follows its traffic.
  const stable = isLost(t) ? w.replicas : Math.max(split.stable, promoting ? 1 : 0);
  if (w.stableSet) scale.set(w.stableSet.name, stable);
  for (const set of w.olderSets) if (mayLeave(w, set)) scale.set(set.name, 0);
  return { canary: split.canary, now: split.canary, scale };
}

function shareOfReplicas(
  t: CanaryView,
  weight: number,
  scale: Map<string, number>,
  stays: 'some' | 'as it is' | undefined,
): PodsWanted {
  const { w, canary } = t;
  const budget = replicaBudget(w.replicas, canary.maxSurge, canary.maxUnavailable) ?? { surge: 0, unavailable: 1 };
  const older = w.olderSets.filter(set => set.spec > 0);
  const { canary: wanted, stable } = targetSplit(w.replicas, weight, 100, budget.surge);
  const least = stays === 'some' ? Math.min(1, wanted) : 0;
  const now = { canary: Math.max(least, w.newSet?.spec ?? 0), stable: w.stableSet?.spec ?? 0 };
  const all = now.canary + now.stable;
  const frozen = stays !== undefined && (wanted > now.canary || stable < now.stable);
  // More than one pod above the replicas is no place to rest: there were more replicas before, or a step was under way.
  const isAtRest = all >= w.replicas && all <= w.replicas + Math.min(1, budget.surge);
  const split =
    frozen && isAtRest
      ? now
      : shareStep({
          replicas: w.replicas,
          ...(frozen ? shareOfNow(w, least, wanted, budget.surge) : { weight, maxWeight: 100 }),
          budget,
          canary: w.newSet ?? NO_PODS,
          // A stable set that is made again has its share all the same; only a person gives all of it to the canary.
          stable: w.stableSet ?? (t.full && isLostForGood(w) ? undefined : NO_PODS),
          older: sumPods(older),
        });
  if (w.newSet) scale.set(w.newSet.name, split.canary);
  if (w.stableSet) scale.set(w.stableSet.name, split.stable);
  const elsewhere = (w.newSet?.available ?? 0) + (w.stableSet?.available ?? 0);
  const minAvailable = w.replicas - Math.min(w.replicas, budget.unavailable);
  for (const [name, pods] of drainOlder(older, elsewhere, minAvailable)) scale.set(name, pods);
  return { canary: wanted, now: split.canary, scale };
}

/**
 * The share that the canary has now of what was asked for, as a weight: as many pods of another number of replicas as are
 * nearest to it, and no more than a larger number of replicas makes of them.
 * Example: 2 of 10 pods and now 20 replicas: 4; 3 of 8 pods, of which there shall be 10: 3.
 */
function shareOfNow({ newSet, stableSet, replicas }: World, least: number, most: number, surge: number) {
  const [asked, stable] = [newSet, stableSet].map(set => set?.asked ?? set?.spec ?? 0) as [number, number];
  const canary = Math.max(least, asked);
  const all = Math.max(1, canary + stable);
  const cap = Math.min(most, Math.max(canary, Math.floor((replicas * canary) / all)));
  return targetSplit(replicas, canary, all, surge).canary <= cap
    ? { weight: canary, maxWeight: all }
    : { weight: cap, maxWeight: Math.max(1, replicas) };
}
