import type { PodCount } from './pod-count.ts';
import { NO_PODS, removablePods } from './pod-count.ts';
import { effectiveUnavailable, type ReplicaBudget } from './replica-budget.ts';

/*
 * Canary without a router: the share of pods is the share of traffic. The arithmetic is that of Argo Rollouts'
 * basic canary (utils/replicaset/canary.go), so that a team that moves sees the same pods.
 */

/** Pods of both sides. */
export interface Split {
  readonly stable: number;
  readonly canary: number;
}

/**
 * Where a weight leads: the split of `replicas` pods (one more with surge) that is nearest to the weight.
 * Example: replicas 10, weight 15, no surge: 2 canary and 8 stable; replicas 3, weight 10, surge 1: 1 and 3.
 */
export function targetSplit(replicas: number, weight: number, maxWeight: number, surge: number): Split {
  if (replicas === 0) return { stable: 0, canary: 0 };
  const exact = (total: number) => (total * weight) / maxWeight;
  const zeroAllowed = weight === 0 || weight === maxWeight || (replicas === 1 && surge === 0);
  const up = Math.ceil(exact(replicas));
  const down = Math.floor(exact(replicas));
  const isHalf = (total: number) => exact(total) - Math.floor(exact(total)) === 0.5;

  const options: { canary: number; total: number }[] = [];
  if (up < replicas || zeroAllowed) options.push({ canary: up, total: replicas });
  if (!isHalf(replicas) && (down > 0 || zeroAllowed)) options.push({ canary: down, total: replicas });
  if (surge > 0) {
    options.push({ canary: up, total: replicas + 1 });
    if (!isHalf(replicas + 1) && (down > 0 || zeroAllowed)) options.push({ canary: down, total: replicas + 1 });
  }
  const distance = (o: { canary: number; total: number }) => Math.abs((maxWeight * o.canary) / o.total - weight);
  // Without an option (2 pods, no surge, weight 99) both sides keep one pod.
  let best = options[0] ?? { canary: Math.max(1, down), total: replicas };
  for (const option of options) if (distance(option) < distance(best)) best = option;
  return { stable: best.total - best.canary, canary: best.canary };
}

export interface ShareStep {
  readonly replicas: number;
  readonly weight: number;
  readonly maxWeight: number;
  readonly budget: ReplicaBudget;
  readonly canary: PodCount;
  /** Absent when there is no stable revision yet. */
  readonly stable: PodCount | undefined;
  /** All other ReplicaSets of the Rollout, added up. */
  readonly older: PodCount;
}

/**
 * spec.replicas of both sets to write now: one pass of a rolling update towards targetSplit, never more than
 * replicas + surge pods in all, never fewer than replicas - unavailable available ones.
 * Example: replicas 10, weight 20, surge 1, unavailable 0, canary/stable 0/10 goes 1/10, 1/9, 2/9, 2/8.
 */
export function shareStep(step: ShareStep): Split {
  const { replicas, canary, older } = step;
  const stable = step.stable ?? NO_PODS;
  const target = step.stable
    ? targetSplit(replicas, step.weight, step.maxWeight, step.budget.surge)
    : { stable: 0, canary: replicas };
  const ceiling = replicas + step.budget.surge;
  const grown = grow(step, target, stable, ceiling);
  // Older sets drain elsewhere first; shrinking here as well would spend the same budget twice.
  if (older.spec > 0) return grown;
  return dropIdle(shrink(step, target, grown, { stable, canary }, ceiling), canary, ceiling);
}

/**
 * Fewer replicas can leave more pods than the ceiling allows while none may go for availability's sake: canary pods that
 * are not available carry nothing, so they go. Example: 8 to 4 replicas, surge 2, stable 4/4, broken canary 6/0: 2 stay.
 */
function dropIdle(split: Split, canary: PodCount, ceiling: number): Split {
  const excess = split.stable + split.canary - ceiling;
  const idle = split.canary - Math.min(split.canary, canary.available);
  return excess > 0 ? { stable: split.stable, canary: split.canary - Math.min(excess, idle) } : split;
}

function grow(step: ShareStep, target: Split, stable: PodCount, ceiling: number): Split {
  let room = ceiling - (stable.spec + step.canary.spec + step.older.spec);
  const up = (spec: number, wanted: number) => {
    if (spec >= wanted || room <= 0) return spec;
    const next = Math.min(wanted, spec + room);
    room -= next - spec;
    return next;
  };
  const stableNext = step.stable ? up(stable.spec, target.stable) : 0;
  return { stable: stableNext, canary: up(step.canary.spec, target.canary) };
}

function shrink(
  step: ShareStep,
  target: Split,
  grown: Split,
  before: { stable: PodCount; canary: PodCount },
  ceiling: number,
): Split {
  const minAvailable = step.replicas - effectiveUnavailable(step.replicas, step.budget);
  const rising = target.canary >= before.canary.spec;
  const removable = removablePods(before.canary, !rising) + removablePods(step.stable, rising);
  if (removable <= minAvailable) return grown;
  const budget = removable - minAvailable;
  let { stable, canary } = grown;
  const cut = (spec: number, wanted: number, set: PodCount, now: number) =>
    set.spec > wanted ? Math.max(wanted, spec - budget) : now;
  if (rising) stable = cut(before.stable.spec, target.stable, before.stable, stable);
  else canary = cut(before.canary.spec, target.canary, before.canary, canary);
  return trim({ stable, canary }, before, rising, ceiling, minAvailable);
}

/** Brings the other side down too where the total would exceed the ceiling, as far as availability allows. */
function trim(
  split: Split,
  before: { stable: PodCount; canary: PodCount },
  rising: boolean,
  ceiling: number,
  minAvailable: number,
): Split {
  const excess = split.stable + split.canary - ceiling;
  if (excess <= 0) return split;
  const stays = (next: number, set: PodCount) => Math.min(next, set.available);
  if (rising) {
    const canary = Math.max(0, split.canary - excess);
    const lost = minAvailable - (stays(split.stable, before.stable) + stays(canary, before.canary));
    return { stable: split.stable, canary: Math.min(split.canary, canary + Math.max(0, lost)) };
  }
  const stable = Math.max(0, split.stable - excess);
  const lost = minAvailable - (stays(stable, before.stable) + stays(split.canary, before.canary));
  return { canary: split.canary, stable: Math.min(split.stable, stable + Math.max(0, lost)) };
}
