import type { CanaryScale } from '../api/rollout-steps.ts';
import type { Split } from './share-of-replicas.ts';

/** Pods that serve `weight` of `maxWeight`, rounded up. Example: 10 replicas at 25 of 100 need 3. */
export function podsForWeight(replicas: number, weight: number, maxWeight: number): number {
  return Math.ceil((replicas * weight) / maxWeight);
}

export interface RoutedCanary {
  readonly replicas: number;
  /** Weight that the step asks for. */
  readonly weight: number;
  readonly maxWeight: number;
  /** Weight that the route gives the canary now; pods leave only after traffic has. */
  readonly actualCanaryWeight: number;
  /** Sticky setCanaryScale, if one is in force. */
  readonly scale: CanaryScale | undefined;
  readonly minPods: number;
  readonly dynamicStableScale: boolean;
}

/**
 * Pods of both sets for a canary with a router.
 * Static: stable keeps all replicas. Dynamic: stable shrinks as its traffic does, and never before it.
 * Example: 10 replicas, weight 20, actual 10, dynamic: canary 2, stable 9.
 */
export function routedReplicas(canary: RoutedCanary): Split {
  const { replicas, weight, maxWeight, actualCanaryWeight } = canary;
  const carried = podsForWeight(replicas, actualCanaryWeight, maxWeight);
  const wanted = Math.max(canaryTarget(canary), canary.dynamicStableScale ? carried : 0);
  if (!canary.dynamicStableScale) return { stable: replicas, canary: wanted };
  const planned = podsForWeight(replicas, maxWeight - weight, maxWeight);
  const serving = podsForWeight(replicas, maxWeight - actualCanaryWeight, maxWeight);
  return { stable: withFloor(Math.max(planned, serving), canary), canary: wanted };
}

function canaryTarget(canary: RoutedCanary): number {
  const { replicas, scale } = canary;
  if (scale?.replicas !== undefined) return scale.replicas;
  if (scale?.weight !== undefined) return podsForWeight(replicas, scale.weight, 100);
  return withFloor(podsForWeight(replicas, canary.weight, canary.maxWeight), canary);
}

/** minPodsPerReplicaSet applies to sets that have pods at all, and never asks for more than spec.replicas. */
function withFloor(pods: number, canary: RoutedCanary): number {
  return pods === 0 ? 0 : Math.max(pods, Math.min(canary.minPods, canary.replicas));
}
