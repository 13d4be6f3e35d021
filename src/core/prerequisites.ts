import type { RolloutReason } from '../api/reasons.ts';
import type { RevisionRef } from '../api/rollout-status.ts';
import type { Because } from './decision.ts';
import { keptRevision } from './revisions.ts';
import type { World } from './world.ts';

/** Names of the Services that the strategy uses. */
export function serviceNames(w: Pick<World, 'spec'>): string[] {
  const { canary, blueGreen } = w.spec.strategy;
  const names = canary
    ? [canary.stableService, canary.canaryService]
    : [blueGreen?.activeService, blueGreen?.previewService];
  return names.filter(name => name !== undefined);
}

/** Holds during which not even pods are added: what they would serve through is not there. */
export const NOTHING_MOVES: readonly RolloutReason[] = [
  'ServiceMissing',
  'RouteMissing',
  'RouteMalformed',
  'StableLost',
  'ServiceConflict',
];

/** Holds that only a person can end. */
export const BLOCKED: readonly RolloutReason[] = [
  'ServiceMissing',
  'ServiceConflict',
  'RouteMissing',
  'RouteMalformed',
  'TemplateMissing',
  'TemplateInvalid',
  'WriteRefused',
];

/** Two Rollouts that steer one Service or route would undo each other for ever: the one that came first keeps it. */
function rivalOf(w: World): Because | undefined {
  const [rival] = w.snapshot.rivals;
  if (!rival) return undefined;
  const services = rival.services.map(name => `Service ${name}`);
  const what = [...services, ...rival.routes.map(name => `route ${name}`)].join(' and ');
  return {
    reason: 'ServiceConflict',
    message: `${what}: in use by Rollout ${rival.name}, which came first; give this Rollout its own`,
  };
}

/** Whether a lost ReplicaSet can be made again from its ControllerRevision. */
export function canBeRebuilt(w: World, ref: RevisionRef): boolean {
  return keptRevision(w, ref.podTemplateHash) !== undefined;
}

/** Nothing is left of the stable revision: no ReplicaSet, no ControllerRevision, and Git declares another template. */
export function isLostForGood(w: World): boolean {
  return w.stable !== undefined && !w.stableSet && !canBeRebuilt(w, w.stable) && w.stable.podTemplateHash !== w.hash;
}

function lostStable(w: World): Because | undefined {
  if (!w.stable || w.stableSet) return undefined;
  const what = `ReplicaSet of the stable revision ${w.stable.revision} is gone`;
  if (isLostForGood(w))
    return {
      reason: 'StableLost',
      message: `${what} and so is its ControllerRevision; declare its template in Git again, or send promote-full to go on without it`,
    };
  return { reason: 'StableLost', message: `${what}; it is rebuilt as it was declared, and the canary waits` };
}

/** Its set was lost in this trial and is there again: until a pod of it serves, there is nothing to return to. */
function returningStable(w: World): Because | undefined {
  const { stable, stableSet } = w;
  const wasLost = w.stored?.display?.reason === 'StableLost';
  if (!wasLost || !stable || !stableSet || stable.podTemplateHash === w.hash) return undefined;
  if (stableSet.spec === 0 || stableSet.ready > 0) return undefined;
  return {
    reason: 'StableLost',
    message: `ReplicaSet of the stable revision ${stable.revision} was lost and is made again, with no ready pod yet; the canary waits, or send promote-full to go on without it`,
  };
}

/**
 * What must exist before anything moves, and does not; undefined when all is there. A stable revision that is lost for
 * good stops everything until a person decides to go on without it (`promoteFull`).
 */
export function missingPrerequisite(w: World, promoteFull = false): Because | undefined {
  const lost = lostStable(w);
  if (lost && !(promoteFull && isLostForGood(w))) return lost;
  const returning = promoteFull ? undefined : returningStable(w);
  if (returning) return returning;
  const rivalry = rivalOf(w);
  if (rivalry) return rivalry;
  const { canary, blueGreen } = w.spec.strategy;
  const template = (canary ?? blueGreen)?.serviceTemplate;
  for (const name of serviceNames(w))
    if (!w.service(name)?.exists && template)
      return { reason: 'WaitingForEndpoints', message: `Service ${name} is being created` };
    else if (!w.service(name)?.exists)
      return {
        reason: 'ServiceMissing',
        message: `Service ${name} does not exist; create it, or give strategy serviceTemplate so that it is created`,
      };
  const state = w.router?.state;
  if (state?.kind === 'missing')
    return { reason: 'RouteMissing', message: `${state.why}; create it, or give routeTemplate` };
  if (state?.kind === 'malformed') return { reason: 'RouteMalformed', message: state.why };
  return undefined;
}
