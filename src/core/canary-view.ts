import type { CanaryStep } from '../api/rollout-steps.ts';
import type { CanaryStrategy } from '../api/rollout-strategy.ts';
import { fromTime } from '../api/time.ts';
import { pauseEnd } from './canary-steps.ts';
import type { Draft } from './draft.ts';
import type { World } from './world.ts';

/** One trial of a canary, as one pass sees it. */
export interface CanaryView {
  readonly w: World;
  readonly d: Draft;
  readonly canary: CanaryStrategy;
  readonly steps: readonly CanaryStep[];
  /** Everything that is left is skipped: promote-full, or a verified revision that comes back. */
  readonly full: boolean;
  readonly max: number;
  /** Weight that the route (or the share of pods) gives the canary now. */
  readonly actual: number;
}

/** Whether the canary Service leads to this very revision: a weight may still be that of the revision before it. */
export function isShown({ w, canary }: CanaryView): boolean {
  return !w.router || w.service(canary.canaryService)?.selects === w.hash;
}

/** Users have a weight that no pod of this revision answers: they go home, and stable grows for them first. */
export function isLost({ w, canary, actual }: CanaryView): boolean {
  return w.router !== undefined && actual > 0 && (w.service(canary.canaryService)?.readyOf(w.newSet?.name) ?? 0) === 0;
}

/** A timed pause whose time has come. */
export function isOver({ w, d }: CanaryView, step: CanaryStep): boolean {
  const end = step.pause ? pauseEnd(step, fromTime(d.status.step?.startedAt) ?? w.now) : undefined;
  return end !== undefined && end <= w.now;
}
