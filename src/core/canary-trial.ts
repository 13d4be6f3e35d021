import type { RolloutReason } from '../api/reasons.ts';
import type { CanaryStep } from '../api/rollout-steps.ts';
import { earliest, fromTime } from '../api/time.ts';
import { actualWeight, mayReachCanary } from './actual-weight.ts';
import { missingAnalysis } from './analysis-ahead.ts';
import {
  analysesAhead,
  awaitsAnswer,
  awaitsMeasurement,
  backgroundAhead,
  backgroundRun,
  beginningOf,
} from './canary-gates.ts';
import { podsWanted } from './canary-pods.ts';
import { scaleAt, weightAt } from './canary-steps.ts';
import { type CanaryView, isLost, isOver, isShown } from './canary-view.ts';
import { notePause, waitReason } from './canary-wait.ts';
import { enoughToCarryAll } from './carry.ts';
import type { CommandEffect } from './command.ts';
import type { Draft } from './draft.ts';
import { gateWake } from './gate.ts';
import { refuseOutdatedPromotion, refusePromotion, trialHold } from './hold.ts';
import { NOTHING, type WantedRun } from './intent.ts';
import { overdueData, trialPhase } from './pause.ts';
import { BLOCKED, NOTHING_MOVES } from './prerequisites.ts';
import { replicaBudget } from './replica-budget.ts';
import { findRun, obsoleteRuns, readRun, stepRunName } from './run-names.ts';
import { targetSplit } from './share-of-replicas.ts';
import { openTrial, setStep, trackProgress } from './trial.ts';
import type { TrialPlan } from './trial-plan.ts';
import type { World } from './world.ts';

/** What the progress deadline is about. */
const WAITS: readonly RolloutReason[] = [
  'WaitingForPods',
  'WaitingForEndpoints',
  'ShiftingTraffic',
  'RouteNotAccepted',
];

/** Plans a canary's next moves: which step it is in, which weight and how many pods that means, and what it waits for. */
export function planCanaryTrial(w: World, d: Draft, effect: CommandEffect, fast: boolean): TrialPlan {
  const canary = w.spec.strategy.canary ?? {};
  const steps = fast ? [] : (canary.steps ?? []);
  const isOther = openTrial(w, d, steps, fast || !canary.analysis ? [] : [canary.analysis]);
  const full = fast || d.status.promoteFull?.podTemplateHash === w.hash;
  const max = w.router?.max ?? 100;
  const t: CanaryView = { w, d, canary, steps, full, max, actual: actualWeight(w) };

  const candidate = full ? undefined : backgroundRun(t);
  const read = candidate ? readRun(w, candidate.name) : undefined;
  const asked = effect.promote && !isOther;
  const overdue = full ? undefined : overdueData(d.status);
  const isUnclear = read?.verdict === 'Inconclusive' || (read?.verdict === 'Hold' && overdue !== undefined);
  const dismissed = isUnclear && asked;
  // A person looked and promotes: this run is dismissed, the next pass starts a fresh one. What else waits goes on waiting.
  if (dismissed) {
    delete d.status.analysis?.background;
    delete d.status.pause;
  }
  const background = dismissed ? undefined : candidate;
  const gate = dismissed ? undefined : read;
  const unbuildable = missingAnalysis(w, analysesAhead(t));
  const hold =
    trialHold(w, d, unbuildable) ??
    (gate?.verdict === 'Inconclusive' ? gate.because : undefined) ??
    (asked ? undefined : overdue) ??
    (gate?.verdict === 'Hold' ? gate.because : undefined) ??
    beginningOf(w, background);
  const goesOn = asked && !dismissed && hold === undefined;
  // That data is missing was the question, and not what the trial comes to now that there is some.
  const promote = goesOn && (overdue === undefined || waitsForVerdict(t));
  if (effect.promote && isOther) refuseOutdatedPromotion(d);
  else if (hold && asked && !dismissed) refusePromotion(d, hold);
  const cut = hold === undefined && !full ? advance(t, promote, background) : false;
  if (full && d.status.step && d.status.step.index < steps.length && !hold) setStep(w, d.status, steps.length, steps);

  const index = d.status.step?.index ?? 0;
  const desired = full ? max : weightAt(steps, index, max);
  // Steps that were passed just now may have begun it.
  const begun = dismissed || full ? background : backgroundRun(t);
  const unmeasured = dismissed || (begun !== undefined && awaitsMeasurement(w, begun));
  const stays = unmeasured ? 'some' : hold !== undefined && !isReached(t, index) ? 'as it is' : undefined;
  const wantedPods = podsWanted(t, index, desired, stays);
  const stepRun = full ? undefined : runOfStep(t, index);
  const stepGate = stepRun ? readRun(w, stepRun.name) : undefined;
  const unanswered = dismissed || (background !== undefined && awaitsAnswer(w, background));
  const because = hold ?? waitReason(t, index, desired, wantedPods.canary, { stepGate, unmeasured, unanswered });
  notePause(t, index, because, gate, stepGate, goesOn);
  const waitsForPods = WAITS.includes(because.reason);
  const blocked = BLOCKED.includes(because.reason);
  trackProgress(w, d, waitsForPods, blocked);

  const holdsPods = hold && NOTHING_MOVES.includes(hold.reason);
  const runs = [background, stepRun].filter(run => run !== undefined);
  // On lists that are older than a run its step seems to be yet to come.
  const ahead = dismissed ? runs : analysesAhead(t);
  const complete = !hold && index >= steps.length && isVerified(t) && !unmeasured && gate?.verdict !== 'Inconclusive';
  return {
    intent: {
      ...NOTHING,
      phase: trialPhase(d.status, because),
      because,
      scale: holdsPods ? new Map() : wantedPods.scale,
      firstPods: holdsPods ? 0 : wantedPods.now,
      select: selections(t, index),
      canaryWeight: w.router
        ? weightWanted(t, index, desired, wantedPods.canary, hold !== undefined || cut, unmeasured)
        : undefined,
      capacityForWeight: wantedPods.canary,
      explicitScale: scaleAt(steps, index) !== undefined,
      runs,
      runAhead: full || dismissed ? undefined : backgroundAhead(t),
      endRuns: obsoleteRuns(w, ahead),
      wakeAt: earliest(fromTime(d.status.pause?.until), gateWake(gate), gateWake(stepGate)),
    },
    gates: [gate, stepGate].filter(reading => reading !== undefined),
    complete,
    waitsForPods,
    blocked,
  };
}

/**
 * Passes every step that is done. True when a step was passed whose completion rests on weights or pods: the new
 * index must then be stored before the weight rises again, or a crash would make the route step back.
 */
function advance(t: CanaryView, asked: boolean, background: WantedRun | undefined): boolean {
  const { w, d, steps } = t;
  let promote = asked;
  let cut = false;
  for (let index = d.status.step?.index ?? 0; index < steps.length; index++) {
    const step = steps[index];
    if (!step) break;
    const forced = promote && (step.pause !== undefined || isInconclusive(t, step, index));
    if (!forced && !isDone(t, step, index)) break;
    if (!forced && index + 1 === steps.length && background && awaitsMeasurement(w, background)) break;
    if (forced) promote = false;
    if (step.setWeight !== undefined || step.setCanaryScale !== undefined) cut = true;
    setStep(w, d.status, index + 1, steps);
    delete d.status.pause;
  }
  return cut;
}

/** The analysis of a step. It begins when the canary Service shows this revision: it may ask about the pods behind it. */
function runOfStep(t: CanaryView, index: number): WantedRun | undefined {
  const { w, d, steps } = t;
  const use = steps[index]?.analysis;
  const name = stepRunName(w, d.status, index);
  const isHidden = !isShown(t) && (w.newSet?.ready ?? 0) > 0 && mayReachCanary(w);
  return use && (!isHidden || findRun(w, name)) ? { name, kind: 'step', use } : undefined;
}

/** The step of now is an analysis without a verdict. */
function waitsForVerdict(t: CanaryView): boolean {
  const index = t.d.status.step?.index ?? 0;
  const step = t.steps[index];
  return step !== undefined && isInconclusive(t, step, index);
}

/** The analysis that a person was asked about: one that nobody has judged yet is not passed with another that was. */
function isInconclusive({ w, d }: CanaryView, step: CanaryStep, index: number): boolean {
  return step.analysis !== undefined && readRun(w, stepRunName(w, d.status, index))?.verdict === 'Inconclusive';
}

function isDone(t: CanaryView, step: CanaryStep, index: number): boolean {
  const { w, d, steps, max } = t;
  if (step.pause) return isOver(t, step);
  if (step.analysis) return readRun(w, stepRunName(w, d.status, index))?.verdict === 'Passed';
  const weight = weightAt(steps, index, max);
  const pods = podsWanted(t, index, weight).canary;
  const scaled = (w.newSet?.spec ?? 0) >= pods && (w.newSet?.available ?? 0) >= pods;
  // The set behind the canary Service keeps one pod: order.ts.
  if (step.setCanaryScale) return scaled && (w.newSet?.spec ?? 0) <= Math.max(pods, 1);
  if (!scaled) return false;
  if (!w.router) return splitReached(t, weight);
  if (weight > 0 && !isShown(t)) return false;
  const { state } = w.router;
  return state.kind === 'weights' && state.canary === weight && state.uniform && state.accepted;
}

/** Without a router a weight is reached when both sides have their pods and nothing older is left. */
function splitReached(t: CanaryView, weight: number): boolean {
  const { w, canary } = t;
  const budget = replicaBudget(w.replicas, canary.maxSurge, canary.maxUnavailable) ?? { surge: 0, unavailable: 1 };
  const target = targetSplit(w.replicas, weight, 100, budget.surge);
  return (
    w.newSet?.spec === target.canary &&
    (w.stableSet?.spec ?? 0) === target.stable &&
    (w.stableSet?.running ?? 0) === target.stable &&
    w.olderSets.every(set => set.spec === 0 && set.available === 0)
  );
}

/** The step is past the weight that it stands at. */
function isReached({ steps }: CanaryView, index: number): boolean {
  const step = steps[index];
  return step !== undefined && step.setWeight === undefined;
}

/** The weight to ask of the route in this pass. */
function weightWanted(
  t: CanaryView,
  index: number,
  desired: number,
  pods: number,
  frozen: boolean,
  unmeasured: boolean,
): number {
  const { w, steps, actual } = t;
  if (isLost(t)) return 0;
  if (frozen && !isReached(t, index)) return Math.min(actual, desired);
  // More users only when the weight they have now was measured and is good; one that was lost for a moment is that of the steps before.
  if (unmeasured && desired > actual) {
    const had = index === 0 ? 0 : Math.min(desired, weightAt(steps, index - 1, t.max));
    return had > 0 || actual > 0 ? Math.max(actual, had) : desired;
  }
  const promoting = index >= steps.length || t.full;
  if (!promoting) return desired;
  return (w.newSet?.available ?? 0) >= Math.max(pods, w.replicas) ? desired : actual;
}

/** Services of the strategy: the canary one follows the trial, the stable one moves at the very end. */
function selections(t: CanaryView, index: number): Map<string, string> {
  const { w, canary, steps, max, actual } = t;
  const select = new Map<string, string>();
  const stableHash = w.stable?.podTemplateHash;
  if (canary.canaryService !== undefined) {
    const service = w.service(canary.canaryService);
    const isOther = service?.selects !== w.hash;
    // Users whom the gateway still sends there find nobody, and it may not move to this revision before they have left.
    const isEmpty = isOther && service?.selects !== undefined && service.ready === 0 && mayReachCanary(w);
    if ((w.newSet?.ready ?? 0) > 0 && !isEmpty) select.set(canary.canaryService, w.hash);
    else if (actual === 0 && stableHash && isOther) select.set(canary.canaryService, stableHash);
  }
  if (canary.stableService !== undefined && stableHash) {
    const shifted = w.router ? actual === max && isAccepted(w) : true;
    const promoting = (index >= steps.length || t.full) && shifted && (w.newSet?.available ?? 0) >= w.replicas;
    select.set(canary.stableService, promoting ? w.hash : stableHash);
  }
  return select;
}

function isAccepted(w: World): boolean {
  return w.router?.state.kind === 'weights' && w.router.state.accepted && w.router.state.uniform;
}

/** All traffic is on the new revision, every pod is available, and the stable Service already points at it. */
function isVerified(t: CanaryView): boolean {
  const { w, canary, actual, max } = t;
  const available = w.newSet?.available ?? 0;
  if (!w.newSet || w.newSet.spec < w.replicas || available < w.replicas) return false;
  if (w.router && !(actual === max && isAccepted(w))) return w.replicas === 0;
  const service = w.service(canary.stableService);
  if (!service || w.replicas === 0) return true;
  return service.selects === w.hash && service.readyOf(w.newSet.name) >= enoughToCarryAll(w.replicas);
}
