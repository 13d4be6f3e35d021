import type { CanaryStep } from '../api/rollout-steps.ts';
import { fromTime } from '../api/time.ts';
import { pauseEnd } from './canary-steps.ts';
import { type CanaryView, isOver } from './canary-view.ts';
import type { Because } from './decision.ts';
import type { GateReading } from './gate.ts';
import { podTrouble } from './pod-trouble.ts';
import { stepRunName } from './run-names.ts';
import { refusedRun } from './runs.ts';
import { setPause } from './trial.ts';

/** What the analyses say so far. */
export interface GatesSoFar {
  /** That of the step itself. */
  readonly stepGate: GateReading | undefined;
  /** The background analysis has not passed once, or nothing good is known of it now. */
  readonly unmeasured: boolean;
  /** The background analysis has said nothing yet. */
  readonly unanswered: boolean;
}

/** What the trial waits for, first things first. */
export function waitReason(t: CanaryView, index: number, desired: number, pods: number, gates: GatesSoFar): Because {
  const { stepGate, unmeasured } = gates;
  const { w, d, steps, actual } = t;
  const available = w.newSet?.available ?? 0;
  const promoting = index >= steps.length;
  const untilMeasured: Because = {
    reason: 'GateRunning',
    message: 'waits for the background analysis to pass at the weight of now',
  };
  // Without a router more pods are more users.
  const spec = w.newSet?.spec ?? 0;
  if (!w.router && unmeasured && actual > 0 && spec < pods && available >= spec) return untilMeasured;
  if (!w.newSet || w.newSet.spec < pods || available < pods) {
    const why = podTrouble(w);
    return { reason: 'WaitingForPods', message: `${available} of ${pods} canary pods are available${why}` };
  }
  if (w.router) {
    const { state } = w.router;
    const why = state.kind === 'weights' && !state.accepted ? (state.why ?? '') : undefined;
    if (why !== undefined && state.kind === 'weights' && state.rejected)
      return { reason: 'RouteNotAccepted', message: why };
    const service = w.service(t.canary.canaryService);
    // The canary Service does not move before: order.ts.
    if (why !== undefined && service?.selects !== w.hash) return { reason: 'ShiftingTraffic', message: why };
    if (actual > 0 && service?.selects !== undefined && service.selects !== w.hash)
      return { reason: 'ShiftingTraffic', message: `weight ${actual} of another revision returns to stable first` };
    const ready = service?.readyOf(w.newSet.name) ?? 0;
    if (desired > actual && ready < pods)
      return {
        reason: 'WaitingForEndpoints',
        message: `${ready} of ${pods} canary pods are ready behind Service ${t.canary.canaryService}`,
      };
    if (unmeasured && actual > 0 && desired > actual) return untilMeasured;
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
  if (step?.pause && !isHeldByGate(t, step, gates))
    return step.pause.duration === undefined
      ? { reason: 'PauseStep', message: `waits at weight ${desired} until promoted` }
      : { reason: 'PauseStep', message: `pauses for ${step.pause.duration} at weight ${desired}` };
  const refused = step?.analysis && !stepGate && refusedRun(w, { name: stepRunName(w, d.status, index) });
  if (refused) return refused;
  if (step?.analysis)
    return stepGate && stepGate.verdict !== 'Passed'
      ? stepGate.because
      : { reason: 'GateRunning', message: 'the analysis of this step begins' };
  if (unmeasured) return { reason: 'GateRunning', message: 'waits for a good answer of the background analysis' };
  return { reason: 'ScalingCanary', message: `scaling the canary to ${pods} pods` };
}

/** A pause is over and the gate is not; or a person is not to be asked before there is anything to look at. */
function isHeldByGate(t: CanaryView, step: CanaryStep, { unmeasured, unanswered }: GatesSoFar): boolean {
  return step.pause?.duration === undefined ? unanswered : unmeasured && isOver(t, step);
}

/** Says in status that the trial pauses, for a while or for a person. */
export function notePause(
  t: CanaryView,
  index: number,
  because: Because,
  gate: GateReading | undefined,
  stepGate: GateReading | undefined,
  promotes: boolean,
): void {
  const { w, d, steps } = t;
  const inconclusive = [gate, stepGate].find(g => g?.verdict === 'Inconclusive');
  const step = steps[index];
  if (because.reason === 'PausedBySpec' || because.reason === 'PausedByCommand') setPause(w, d, because.reason);
  else if (because.reason === 'NoDataDeadline') setPause(w, d, because.reason);
  else if (inconclusive && !promotes) setPause(w, d, inconclusive.because.reason);
  else if (because.reason === 'PauseStep' && step?.pause)
    setPause(w, d, 'PauseStep', pauseEnd(step, fromTime(d.status.step?.startedAt) ?? w.now));
  // Neither what is mended meanwhile nor data that comes back ends a wait that a person was told of.
  else if (d.status.pause?.reason === 'NoDataDeadline' && !t.full && !promotes) return;
  else if (d.status.pause?.reason === 'PauseStep' && step?.pause && step.pause.duration === undefined) return;
  else delete d.status.pause;
}
