import { earliest, toTime } from '../api/time.ts';
import { type AbortCall, findAbort, isOnTrial, recordAbort } from './abort.ts';
import { planBlueGreenTrial } from './blue-green-trial.ts';
import { planCanaryTrial } from './canary-trial.ts';
import { applyCommand, type CommandEffect } from './command.ts';
import type { Action, Decision } from './decision.ts';
import { type Draft, newDraft } from './draft.ts';
import { factsBetween } from './facts.ts';
import { collectGarbage } from './garbage.ts';
import { planIdle } from './idle.ts';
import { inspectPods } from './inspection.ts';
import type { Intent } from './intent.ts';
import { NOTHING } from './intent.ts';
import { invalidDecision } from './invalid.ts';
import { type Mode, modeOf } from './mode.ts';
import { updateNotices } from './notices.ts';
import { orderActions } from './order.ts';
import { noteProblems } from './problems.ts';
import { desiredRevision } from './revisions.ts';
import { lookAgainAt } from './route-conflict.ts';
import { driveRuns } from './runs.ts';
import { copyJson } from './same-json.ts';
import { laterThanPromoted, noteScaleDowns } from './scale-downs.ts';
import { planAborted, planFirstDeploy, planSteady } from './settle.ts';
import type { Snapshot } from './snapshot.ts';
import { readSpec, readStatus } from './spec-reader.ts';
import { reportStatus } from './status-report.ts';
import { statusWaitMs } from './status-urgency.ts';
import { releaseDeparted } from './steered.ts';
import { stepNamesOf } from './step-names.ts';
import { clearTrial, deadlineAt, endDelivery } from './trial.ts';
import type { TrialPlan } from './trial-plan.ts';
import { interpret, type World } from './world.ts';

/*
 * What a Rollout does next. First row that applies:
 *
 *   | seen                                        | then                                                          |
 *   |---------------------------------------------|---------------------------------------------------------------|
 *   | being deleted                               | nothing: the garbage collector takes what it owns             |
 *   | spec that cannot be read                    | Invalid; the world stays as it is                             |
 *   | no revision was ever stable                 | first deploy: all pods, no steps; stable once it serves       |
 *   | template = stable                           | steady: traffic at rest, pods = replicas, old sets leave      |
 *   | template aborted, or in quarantine          | aborted: traffic on stable, pods frozen, then gone            |
 *   | no replicas wanted                          | at rest, no pods; the trial begins when there are replicas    |
 *   | trial, and a reason to abort                | recorded with evidence, then as aborted, in the same pass     |
 *   | trial, everything done                      | promoted: this template is stable from the next pass on       |
 *   | trial, else                                 | the strategy's next moves                                     |
 *
 * Pure and total: no clock, no I/O, no exception for any stored input.
 */
export function decide(snapshot: Snapshot, now: number): Decision {
  const decision = decideOnce(snapshot, now);
  return atRestAtOnce(snapshot, decision, now) ?? decision;
}

/** A first revision that has become available is at rest as well: one status tells both when nothing is left to do. */
function atRestAtOnce(snapshot: Snapshot, first: Decision, now: number): Decision | undefined {
  const { status, actions, because } = first;
  if (because.reason !== 'Promoting' || !status?.stable || actions.length > 0) return undefined;
  if (readStatus(snapshot.rollout)?.stable) return undefined;
  const next = decideOnce({ ...snapshot, rollout: { ...snapshot.rollout, status } }, now);
  if (next.actions.length > 0) return undefined;
  return { ...next, facts: [...first.facts, ...next.facts], statusWaitMs: 0 };
}

function decideOnce(snapshot: Snapshot, now: number): Decision {
  if (snapshot.rollout.metadata.deletionTimestamp !== undefined)
    return {
      actions: [],
      status: undefined,
      statusWaitMs: 0,
      facts: [],
      wakeAt: undefined,
      because: { reason: 'Healthy', message: 'being deleted' },
    };
  const reading = readSpec(snapshot.rollout);
  if (!reading.ok) return invalidDecision(snapshot, reading.issues, now);

  const w = interpret(snapshot, reading.spec, now);
  const d = newDraft(w);
  const effect = applyCommand(w, d);
  const { mode, intent } = plan(w, d, effect);
  d.actions.push(
    ...releaseDeparted(w, d),
    ...orderActions(w, d, intent),
    ...driveRuns(w, d, intent),
    ...inspectPods(w, d, mode),
    ...collectGarbage(w, d, intent),
  );
  noteScaleDowns(w, d, intent);
  if (snapshot.rivals.length > 0) d.wakes.push(lookAgainAt(w));
  const shown = noteProblems(w, d, intent);
  reportStatus(w, d, mode, shown);
  const stepNames = stepNamesOf(w);
  const facts = factsBetween(w.stored, d.status, {
    actions: d.actions,
    stepNames,
    sizedBySteps: new Set(mode === 'Trial' ? [w.newSet?.name ?? '', w.stableSet?.name ?? ''] : []),
    recentConflicts: snapshot.routeConflicts,
  });
  const serving = w.sets.find(set => set.hash === d.status.stable?.podTemplateHash);
  updateNotices({ snapshot, now, pods: `${serving?.ready ?? 0}/${w.replicas} pods ready` }, d.status, facts);
  // Without members that are undefined: an unchanged world gives an unchanged document.
  const status = copyJson(d.status);
  return {
    actions: d.actions,
    status,
    statusWaitMs: statusWaitMs(w.stored, status, stepNames, d.actions.some(isWrite)),
    facts,
    wakeAt: earliest(shown.wakeAt, ...d.wakes),
    because: shown.because,
  };
}

const isWrite = ({ type }: Action) => type !== 'TakeSample' && type !== 'InspectPods';

interface Planned {
  readonly mode: Mode;
  readonly intent: Intent;
}

function plan(w: World, d: Draft, effect: CommandEffect): Planned {
  const mode = modeOf(w, d.status);
  if (mode === 'Steady') return { mode, intent: planSteady(w, d) };
  if (mode === 'Aborted') return { mode, intent: planAborted(w, d) };
  if (mode === 'Idle') return { mode, intent: planIdle(w, d) };
  if (mode === 'FirstDeploy') {
    const { intent, complete } = planFirstDeploy(w, d);
    return { mode, intent: complete ? promote(w, d, 'FirstDeploy') : intent };
  }
  return planTrial(w, d, effect, mode);
}

function planTrial(w: World, d: Draft, effect: CommandEffect, mode: Mode): Planned {
  const planOf = w.spec.strategy.blueGreen ? planBlueGreenTrial : planCanaryTrial;
  const trial = planOf(w, d, effect, mode === 'FastTrack');
  const call = isOnTrial(mode) ? findAbort(w, d, trial, effect) : undefined;
  if (call) return abort(w, d, call);
  if (trial.complete)
    return { mode, intent: promote(w, d, mode === 'FastTrack' || d.status.promoteFull ? 'FastPromoted' : 'Promoted') };
  return { mode, intent: withDeadline(w, d, trial) };
}

function abort(w: World, d: Draft, call: AbortCall): Planned {
  // A step that would have been passed in this very pass was not: the verdict belongs to the step that served.
  const { step, canary } = w.stored ?? {};
  if (step && canary?.podTemplateHash === w.hash && step.stepsHash === d.status.step?.stepsHash) d.status.step = step;
  recordAbort(w, d, call);
  return { mode: 'Aborted', intent: planAborted(w, d) };
}

/** Past the deadline with progressDeadlineAbort: false the trial goes on, and says so. */
function withDeadline(w: World, d: Draft, trial: TrialPlan): Intent {
  const { intent } = trial;
  if (!trial.waitsForPods && !trial.blocked) return intent;
  const at = deadlineAt(w, d.status);
  if (w.now < at) return { ...intent, wakeAt: earliest(intent.wakeAt, at) };
  return {
    ...intent,
    phase: 'Degraded',
    because: { reason: 'ProgressDeadlineExceeded', message: intent.because.message },
  };
}

/**
 * The template becomes the stable one. The status says so first, and when those leave that it takes over from; weights and
 * Services come to rest in later passes.
 */
function promote(w: World, d: Draft, outcome: 'FirstDeploy' | 'Promoted' | 'FastPromoted'): Intent {
  const ref = desiredRevision(w);
  const by = d.status.promoteFull?.by;
  endDelivery(w, d, ref, outcome, {
    ...(by ? { promotedBy: by } : {}),
    weightReached: outcome === 'FirstDeploy' ? 0 : (w.router?.max ?? 100),
  });
  clearTrial(d.status);
  delete d.status.attempt;
  d.status.stable = { ...ref, verifiedAt: toTime(w.now) };
  const message =
    outcome === 'FirstDeploy' ? 'the first revision is available' : `revision ${ref.revision} passed and takes over`;
  const old = w.sets.filter(set => set.hash !== w.hash);
  return {
    ...NOTHING,
    phase: 'Progressing',
    because: { reason: 'Promoting', message },
    scaleDownAt: laterThanPromoted(w, old),
  };
}
