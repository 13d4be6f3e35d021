import type { BlueGreenStrategy } from '../api/rollout-strategy.ts';
import { earliest, fromTime, toTime } from '../api/time.ts';
import { missingAnalysis } from './analysis-ahead.ts';
import { enoughToCarryAll } from './carry.ts';
import type { CommandEffect } from './command.ts';
import type { Because } from './decision.ts';
import type { Draft } from './draft.ts';
import { type GateReading, gateWake } from './gate.ts';
import { refuseOutdatedPromotion, refusePromotion, trialHold } from './hold.ts';
import { NOTHING, type WantedRun } from './intent.ts';
import { overdueData, trialPhase } from './pause.ts';
import { podTrouble } from './pod-trouble.ts';
import { BLOCKED, NOTHING_MOVES } from './prerequisites.ts';
import { currentRunName, obsoleteRuns, readRun } from './run-names.ts';
import { refusedRun } from './runs.ts';
import { delays, hasUsers, longestDelay, mayLeave } from './scale-downs.ts';
import { STATIONS } from './step-names.ts';
import { openTrial, setPause, setStep, trackProgress } from './trial.ts';
import type { TrialPlan } from './trial-plan.ts';
import type { World } from './world.ts';

type Station = 0 | 1 | 2 | 3 | 4 | 5 | 6;

interface Trial {
  readonly w: World;
  readonly d: Draft;
  readonly blueGreen: BlueGreenStrategy;
  /** Skips preview size, analyses and waiting: promote-full, or a verified revision that comes back. */
  readonly full: boolean;
  readonly promote: boolean;
  /** Set when a person was asked since there was no data until the deadline, be there some by now or not. */
  readonly overdue: Because | undefined;
}

/**
 * Plans a blue-green trial: the preview Service shows the new set, the active one moves in a single step when the new
 * set is fully available, and moves back when the analysis after it fails.
 */
export function planBlueGreenTrial(w: World, d: Draft, effect: CommandEffect, fast: boolean): TrialPlan {
  const { blueGreen } = w.spec.strategy;
  if (!blueGreen) throw new Error('planBlueGreenTrial needs strategy.blueGreen');
  const isOther = openTrial(w, d, STATIONS, gatesOf(blueGreen, fast));
  const isSteppingBack = stepBackWhereLost(w, d, blueGreen);
  const full = fast || d.status.promoteFull?.podTemplateHash === w.hash;
  const asked = effect.promote && !isOther;
  const overdue = full ? undefined : overdueData(d.status);
  const t: Trial = { w, d, blueGreen, full, promote: asked, overdue };
  const hold = trialHold(w, d, missingAnalysis(w, analysesAhead(t))) ?? (asked ? undefined : stillOverdue(t));
  if (effect.promote && isOther) refuseOutdatedPromotion(d);
  else if (hold && effect.promote) refusePromotion(d, hold);
  const station = hold ? ((d.status.step?.index ?? 0) as Station) : advance(t);
  const run = wantedRun(t, station);
  const gate = run ? readRun(w, run.name) : undefined;
  const because = hold ?? waitReason(t, station, gate);
  notePause(t, station, because, gate, asked && hold === undefined);
  const waitsForPods = because.reason === 'WaitingForPods' || because.reason === 'WaitingForEndpoints';
  const blocked = BLOCKED.includes(because.reason);
  trackProgress(w, d, waitsForPods, blocked);
  const runs = run ? [run] : [];
  const nothingMoves = hold !== undefined && NOTHING_MOVES.includes(hold.reason);
  return {
    intent: {
      ...NOTHING,
      phase: trialPhase(d.status, because),
      because,
      scale: nothingMoves ? new Map() : podsWanted(t, station),
      firstPods: nothingMoves ? 0 : podsOfNew(t, station),
      select: selections(t, isSteppingBack ? 4 : station, hold !== undefined),
      // Of a revision that took over and was superseded before it was stable.
      scaleDownAt: delays(w, withUsers(w), longestDelay(w)),
      runs,
      // On lists that are older than a run its station seems to be yet to come.
      endRuns: obsoleteRuns(w, analysesAhead(t)),
      wakeAt: earliest(fromTime(d.status.pause?.until), gateWake(gate)),
    },
    gates: gate ? [gate] : [],
    complete: !hold && station === 6,
    waitsForPods,
    blocked,
  };
}

/**
 * Users of a revision none of whose pods answers go home, where stable stands by, and are had back when all are available. It is
 * measured anew then: an analysis that went on meanwhile would have seen stable's users. A verdict that is there counts.
 * @returns whether this pass decided so; it has to be stored before users are moved
 */
function stepBackWhereLost(w: World, d: Draft, blueGreen: BlueGreenStrategy): boolean {
  const { status } = d;
  if ((status.step?.index ?? 0) < 4 || !isLost(w, blueGreen)) return false;
  if (readRun(w, currentRunName(w, status, 'postPromotion'))?.verdict === 'Abort') return false;
  setStep(w, status, 3, STATIONS);
  // One that comes and goes has the deadline of its first switch.
  if (status.step && status.switchedAt !== undefined) status.step = { ...status.step, startedAt: status.switchedAt };
  status.attempt = (status.attempt ?? 1) + 1;
  delete status.analysis;
  delete status.pause;
  return true;
}

function isLost(w: World, { activeService }: BlueGreenStrategy): boolean {
  const active = w.service(activeService);
  const isEmpty = active?.selects === w.hash && active.ready === 0 && (w.newSet?.ready ?? 0) === 0;
  return isEmpty && w.replicas > 0 && (w.stableSet?.ready ?? 0) > 0;
}

/** While there still is no data, its run says of which metric. */
function stillOverdue(t: Trial): Because | undefined {
  const run = t.overdue && wantedRun(t, (t.d.status.step?.index ?? 0) as Station);
  const gate = run && readRun(t.w, run.name);
  return gate?.verdict === 'Inconclusive' ? gate.because : t.overdue;
}

/** By kind: the one before the switch may become the one after it. */
function gatesOf({ prePromotionAnalysis, postPromotionAnalysis }: BlueGreenStrategy, fast: boolean): unknown[] {
  if (fast) return [];
  return [
    ...(prePromotionAnalysis ? [{ prePromotionAnalysis }] : []),
    ...(postPromotionAnalysis ? [{ postPromotionAnalysis }] : []),
  ];
}

/** Analyses that this trial runs now or has still to run. */
function analysesAhead(t: Trial): WantedRun[] {
  const station = t.d.status.step?.index ?? 0;
  return ([1, 5] as const).flatMap(at => (station <= at ? (wantedRun(t, at) ?? []) : []));
}

/**
 * Passes every station that is done; a station that is passed is stored before the next one acts on the world. A promote
 * takes a person past one station that waits, not past the next one as well.
 */
function advance(t: Trial): Station {
  let station = (t.d.status.step?.index ?? 0) as Station;
  let { promote } = t;
  while (station < 6) {
    const done = isDone(t, station);
    if (!done && !(promote && canBePromotedPast(t, station))) break;
    if (!done) promote = false;
    station = (station + 1) as Station;
    setStep(t.w, t.d.status, station, STATIONS);
    delete t.d.status.pause;
    if (station === 5) t.d.status.switchedAt ??= toTime(t.w.now);
  }
  return station;
}

function previewPods(t: Trial): number {
  return t.full ? t.w.replicas : Math.min(t.blueGreen.previewReplicaCount ?? t.w.replicas, t.w.replicas);
}

function isDone(t: Trial, station: Station): boolean {
  const { w, blueGreen, full } = t;
  const available = w.newSet?.available ?? 0;
  switch (station) {
    case 0:
      return available >= previewPods(t) && (full || previewReady(t));
    case 1:
      return full || !blueGreen.prePromotionAnalysis || passed(t, 'prePromotion');
    case 2:
      return full || waitOver(t);
    case 3:
      return available >= w.replicas && (w.newSet?.spec ?? 0) >= w.replicas;
    case 4: {
      const active = w.service(blueGreen.activeService);
      return (
        active?.selects === w.hash &&
        active.readyOf(w.newSet?.name) >= Math.min(w.replicas, enoughToCarryAll(w.replicas))
      );
    }
    default:
      return isWhole(t) && (full || !blueGreen.postPromotionAnalysis || passed(t, 'postPromotion'));
  }
}

/** All users are on the new revision, and it has all its pods: what becomes stable has to carry them from now on. */
function isWhole(t: Trial): boolean {
  return isDone(t, 3) && isDone(t, 4);
}

function canBePromotedPast(t: Trial, station: Station): boolean {
  if (station === 2) return t.overdue === undefined;
  if (station === 1) return inconclusive(t, 'prePromotion');
  return station === 5 && isWhole(t) && inconclusive(t, 'postPromotion');
}

function previewReady(t: Trial): boolean {
  const { w, blueGreen } = t;
  const preview = w.service(blueGreen.previewService);
  return !preview || w.replicas === 0 || (preview.selects === w.hash && preview.readyOf(w.newSet?.name) > 0);
}

function passed(t: Trial, kind: 'prePromotion' | 'postPromotion'): boolean {
  return readRun(t.w, currentRunName(t.w, t.d.status, kind))?.verdict === 'Passed';
}

function inconclusive(t: Trial, kind: 'prePromotion' | 'postPromotion'): boolean {
  const verdict = readRun(t.w, currentRunName(t.w, t.d.status, kind))?.verdict;
  return verdict === 'Inconclusive' || (verdict === 'Hold' && t.overdue !== undefined);
}

/** The wait for promotion begins when its station does. */
function waitOver(t: Trial): boolean {
  if (t.blueGreen.autoPromotionEnabled === false) return false;
  const end = waitEnd(t);
  return end === undefined || end <= t.w.now;
}

function waitEnd(t: Trial): number | undefined {
  const seconds = t.blueGreen.autoPromotionSeconds ?? 0;
  const since = fromTime(t.d.status.step?.startedAt) ?? t.w.now;
  return seconds > 0 ? since + seconds * 1000 : undefined;
}

function wantedRun(t: Trial, station: Station): WantedRun | undefined {
  const { w, d, blueGreen, full } = t;
  if (full) return undefined;
  if (station === 1 && blueGreen.prePromotionAnalysis)
    return {
      name: currentRunName(w, d.status, 'prePromotion'),
      kind: 'prePromotion',
      use: blueGreen.prePromotionAnalysis,
    };
  if (station === 5 && blueGreen.postPromotionAnalysis)
    return {
      name: currentRunName(w, d.status, 'postPromotion'),
      kind: 'postPromotion',
      use: blueGreen.postPromotionAnalysis,
    };
  return undefined;
}

function podsOfNew(t: Trial, station: Station): number {
  if (station >= 3 || t.full) return t.w.replicas;
  // Its users were sent home just now, and clients may be slow to hear of it.
  const had = t.d.status.switchedAt === undefined ? 0 : Math.min(t.w.newSet?.spec ?? 0, t.w.replicas);
  return Math.max(previewPods(t), had);
}

/** Sets of neither revision that the active Service still leads to. */
const withUsers = (w: World) => w.olderSets.filter(set => set.spec > 0 && hasUsers(w, set));

function podsWanted(t: Trial, station: Station): Map<string, number> {
  const { w } = t;
  const scale = new Map<string, number>();
  if (w.newSet) scale.set(w.newSet.name, podsOfNew(t, station));
  if (w.stableSet) scale.set(w.stableSet.name, w.replicas);
  for (const set of w.olderSets) if (!hasUsers(w, set) && mayLeave(w, set)) scale.set(set.name, 0);
  return scale;
}

function selections(t: Trial, station: Station, held: boolean): Map<string, string> {
  const { w, blueGreen } = t;
  const select = new Map<string, string>();
  const stableHash = w.stable?.podTemplateHash ?? w.hash;
  if (blueGreen.previewService !== undefined && (w.newSet?.ready ?? 0) > 0)
    select.set(blueGreen.previewService, w.hash);
  // A hold freezes the switch where it is: a pause must not move users.
  const moved = w.service(blueGreen.activeService)?.selects === w.hash;
  const switched = station > 4 || (station === 4 && (moved || !held));
  select.set(blueGreen.activeService, switched ? w.hash : stableHash);
  return select;
}

function waitReason(t: Trial, station: Station, gate: GateReading | undefined): Because {
  const { w, blueGreen } = t;
  const available = w.newSet?.available ?? 0;
  const pods = station >= 3 ? w.replicas : previewPods(t);
  if (available < pods)
    return {
      reason: 'WaitingForPods',
      message: `${available} of ${pods} pods of the new revision are available${podTrouble(w)}`,
    };
  if (station === 0)
    return {
      reason: 'WaitingForEndpoints',
      message: `waiting for Service ${blueGreen.previewService ?? ''} to reach the new pods`,
    };
  if (station === 1 || station === 5) {
    if (gate && gate.verdict !== 'Passed') return gate.because;
    const run = wantedRun(t, station);
    if (station === 5 && (gate || !run))
      return {
        reason: 'WaitingForEndpoints',
        message: `waiting for Service ${blueGreen.activeService} to reach the new pods`,
      };
    const running: Because = {
      reason: station === 1 ? 'GateRunning' : 'PostPromotionAnalysis',
      message: `${STATIONS[station]} is running`,
    };
    return run ? (refusedRun(w, run) ?? running) : running;
  }
  if (station === 2)
    return blueGreen.autoPromotionEnabled === false
      ? { reason: 'AwaitingPromotion', message: 'the new revision is ready and waits to be promoted' }
      : {
          reason: 'AutoPromotionDelay',
          message: `the new revision is ready and takes over after ${blueGreen.autoPromotionSeconds ?? 0}s`,
        };
  return { reason: 'Promoting', message: `Service ${blueGreen.activeService} moves to the new revision` };
}

function notePause(
  t: Trial,
  station: Station,
  because: Because,
  gate: GateReading | undefined,
  promotes: boolean,
): void {
  const { w, d } = t;
  if (because.reason === 'PausedBySpec' || because.reason === 'PausedByCommand') setPause(w, d, because.reason);
  else if (gate?.verdict === 'Inconclusive') setPause(w, d, gate.because.reason);
  else if (station === 2 && because.reason === 'AwaitingPromotion') setPause(w, d, 'AwaitingPromotion');
  else if (station === 2 && because.reason === 'AutoPromotionDelay') setPause(w, d, 'AutoPromotionDelay', waitEnd(t));
  // Neither what is mended meanwhile nor data that comes back ends a wait that a person was told of.
  else if (because.reason === 'NoDataDeadline' || (t.overdue && !promotes)) setPause(w, d, 'NoDataDeadline');
  else if (station === 2 && d.status.pause?.reason === 'AwaitingPromotion' && !waitOver(t)) return;
  else delete d.status.pause;
}
