import type { RolloutReason } from '../api/reasons.ts';
import type { CanaryStep } from '../api/rollout-steps.ts';
import type { CanaryStrategy } from '../api/rollout-strategy.ts';
import { earliest, fromTime } from '../api/time.ts';
import { actualWeight } from './actual-weight.ts';
import { missingAnalysis } from './analysis-ahead.ts';
import { pauseEnd, scaleAt, weightAt } from './canary-steps.ts';
import { enoughToCarryAll } from './carry.ts';
import type { CommandEffect } from './command.ts';
import type { Because } from './decision.ts';
import type { Draft } from './draft.ts';
import { type GateReading, gateWake, hasPassed, readGate } from './gate.ts';
import { NOTHING, type WantedRun } from './intent.ts';
import { drainOlder } from './older-drain.ts';
import { isForPerson } from './pause.ts';
import { sumPods } from './pod-count.ts';
import { podTrouble } from './pod-trouble.ts';
import { BLOCKED, missingPrerequisite, NOTHING_MOVES } from './prerequisites.ts';
import { replicaBudget } from './replica-budget.ts';
import { routedReplicas } from './routed-replicas.ts';
import { currentRunName, findRun, stepRunName } from './run-names.ts';
import { shareStep, targetSplit } from './share-of-replicas.ts';
import { openTrial, setPause, setStep, trackProgress } from './trial.ts';
import type { TrialPlan } from './trial-plan.ts';
import type { World } from './world.ts';

/** One trial of a canary, as one pass sees it. */
interface Trial {
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
  openTrial(w, d, steps);
  const full = fast || d.status.promoteFull?.podTemplateHash === w.hash;
  const max = w.router?.max ?? 100;
  const t: Trial = { w, d, canary, steps, full, max, actual: actualWeight(w) };

  const candidate = full ? undefined : backgroundRun(t);
  const read = candidate ? readRun(w, candidate.name) : undefined;
  const dismissed = read?.verdict === 'Inconclusive' && effect.promote;
  // A person looked and promotes: this run is dismissed, the next pass starts a fresh one.
  if (dismissed && d.status.analysis) delete d.status.analysis.background;
  const background = dismissed ? undefined : candidate;
  const gate = dismissed ? undefined : read;
  const hold = holdOf(t, gate) ?? (full ? undefined : overdueData(w, effect)) ?? beginningOf(w, background);
  const cut = hold === undefined && !full ? advance(t, effect, background) : false;
  if (full && d.status.step && d.status.step.index < steps.length && !hold) setStep(w, d.status, steps.length, steps);

  const index = d.status.step?.index ?? 0;
  const desired = full ? max : weightAt(steps, index, max);
  const wantedPods = podsWanted(t, index, desired);
  const step = steps[index];
  const stepRun: WantedRun | undefined =
    !full && step?.analysis ? { name: stepRunName(w, d.status, index), kind: 'step', use: step.analysis } : undefined;
  const stepGate = stepRun ? readRun(w, stepRun.name) : undefined;
  const unmeasured = background !== undefined && awaitsMeasurement(w, background);
  const because = hold ?? waitReason(t, index, desired, wantedPods.canary, stepGate, unmeasured);
  notePause(t, index, because, gate, stepGate, effect);
  const waitsForPods = WAITS.includes(because.reason);
  const blocked = BLOCKED.includes(because.reason);
  trackProgress(w, d, waitsForPods, blocked);

  const runs = [background, stepRun].filter(run => run !== undefined);
  const complete = !hold && index >= steps.length && isVerified(t) && !unmeasured && gate?.verdict !== 'Inconclusive';
  return {
    intent: {
      ...NOTHING,
      phase: isForPerson(d.status) ? 'Paused' : 'Progressing',
      because,
      scale: hold && movesNothing(t, hold) ? new Map() : wantedPods.scale,
      select: selections(t, index),
      canaryWeight: w.router
        ? weightWanted(t, index, desired, wantedPods.canary, hold !== undefined || cut, unmeasured)
        : undefined,
      capacityForWeight: wantedPods.canary,
      explicitScale: scaleAt(steps, index) !== undefined,
      runs,
      endRuns: obsoleteRuns(w, runs),
      wakeAt: earliest(fromTime(d.status.pause?.until), gateWake(gate), gateWake(stepGate)),
    },
    gates: [gate, stepGate].filter(reading => reading !== undefined),
    complete,
    waitsForPods,
    blocked,
  };
}

function backgroundRun(t: Trial): WantedRun | undefined {
  const { canary, d, w } = t;
  if (!canary.analysis) return undefined;
  const index = d.status.step?.index ?? 0;
  const name = currentRunName(w, d.status, 'background');
  const started = findRun(w, name) !== undefined;
  const due = index >= Math.min(canary.analysis.startingStep ?? 0, t.steps.length) && reachesUsers(t);
  return started || due ? { name, kind: 'background', use: canary.analysis } : undefined;
}

/** Analyses that this trial runs now or has still to run. */
function analysesAhead(t: Trial): WantedRun[] {
  const { w, d, canary, steps, full } = t;
  if (full) return [];
  const index = d.status.step?.index ?? 0;
  const ahead: WantedRun[] = steps.flatMap((step, i) =>
    step.analysis && i >= index ? [{ name: stepRunName(w, d.status, i), kind: 'step', use: step.analysis }] : [],
  );
  if (canary.analysis)
    ahead.push({ name: currentRunName(w, d.status, 'background'), kind: 'background', use: canary.analysis });
  return ahead;
}

/** Traffic goes to this very revision: a weight may still be that of the revision before it. */
function reachesUsers({ w, canary, actual }: Trial): boolean {
  if (!w.newSet || actual === 0) return false;
  return !w.router || w.service(canary.canaryService)?.selects === w.hash;
}

function readRun(w: World, name: string): GateReading | undefined {
  const run = findRun(w, name);
  return run ? readGate(run, w.now) : undefined;
}

/** A background analysis that is wanted and not there yet stops progress: nothing may pass ungated. */
function beginningOf(w: World, run: WantedRun | undefined): Because | undefined {
  if (!run || findRun(w, run.name)) return undefined;
  return { reason: 'GateRunning', message: 'the background analysis begins' };
}

function awaitsMeasurement(w: World, run: WantedRun): boolean {
  const found = findRun(w, run.name);
  return !found || !hasPassed(found);
}

/** Without a router pods are traffic: what stops traffic stops pods. */
function movesNothing(t: Trial, hold: Because): boolean {
  if (NOTHING_MOVES.includes(hold.reason)) return true;
  return !t.w.router && missingAnalysis(t.w, analysesAhead(t)) !== undefined;
}

/** What stops all progress, pods apart; undefined when nothing does. */
function holdOf(t: Trial, gate: GateReading | undefined): Because | undefined {
  const { w, d } = t;
  if (w.spec.paused)
    return { reason: 'PausedBySpec', message: 'spec.paused is set; progress stops until Git clears it' };
  if (d.status.pausedByCommand)
    return { reason: 'PausedByCommand', message: 'paused by command; send resume to go on' };
  const missing = missingPrerequisite(w, d.status.promoteFull?.podTemplateHash === w.hash);
  if (missing) return missing;
  const unbuildable = missingAnalysis(w, analysesAhead(t));
  if (unbuildable) return unbuildable;
  if (gate?.verdict === 'Inconclusive' || gate?.verdict === 'Hold') return gate.because;
  return undefined;
}

/** Data that came back after its deadline does not end the pause for a person that the deadline began. */
function overdueData(w: World, effect: CommandEffect): Because | undefined {
  const { pause, canary } = w.stored ?? {};
  if (pause?.reason !== 'NoDataDeadline' || canary?.podTemplateHash !== w.hash || effect.promote) return undefined;
  return { reason: 'NoDataDeadline', message: 'there was no data until the deadline; promote, retry or abort' };
}

/**
 * Passes every step that is done. True when a step was passed whose completion rests on weights or pods: the new
 * index must then be stored before the weight rises again, or a crash would make the route step back.
 */
function advance(t: Trial, effect: CommandEffect, background: WantedRun | undefined): boolean {
  const { w, d, steps } = t;
  let { promote } = effect;
  let cut = false;
  for (let index = d.status.step?.index ?? 0; index < steps.length; index++) {
    const step = steps[index];
    if (!step) break;
    const forced = promote && (step.pause !== undefined || step.analysis !== undefined);
    if (!forced && !isDone(t, step, index)) break;
    if (!forced && index + 1 === steps.length && background && awaitsMeasurement(w, background)) break;
    if (forced) promote = false;
    if (step.setWeight !== undefined || step.setCanaryScale !== undefined) cut = true;
    setStep(w, d.status, index + 1, steps);
    delete d.status.pause;
  }
  return cut;
}

function isDone(t: Trial, step: CanaryStep, index: number): boolean {
  const { w, d, steps, max } = t;
  if (step.pause) return isOver(t, step);
  if (step.analysis) return readRun(w, stepRunName(w, d.status, index))?.verdict === 'Passed';
  const weight = weightAt(steps, index, max);
  const pods = podsWanted(t, index, weight).canary;
  const scaled = (w.newSet?.spec ?? 0) >= pods && (w.newSet?.available ?? 0) >= pods;
  if (step.setCanaryScale) return scaled && w.newSet?.spec === pods;
  if (!scaled) return false;
  if (!w.router) return splitReached(t, weight);
  const { state } = w.router;
  return state.kind === 'weights' && state.canary === weight && state.uniform && state.accepted;
}

/** A timed pause whose time has come. */
function isOver({ w, d }: Trial, step: CanaryStep): boolean {
  const end = step.pause ? pauseEnd(step, fromTime(d.status.step?.startedAt) ?? w.now) : undefined;
  return end !== undefined && end <= w.now;
}

/** Without a router a weight is reached when both sides have their pods and nothing older is left. */
function splitReached(t: Trial, weight: number): boolean {
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

interface PodsWanted {
  readonly canary: number;
  readonly scale: Map<string, number>;
}

function podsWanted(t: Trial, index: number, weight: number): PodsWanted {
  const { w, canary, steps } = t;
  const scale = new Map<string, number>();
  if (!w.router) return shareOfReplicas(t, weight, scale);
  const promoting = index >= steps.length || t.full;
  const split = routedReplicas({
    replicas: w.replicas,
    weight: promoting ? t.max : weight,
    maxWeight: t.max,
    actualCanaryWeight: t.actual,
    scale: promoting ? undefined : scaleAt(steps, index),
    minPods: canary.minPodsPerReplicaSet ?? 0,
    dynamicStableScale: canary.dynamicStableScale ?? false,
  });
  if (w.newSet) scale.set(w.newSet.name, split.canary);
  // Stable leaves only by its scale-down delay after the promotion; with dynamic scale it follows its traffic.
  if (w.stableSet) scale.set(w.stableSet.name, Math.max(split.stable, promoting ? 1 : 0));
  for (const set of w.olderSets) if (set.scaleDownAt === undefined || set.scaleDownAt <= w.now) scale.set(set.name, 0);
  return { canary: split.canary, scale };
}

function shareOfReplicas(t: Trial, weight: number, scale: Map<string, number>): PodsWanted {
  const { w, canary } = t;
  const budget = replicaBudget(w.replicas, canary.maxSurge, canary.maxUnavailable) ?? { surge: 0, unavailable: 1 };
  const older = w.olderSets.filter(set => set.spec > 0);
  const split = shareStep({
    replicas: w.replicas,
    weight,
    maxWeight: 100,
    budget,
    canary: w.newSet ?? { spec: 0, available: 0 },
    stable: w.stableSet,
    older: sumPods(older),
  });
  if (w.newSet) scale.set(w.newSet.name, split.canary);
  if (w.stableSet) scale.set(w.stableSet.name, split.stable);
  const elsewhere = (w.newSet?.available ?? 0) + (w.stableSet?.available ?? 0);
  const minAvailable = w.replicas - Math.min(w.replicas, budget.unavailable);
  for (const [name, pods] of drainOlder(older, elsewhere, minAvailable)) scale.set(name, pods);
  return { canary: targetSplit(w.replicas, weight, 100, budget.surge).canary, scale };
}

/** The weight to ask of the route in this pass. */
function weightWanted(
  t: Trial,
  index: number,
  desired: number,
  pods: number,
  frozen: boolean,
  unmeasured: boolean,
): number {
  const { w, steps, actual } = t;
  const service = w.service(t.canary.canaryService);
  if (actual > 0 && (service?.readyOf(w.newSet?.name) ?? 0) === 0) return 0;
  // More users only when the weight they have now was measured and is good.
  if (unmeasured && actual > 0 && desired > actual) return actual;
  const reached = steps[index] !== undefined && steps[index]?.setWeight === undefined;
  if (frozen && !reached) return Math.min(actual, desired);
  const promoting = index >= steps.length || t.full;
  if (!promoting) return desired;
  return (w.newSet?.available ?? 0) >= Math.max(pods, w.replicas) ? desired : actual;
}

/** Services of the strategy: the canary one follows the trial, the stable one moves at the very end. */
function selections(t: Trial, index: number): Map<string, string> {
  const { w, canary, steps, max, actual } = t;
  const select = new Map<string, string>();
  const stableHash = w.stable?.podTemplateHash;
  if (canary.canaryService !== undefined) {
    if ((w.newSet?.ready ?? 0) > 0) select.set(canary.canaryService, w.hash);
    else if (actual === 0 && stableHash && w.service(canary.canaryService)?.selects !== w.hash)
      select.set(canary.canaryService, stableHash);
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
function isVerified(t: Trial): boolean {
  const { w, canary, actual, max } = t;
  const available = w.newSet?.available ?? 0;
  if (!w.newSet || w.newSet.spec < w.replicas || available < w.replicas) return false;
  if (w.router && !(actual === max && isAccepted(w))) return w.replicas === 0;
  const service = w.service(canary.stableService);
  if (!service || w.replicas === 0) return true;
  return service.selects === w.hash && service.readyOf(w.newSet.name) >= enoughToCarryAll(w.replicas);
}

function waitReason(
  t: Trial,
  index: number,
  desired: number,
  pods: number,
  stepGate: GateReading | undefined,
  unmeasured: boolean,
): Because {
  const { w, d, steps, actual } = t;
  const available = w.newSet?.available ?? 0;
  const promoting = index >= steps.length;
  if (!w.newSet || w.newSet.spec < pods || available < pods) {
    const why = podTrouble(w);
    return { reason: 'WaitingForPods', message: `${available} of ${pods} canary pods are available${why}` };
  }
  if (w.router) {
    const service = w.service(t.canary.canaryService);
    const ready = service?.readyOf(w.newSet.name) ?? 0;
    if (desired > actual && ready < pods)
      return {
        reason: 'WaitingForEndpoints',
        message: `${ready} of ${pods} canary pods are ready behind Service ${t.canary.canaryService}`,
      };
    const { state } = w.router;
    const why = state.kind === 'weights' && !state.accepted ? (state.why ?? '') : undefined;
    if (why !== undefined && state.kind === 'weights' && state.rejected)
      return { reason: 'RouteNotAccepted', message: why };
    if (unmeasured && actual > 0 && desired > actual)
      return { reason: 'GateRunning', message: 'waits for the background analysis to pass at the weight of now' };
    if (actual !== desired)
      return { reason: 'ShiftingTraffic', message: `moving the canary from weight ${actual} to ${desired}` };
    if (why !== undefined) return { reason: 'ShiftingTraffic', message: why };
  }
  if (promoting)
    return {
      reason: 'Promoting',
      message: `revision ${d.status.canary?.revision ?? '?'} takes over from the stable one`,
    };
  const step = steps[index];
  if (step?.pause && !(unmeasured && isOver(t, step)))
    return step.pause.duration === undefined
      ? { reason: 'PauseStep', message: `waits at weight ${desired} until promoted` }
      : { reason: 'PauseStep', message: `pauses for ${step.pause.duration} at weight ${desired}` };
  if (step?.analysis)
    return stepGate && stepGate.verdict !== 'Passed'
      ? stepGate.because
      : { reason: 'GateRunning', message: 'the analysis of this step begins' };
  if (unmeasured) return { reason: 'GateRunning', message: 'waits for the background analysis to pass once' };
  return { reason: 'ScalingCanary', message: `scaling the canary to ${pods} pods` };
}

function notePause(
  t: Trial,
  index: number,
  because: Because,
  gate: GateReading | undefined,
  stepGate: GateReading | undefined,
  effect: CommandEffect,
): void {
  const { w, d, steps } = t;
  const inconclusive = [gate, stepGate].find(g => g?.verdict === 'Inconclusive');
  const step = steps[index];
  if (because.reason === 'PausedBySpec' || because.reason === 'PausedByCommand') setPause(w, d, because.reason);
  else if (because.reason === 'NoDataDeadline') setPause(w, d, because.reason);
  else if (inconclusive && !effect.promote) setPause(w, d, inconclusive.because.reason);
  else if (because.reason === 'PauseStep' && step?.pause)
    setPause(w, d, 'PauseStep', pauseEnd(step, fromTime(d.status.step?.startedAt) ?? w.now));
  else delete d.status.pause;
}

function obsoleteRuns(w: World, wanted: readonly WantedRun[]): string[] {
  const keep = new Set(wanted.map(run => run.name));
  return w.snapshot.analysisRuns.map(run => run.metadata.name).filter(name => !keep.has(name));
}
