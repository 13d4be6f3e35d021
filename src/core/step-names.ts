import { describeStep } from './trial.ts';
import type { World } from './world.ts';

/** The stations of a blue-green trial, in order; status.step counts them. */
export const STATIONS = [
  'preview',
  'pre-promotion analysis',
  'wait for promotion',
  'scale up',
  'switch',
  'post-promotion analysis',
] as const;

/** What the steps of this Rollout's trial are called, by index. A station that has nothing to do has an empty name. */
export function stepNamesOf(w: Pick<World, 'spec'>): string[] {
  const { canary, blueGreen } = w.spec.strategy;
  if (!blueGreen) return (canary?.steps ?? []).map(describeStep);
  const skipped = [
    ...(blueGreen.prePromotionAnalysis ? [] : ['pre-promotion analysis']),
    ...(blueGreen.postPromotionAnalysis ? [] : ['post-promotion analysis']),
  ];
  return STATIONS.map(name => (skipped.includes(name) ? '' : name));
}
