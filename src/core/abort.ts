import type { AbortCause, RolloutReason } from '../api/reasons.ts';
import type { Evidence } from '../api/rollout-status.ts';
import { toTime } from '../api/time.ts';
import { actualWeight } from './actual-weight.ts';
import type { CommandEffect } from './command.ts';
import type { Draft } from './draft.ts';
import { seenPods } from './inspection.ts';
import type { Mode } from './mode.ts';
import { STATIONS } from './step-names.ts';
import { deadlineAt, endDelivery } from './trial.ts';
import type { TrialPlan } from './trial-plan.ts';
import type { World } from './world.ts';

const DEFAULT_RESTART_LIMIT = 3;
const KEPT_QUARANTINE = 20;

export interface AbortCall {
  readonly cause: AbortCause;
  readonly reason: RolloutReason;
  readonly message: string;
  readonly evidence?: Evidence;
}

/** What ends a trial now, if anything does. All of it can be derived again from stored objects and the clock. */
export function findAbort(w: World, d: Draft, plan: TrialPlan, effect: CommandEffect): AbortCall | undefined {
  if (effect.abort) {
    const by = w.command?.by ? ` by ${w.command.by}` : '';
    return { cause: 'AbortedByCommand', reason: 'AbortedByCommand', message: `aborted by command${by}` };
  }
  for (const gate of plan.gates)
    if (gate.verdict === 'Abort')
      return { cause: gate.cause, reason: gate.because.reason, message: gate.because.message, evidence: gate.evidence };
  const crash = crashLoop(w, d);
  if (crash) return { cause: 'CanaryCrashLooping', reason: 'CanaryCrashLooping', message: crash };
  // What is missing is not the revision's fault: it is blamed only when users are behind it.
  const waits = plan.waitsForPods || (plan.blocked && isServing(w));
  if (waits && w.now >= deadlineAt(w, d.status) && w.spec.progressDeadlineAbort !== false)
    return {
      cause: 'ProgressDeadlineExceeded',
      reason: 'ProgressDeadlineExceeded',
      message: `no progress for ${w.spec.progressDeadlineSeconds ?? 600}s: ${plan.intent.because.message}`,
    };
  return undefined;
}

/** Users may reach the revision on trial. */
function isServing(w: World): boolean {
  return actualWeight(w) > 0;
}

function crashLoop(w: World, d: Draft): string | undefined {
  const limit = w.spec.canaryRestartLimit ?? DEFAULT_RESTART_LIMIT;
  const [worst] = [...seenPods(w, d.status)].sort((a, b) => b.restarts - a.restarts);
  if (!worst || worst.restarts <= limit) return undefined;
  const why = worst.waiting ? ` (${worst.waiting})` : '';
  return `pod ${worst.name} restarted ${worst.restarts} times${why}, ${limit} allowed`;
}

/** Writes the verdict into the draft: abort, quarantine, history. The route follows in the same pass. */
export function recordAbort(w: World, d: Draft, call: AbortCall): void {
  const { status } = d;
  const ref = status.canary;
  if (!ref) return;
  const weight = Math.max(actualWeight(w), storedWeight(w, ref.podTemplateHash));
  const at = toTime(w.now);
  const { step } = status;
  status.abort = {
    cause: call.cause,
    reason: call.reason,
    message: call.message.slice(0, 2048),
    at,
    revision: ref.revision,
    podTemplateHash: ref.podTemplateHash,
    ...(step
      ? { step: `${Math.min(step.index + 1, step.total)}/${step.total} ${step.description}`.slice(0, 256) }
      : {}),
    weight,
    ...(ref.source ? { source: ref.source } : {}),
    ...(call.evidence ? { evidence: call.evidence } : {}),
  };
  const entry = {
    podTemplateHash: ref.podTemplateHash,
    revision: ref.revision,
    reason: call.cause,
    at,
    ...(ref.source ? { source: ref.source } : {}),
  };
  const others = (status.quarantine ?? []).filter(q => q.podTemplateHash !== ref.podTemplateHash);
  status.quarantine = [...others, entry].slice(-KEPT_QUARANTINE);
  endDelivery(w, d, ref, 'Aborted', {
    reason: call.cause,
    message: call.message.slice(0, 1024),
    weightReached: weight,
  });
  delete status.pause;
  delete status.promoteFull;
  delete status.progress;
}

/** A pass that died behind its first write has taken the traffic back already: what users had is in the status. */
function storedWeight(w: World, hash: string): number {
  const { canary, weights, switchedAt, step } = w.stored ?? {};
  if (canary?.podTemplateHash !== hash) return 0;
  // A trial that Git gave other gates has begun again, and its users were sent home.
  const isSwitched = switchedAt !== undefined && (step?.index ?? 0) > STATIONS.indexOf('switch');
  return w.spec.strategy.blueGreen && isSwitched ? 100 : (weights?.actualCanary ?? 0);
}

/** A mode that can be aborted. */
export function isOnTrial(mode: Mode): boolean {
  return mode === 'Trial' || mode === 'FastTrack';
}
