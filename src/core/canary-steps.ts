import { durationMs } from '../api/duration.ts';
import type { CanaryScale, CanaryStep } from '../api/rollout-steps.ts';

/** Weight in force at a step: the nearest setWeight at or before it; none: 0; past the end: everything. */
export function weightAt(steps: readonly CanaryStep[], index: number, max: number): number {
  if (index >= steps.length) return max;
  for (let i = index; i >= 0; i--) {
    const weight = steps[i]?.setWeight;
    if (weight !== undefined) return weight;
  }
  return 0;
}

/** setCanaryScale in force at a step; it is sticky until the next one, matchTrafficWeight cancels it. */
export function scaleAt(steps: readonly CanaryStep[], index: number): CanaryScale | undefined {
  if (index >= steps.length) return undefined;
  for (let i = index; i >= 0; i--) {
    const scale = steps[i]?.setCanaryScale;
    if (scale) return scale.matchTrafficWeight ? undefined : scale;
  }
  return undefined;
}

/** End of a pause step that began at `startedAt`; undefined when only a person ends it. Epoch milliseconds. */
export function pauseEnd(step: CanaryStep, startedAt: number): number | undefined {
  const length = durationMs(step.pause?.duration);
  return length === undefined ? undefined : startedAt + length;
}
