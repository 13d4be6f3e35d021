import { toTime } from '../api/time.ts';
import { actualWeight, isTakenUp } from './actual-weight.ts';
import { enoughToCarryAll } from './carry.ts';
import type { Because } from './decision.ts';
import type { Draft } from './draft.ts';
import { type Intent, NOTHING } from './intent.ts';
import { drainOlder } from './older-drain.ts';
import { NO_PODS, sumPods } from './pod-count.ts';
import { podTrouble } from './pod-trouble.ts';
import { missingPrerequisite, serviceNames } from './prerequisites.ts';
import { replicaBudget } from './replica-budget.ts';
import type { ReplicaSetView } from './replica-set-view.ts';
import { podsForWeight } from './routed-replicas.ts';
import { delaySeconds, delays, hasUsers, isDue, laterThanPromoted, longestDelay } from './scale-downs.ts';
import { shareStep } from './share-of-replicas.ts';
import { clearTrial, deadlineAt, endDelivery, supersede, trackProgress } from './trial.ts';
import { type World, withoutRouter } from './world.ts';

const ALREADY_ENDED = ['Aborted', 'Superseded'];

/** Nothing is on trial: the declared revision is stable, or has just become so again. */
export function planSteady(w: World, d: Draft): Intent {
  leaveTrial(w, d);
  const because = steadyReason(w);
  // At rest no deadline runs; it starts anew with the next disturbance.
  if (because.reason === 'Healthy') delete d.status.progress;
  else trackProgress(w, d, true);
  const overdue = because.reason !== 'Healthy' && w.now >= deadlineAt(w, d.status);
  const { canary, blueGreen } = w.spec.strategy;
  const select = new Map<string, string>();
  const home = canary?.stableService ?? blueGreen?.activeService;
  const side = canary?.canaryService ?? blueGreen?.previewService;
  if (home !== undefined) select.set(home, w.hash);
  if (side !== undefined && isAskedHome(w)) select.set(side, w.hash);
  const old = w.olderSets.filter(set => set.spec > 0);
  const scale = withoutRouter(w) ? shareScale(w) : delayedScale(w, old);
  leaveWithTraffic(w, scale, old);
  return {
    ...NOTHING,
    phase: because.reason === 'Healthy' ? 'Healthy' : overdue ? 'Degraded' : 'Progressing',
    because: overdue ? { reason: 'ProgressDeadlineExceeded', message: because.message } : because,
    scale,
    select,
    canaryWeight: w.router ? 0 : undefined,
    scaleDownAt: laterThanPromoted(w, old),
    endRuns: w.snapshot.analysisRuns.map(run => run.metadata.name),
    wakeAt: because.reason === 'Healthy' || overdue ? undefined : deadlineAt(w, d.status),
  };
}

const NOTHING_WANTED: Because = {
  reason: 'NoReplicas',
  message: 'no replicas are wanted; the first revision becomes stable when its pods are available',
};

/**
 * No revision has ever been available: bring this one up, without steps. It is stable once its pods are available and its Services
 * were pointed at it.
 */
export function planFirstDeploy(w: World, d: Draft): { readonly intent: Intent; readonly complete: boolean } {
  d.status.trialStartedAt ??= toTime(w.now);
  trackProgress(w, d, true);
  const available = w.newSet?.available ?? 0;
  const missing = missingPrerequisite(w);
  const overdue = w.now >= deadlineAt(w, d.status);
  const idle = w.replicas === 0 && !missing;
  const names = serviceNames(w);
  const hasPods = w.newSet !== undefined && w.newSet.spec >= w.replicas && available >= w.replicas;
  const waiting: Because = missing ?? {
    reason: 'FirstDeploy',
    message: `first revision: ${available} of ${w.replicas} pods are available${podTrouble(w)}`,
  };
  return {
    complete: !missing && !idle && hasPods && names.every(name => isPointed(w, name)),
    intent: {
      ...NOTHING,
      phase: idle ? 'Healthy' : overdue ? 'Degraded' : 'Progressing',
      because: idle
        ? NOTHING_WANTED
        : overdue
          ? {
              reason: 'ProgressDeadlineExceeded',
              message: `${waiting.message}; there is no stable revision to return to`,
            }
          : waiting,
      scale: firstScale(w),
      firstPods: w.sets.length === 0 ? w.replicas : 0,
      select: new Map(names.map(name => [name, w.hash])),
      canaryWeight: w.router?.state.kind === 'weights' ? 0 : undefined,
      wakeAt: overdue ? undefined : deadlineAt(w, d.status),
    },
  };
}

/** Whether a Service leads to the revision, or cannot be made to: what is to be said of that is said when it is stable. */
function isPointed(w: World, service: string): boolean {
  const wasPointed = (w.snapshot.selectorWrites[`${service} ${w.hash}`] ?? 0) > 0;
  const isRefused = w.snapshot.problems.some(({ kind }) => kind === 'WriteRefused');
  return w.service(service)?.selects === w.hash || wasPointed || isRefused;
}

/**
 * Where all users move at once the new set has all its pods beside the old one: users of a set that never became stable stay
 * there until enough pods can carry them.
 */
function firstScale(w: World): Map<string, number> {
  const scale = shareScale(w);
  if (!withoutRouter(w) && w.newSet) scale.set(w.newSet.name, w.replicas);
  return scale;
}

/** Stable serves; what was aborted keeps its pods for a while, untouched, and then leaves. */
export function planAborted(w: World, d: Draft): Intent {
  const { canary: open, abort } = d.status;
  if (open && !abort && open.podTemplateHash !== w.hash) supersede(w, d);
  const because: Because =
    abort?.podTemplateHash === w.hash
      ? { reason: abort.reason, message: abort.message }
      : {
          reason: 'Quarantined',
          message: 'this pod template failed before; it is not tried again until Git changes it or retry is sent',
        };
  const { canary, blueGreen } = w.spec.strategy;
  const stableHash = w.stable?.podTemplateHash ?? w.hash;
  const select = new Map<string, string>();
  const home = canary?.stableService ?? blueGreen?.activeService;
  const side = canary?.canaryService ?? blueGreen?.previewService;
  if (home !== undefined) select.set(home, stableHash);
  const returned = isAtRest(w);
  if (side !== undefined && isAskedHome(w)) select.set(side, stableHash);
  const older = w.olderSets.filter(set => set.spec > 0);
  const failed = w.newSet && w.newSet.spec > 0 && w.newSet !== homeSet(w) ? [w.newSet] : [];
  const old = [...older, ...failed];
  const delay = delaySeconds(w, 'abortScaleDownDelaySeconds');
  const staysFailed = delay === 0 && !withoutRouter(w);
  const scale = withoutRouter(w) ? shareScale(w) : delayedScale(w, old);
  if (staysFailed) for (const set of failed) scale.set(set.name, w.replicas === 0 ? 0 : set.spec);
  leaveWithTraffic(w, scale, old);
  const serving = older.filter(set => hasUsers(w, set));
  const leaving = returned
    ? [...delays(w, older, longestDelay(w)), ...(staysFailed ? [] : delays(w, failed, delay))]
    : delays(w, serving, longestDelay(w));
  return {
    ...NOTHING,
    phase: 'Aborted',
    because,
    scale,
    select,
    canaryWeight: w.router ? 0 : undefined,
    scaleDownAt: new Map(withoutRouter(w) ? [] : leaving),
    endRuns: w.snapshot.analysisRuns.map(run => run.metadata.name),
  };
}

/** Where users are at home. A lost stable set is rebuilt; nothing else is grown in its place. */
function homeSet(w: World): ReplicaSetView | undefined {
  return w.stable ? w.stableSet : w.newSet;
}

/** All traffic is to be on stable. */
function isAskedHome(w: World): boolean {
  const { blueGreen } = w.spec.strategy;
  const stableHash = w.stable?.podTemplateHash ?? w.hash;
  if (blueGreen) return w.service(blueGreen.activeService)?.selects === stableHash;
  if (!w.router) return true;
  return w.router.state.kind === 'weights' && w.router.state.canary === 0;
}

/** All traffic is on stable and the route says that the data plane knows. */
function isAtRest(w: World): boolean {
  return isAskedHome(w) && isTakenUp(w);
}

/** Git went back to stable while something else was on trial: the story ends here. */
function leaveTrial(w: World, d: Draft): void {
  const { canary, abort, history } = d.status;
  const ended =
    history?.[0]?.podTemplateHash === canary?.podTemplateHash && ALREADY_ENDED.includes(history?.[0]?.outcome ?? '');
  if (canary && !abort && !ended)
    endDelivery(w, d, canary, 'ReturnedToStable', { message: 'Git declared the stable revision again' });
  if (canary || abort) clearTrial(d.status);
  delete d.status.pause;
}

function steadyReason(w: World): Because {
  const missing = missingPrerequisite(w);
  if (missing) return missing;
  const available = w.stableSet?.available ?? 0;
  if (available < w.replicas || (w.stableSet?.spec ?? 0) !== w.replicas)
    return {
      reason: 'ScalingStable',
      message: `${available} of ${w.replicas} stable pods are available${podTrouble(w)}`,
    };
  const state = w.router?.state;
  if (state?.kind === 'weights') {
    if (state.canary > 0 || !state.uniform)
      return { reason: 'ShiftingTraffic', message: `moving the route back to rest from weight ${state.canary}` };
    if (!state.accepted)
      return {
        reason: state.rejected ? 'RouteNotAccepted' : 'ShiftingTraffic',
        message: state.why ?? 'the gateway has not accepted the route',
      };
  }
  const home = w.spec.strategy.canary?.stableService ?? w.spec.strategy.blueGreen?.activeService;
  const service = w.service(home);
  if (service && service.selects !== w.hash)
    return {
      reason: 'ShiftingTraffic',
      message: `Service ${service.name} moves to revision ${w.stable?.revision ?? '?'}`,
    };
  if (service && service.readyOf(w.stableSet?.name) < Math.min(w.replicas, enoughToCarryAll(w.replicas)))
    return { reason: 'WaitingForEndpoints', message: `waiting for the endpoints of Service ${service.name}` };
  if (withoutRouter(w) && w.olderSets.some(set => set.spec > 0))
    return { reason: 'ReturningToStable', message: 'pods of earlier revisions are leaving' };
  return {
    reason: 'Healthy',
    message: `revision ${w.stable?.revision ?? '?'} serves, ${available}/${w.replicas} pods available`,
  };
}

/** Without a router: one pass of the rolling update that leads to stable alone. */
function shareScale(w: World): Map<string, number> {
  const { canary } = w.spec.strategy;
  const budget = replicaBudget(w.replicas, canary?.maxSurge, canary?.maxUnavailable) ?? { surge: 0, unavailable: 1 };
  const scale = new Map<string, number>();
  const trial = w.stableSet && w.newSet !== w.stableSet ? w.newSet : undefined;
  const home = homeSet(w);
  if (w.stable && !home) return scale;
  const older = w.olderSets.filter(set => set.spec > 0);
  const split = shareStep({
    replicas: w.replicas,
    weight: 0,
    maxWeight: 100,
    budget,
    canary: trial ?? (w.stableSet ? NO_PODS : (home ?? NO_PODS)),
    stable: w.stableSet,
    older: sumPods(older),
  });
  if (trial) scale.set(trial.name, split.canary);
  if (home) scale.set(home.name, w.stableSet ? split.stable : split.canary);
  const elsewhere = (home?.available ?? 0) + (trial?.available ?? 0);
  const minAvailable = w.replicas - Math.min(w.replicas, budget.unavailable);
  for (const [name, pods] of drainOlder(older, elsewhere, minAvailable)) scale.set(name, pods);
  return scale;
}

function delayedScale(w: World, leaving: readonly ReplicaSetView[]): Map<string, number> {
  const scale = new Map<string, number>();
  const home = homeSet(w);
  if (home) scale.set(home.name, w.replicas);
  for (const set of leaving) if (isDue(w, set)) scale.set(set.name, 0);
  return scale;
}

/** With dynamicStableScale pods leave with their traffic: those of stable, onto which it goes, may be waiting for their room. */
function leaveWithTraffic(w: World, scale: Map<string, number>, leaving: readonly ReplicaSetView[]): void {
  const { canary } = w.spec.strategy;
  const weight = actualWeight(w);
  if (!w.router || !canary?.dynamicStableScale || weight === 0) return;
  const serving = leaving.find(set => set.hash === w.service(canary.canaryService)?.selects);
  if (serving) scale.set(serving.name, Math.min(serving.spec, podsForWeight(w.replicas, weight, w.router.max)));
}
