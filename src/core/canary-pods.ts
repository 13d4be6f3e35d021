import { scaleAt } from './canary-steps.ts';
import type { CanaryView } from './canary-view.ts';
import { drainOlder } from './older-drain.ts';
import { sumPods } from './pod-count.ts';
import { replicaBudget } from './replica-budget.ts';
import { routedReplicas } from './routed-replicas.ts';
import { shareStep, targetSplit } from './share-of-replicas.ts';

/** Pods that a step wants: of the canary, and of every ReplicaSet by name. */
export interface PodsWanted {
  readonly canary: number;
  /** What the canary may have at once. */
  readonly now: number;
  readonly scale: Map<string, number>;
}

/** Pods for a weight: by the router's arithmetic, or as a share of the replicas without one. */
export function podsWanted(t: CanaryView, index: number, weight: number): PodsWanted {
  const { w, canary, steps } = t;
  const scale = new Map<string, number>();
  if (!w.router) return shareOfReplicas(t, weight, scale);
  const promoting = index >= steps.length || t.full;
  const split = routedReplicas({
    replicas: w.replicas,
    weight: promoting ? t.max : weight,
    maxWeight: t.max,
    actualCanaryWeight: t.actual,
    scale: promoting ? undefined : scaleAt(steps, index),
    minPods: canary.minPodsPerReplicaSet ?? 0,
    dynamicStableScale: canary.dynamicStableScale ?? false,
  });
  if (w.newSet) scale.set(w.newSet.name, split.canary);
  // Stable leaves only by its scale-down delay after the promotion; with dynamic scale it follows its traffic.
  if (w.stableSet) scale.set(w.stableSet.name, Math.max(split.stable, promoting ? 1 : 0));
  for (const set of w.olderSets) if (set.scaleDownAt === undefined || set.scaleDownAt <= w.now) scale.set(set.name, 0);
  return { canary: split.canary, now: split.canary, scale };
}

function shareOfReplicas(t: CanaryView, weight: number, scale: Map<string, number>): PodsWanted {
  const { w, canary } = t;
  const budget = replicaBudget(w.replicas, canary.maxSurge, canary.maxUnavailable) ?? { surge: 0, unavailable: 1 };
  const older = w.olderSets.filter(set => set.spec > 0);
  const split = shareStep({
    replicas: w.replicas,
    weight,
    maxWeight: 100,
    budget,
    canary: w.newSet ?? { spec: 0, available: 0 },
    stable: w.stableSet,
    older: sumPods(older),
  });
  if (w.newSet) scale.set(w.newSet.name, split.canary);
  if (w.stableSet) scale.set(w.stableSet.name, split.stable);
  const elsewhere = (w.newSet?.available ?? 0) + (w.stableSet?.available ?? 0);
  const minAvailable = w.replicas - Math.min(w.replicas, budget.unavailable);
  for (const [name, pods] of drainOlder(older, elsewhere, minAvailable)) scale.set(name, pods);
  const { canary: wanted } = targetSplit(w.replicas, weight, 100, budget.surge);
  return { canary: wanted, now: split.canary, scale };
}
