import type { World } from './world.ts';

/** Weight that the canary has now: from the route, the share of available pods without a router, all or nothing in blue-green. */
export function actualWeight(w: World): number {
  const { blueGreen } = w.spec.strategy;
  if (blueGreen) return isOnTrial(w) && w.service(blueGreen.activeService)?.selects === w.hash ? 100 : 0;
  if (w.router) return w.router.state.kind === 'weights' ? w.router.state.canary : 0;
  const total = w.sets.reduce((sum, set) => sum + set.available, 0);
  return total === 0 || !isOnTrial(w) ? 0 : Math.round((100 * (w.newSet?.available ?? 0)) / total);
}

/** Whether the gateway has the weights of the route. Before, it may send users to pods of any set. */
export function isTakenUp({ router }: World): boolean {
  return router?.state.kind !== 'weights' || router.state.accepted;
}

/** Whether users may reach the canary Service: by the route, or by what the gateway has of it until it takes a change up. */
export function mayReachCanary(w: World): boolean {
  const weight = w.router?.state.kind === 'weights' ? w.router.state.canary : 0;
  return weight > 0 || (w.stable !== undefined && !isTakenUp(w));
}

function isOnTrial(w: World): boolean {
  return w.stable !== undefined && w.stable.podTemplateHash !== w.hash;
}
