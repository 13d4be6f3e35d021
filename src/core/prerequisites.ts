import type { Because } from './decision.ts';
import type { World } from './world.ts';

/** Names of the Services that the strategy uses. */
export function serviceNames(w: Pick<World, 'spec'>): string[] {
  const { canary, blueGreen } = w.spec.strategy;
  const names = canary
    ? [canary.stableService, canary.canaryService]
    : [blueGreen?.activeService, blueGreen?.previewService];
  return names.filter(name => name !== undefined);
}

/** What must exist before anything moves, and does not; undefined when all is there. */
export function missingPrerequisite(w: World): Because | undefined {
  if (w.stable && !w.stableSet)
    return {
      reason: 'StableLost',
      message: `ReplicaSet of the stable revision ${w.stable.revision} is gone; it is rebuilt from its ControllerRevision and the canary waits`,
    };
  for (const name of serviceNames(w))
    if (!w.service(name)?.exists)
      return {
        reason: 'ServiceMissing',
        message: `Service ${name} does not exist; create it, or give strategy serviceTemplate so that it is created`,
      };
  const state = w.router?.state;
  if (state?.kind === 'missing') return { reason: 'RouteMissing', message: `${state.why}; create it, or give routeTemplate` };
  if (state?.kind === 'malformed') return { reason: 'RouteMalformed', message: state.why };
  return undefined;
}
