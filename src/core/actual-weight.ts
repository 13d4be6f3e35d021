import type { World } from './world.ts';

/** Weight that the canary has now: from the route, or the share of available pods without a router. */
export function actualWeight(w: World): number {
  if (w.router) return w.router.state.kind === 'weights' ? w.router.state.canary : 0;
  const total = w.sets.reduce((sum, set) => sum + set.available, 0);
  const isTrial = w.stable !== undefined && w.stable.podTemplateHash !== w.hash;
  return total === 0 || !isTrial ? 0 : Math.round((100 * (w.newSet?.available ?? 0)) / total);
}
