import type { Condition, ConditionClaim } from '../api/conditions.ts';
import type { RolloutStatus } from '../api/rollout-status.ts';
import { fromTime, toTime } from '../api/time.ts';
import { actualWeight } from './actual-weight.ts';
import { weightAt } from './canary-steps.ts';
import { stablePods } from './carry.ts';
import { claims } from './conditions.ts';
import type { Because } from './decision.ts';
import type { Draft } from './draft.ts';
import { isFinished, viewRun } from './gate.ts';
import type { Intent } from './intent.ts';
import type { Mode } from './mode.ts';
import { desiredRevision } from './revisions.ts';
import { storedSelector } from './selector.ts';
import { trackTrouble } from './trouble.ts';
import type { World } from './world.ts';

/** Completes the draft's status from what was observed and decided. The one place where status is written. */
export function reportStatus(w: World, d: Draft, mode: Mode, intent: Intent): void {
  const { status } = d;
  const { generation } = w.snapshot.rollout.metadata;
  if (generation !== undefined) status.observedGeneration = generation;
  status.phase = intent.phase;
  status.desired = desiredRevision(w);
  delete status.desired.replicaSet;
  if (status.stable && w.stableSet) status.stable.replicaSet = w.stableSet.name;
  reportWeights(w, status, mode);
  if (w.malformedCommand === undefined) delete status.commandIssue;
  else status.commandIssue = w.malformedCommand.slice(0, 512);
  const ignored = w.malformedCommand === undefined ? '' : `; the command is ignored: ${w.malformedCommand}`;
  status.message = `${messageOf(w, status, mode, intent.because).slice(0, 3500)}${ignored}`;
  status.replicas = w.sets.reduce((sum, set) => sum + set.running, 0);
  status.updatedReplicas = w.newSet?.running ?? 0;
  status.readyReplicas = w.sets.reduce((sum, set) => sum + set.ready, 0);
  status.availableReplicas = w.sets.reduce((sum, set) => sum + set.available, 0);
  if (w.selectorIssue === undefined) status.selector = storedSelector(w.spec);
  status.display = displayOf(w, d, intent);
  trackTrouble(status, w.now);
  status.conditions = settle(w, status, claims(w, status, mode, intent.because));
}

function reportWeights(w: World, status: RolloutStatus, mode: Mode): void {
  const { canary } = w.spec.strategy;
  if (!canary) {
    delete status.weights;
    return;
  }
  const max = w.router?.max ?? 100;
  const index = status.step?.index ?? 0;
  const isFull = mode === 'FastTrack' || status.promoteFull?.podTemplateHash === w.hash;
  const asked = isFull ? max : mode === 'Trial' ? weightAt(canary.steps ?? [], index, max) : 0;
  const replicas = w.router && w.stable ? { replicas: stablePods(w) } : {};
  status.weights = { canary: asked, stable: max - asked, actualCanary: actualWeight(w), ...replicas };
}

function messageOf(w: World, status: RolloutStatus, mode: Mode, because: Because): string {
  if (mode === 'Aborted') {
    const left = actualWeight(w);
    const stable = `revision ${status.stable?.revision ?? '?'}`;
    const serves = w.spec.strategy.blueGreen
      ? left > 0
        ? `its users wait for enough ready pods of ${stable}`
        : `${stable} serves`
      : `${stable} serves${left > 0 ? `, and weight ${left} has not left the canary yet` : ''}`;
    return `revision ${status.desired?.revision ?? '?'} was aborted: ${because.message}; ${serves}`;
  }
  const { step, weights } = status;
  if ((mode === 'Trial' || mode === 'FastTrack') && step && step.total > 0) {
    const at = weights ? ` at ${percentOf(w, weights.actualCanary)}` : '';
    return `step ${Math.min(step.index + 1, step.total)}/${step.total}${at}: ${because.message}`;
  }
  return because.message;
}

function percentOf({ router }: World, weight: number): string {
  return `${Math.round((100 * weight) / (router?.max ?? 100))}%`;
}

/** Columns of `kubectl get rollouts`, ready to print. */
function displayOf(w: World, d: Draft, intent: Intent): NonNullable<RolloutStatus['display']> {
  const { step, weights, stable, canary, desired, pause } = d.status;
  const gates = w.snapshot.analysisRuns.flatMap(object => viewRun(object) ?? []).filter(run => !isFinished(run));
  const gate = gates.find(run => run.summary)?.summary;
  const next = nextOf(d, pause?.until);
  return {
    ...(step && canary && step.total > 0 ? { step: `${Math.min(step.index + 1, step.total)}/${step.total}` } : {}),
    ...(weights ? { weight: percentOf(w, weights.actualCanary) } : {}),
    ...(stable ? { stable: String(stable.revision) } : {}),
    ...(canary ? { canary: String(canary.revision) } : {}),
    reason: intent.because.reason,
    ...(gate ? { gate: gate.slice(0, 512) } : {}),
    ...(next ? { next } : {}),
    ready: `${d.status.readyReplicas ?? 0}/${w.replicas}`,
    ...(desired?.source?.revision ? { git: desired.source.revision } : {}),
  };
}

function nextOf(d: Draft, until: string | undefined): string | undefined {
  if (d.status.phase === 'Aborted') return 'change Git, or retry';
  if (until !== undefined) return `continues at ${until}`;
  if (d.status.pause?.reason === 'PausedByCommand') return 'resume';
  if (d.status.pause?.reason === 'PausedBySpec') return 'clear spec.paused in Git';
  return d.status.pause ? 'promote, or abort' : undefined;
}

/** Keeps the time of the last transition where nothing but the text changed. */
function settle(w: World, status: RolloutStatus, wanted: readonly ConditionClaim[]): Condition[] {
  const before = w.stored?.conditions ?? [];
  return wanted.map(claim => {
    const old = before.find(condition => condition.type === claim.type);
    const same = old?.status === claim.status && fromTime(old.lastTransitionTime) !== undefined;
    return {
      ...claim,
      ...(status.observedGeneration === undefined ? {} : { observedGeneration: status.observedGeneration }),
      lastTransitionTime: same && old ? old.lastTransitionTime : toTime(w.now),
    };
  });
}
