import type { RolloutReason } from '../api/reasons.ts';
import type { Delivery, DeliveryOutcome, RolloutStatus } from '../api/rollout-status.ts';
import { fromTime, toTime } from '../api/time.ts';
import type { Draft } from './draft.ts';
import { viewRun } from './gate.ts';
import { documentHash } from './revision-hash.ts';
import { desiredRevision } from './revisions.ts';
import type { World } from './world.ts';

const KEPT_DELIVERIES = 10;
const DEFAULT_DEADLINE_S = 600;

/**
 * Opens the trial of a new revision, or goes on with the one that is open. A new hash starts everything anew.
 * @param gates the analyses that are declared beside the steps
 * @returns whether Git has given the open trial other steps or gates
 */
export function openTrial(w: World, d: Draft, steps: readonly unknown[], gates: readonly unknown[]): boolean {
  const { status } = d;
  const ref = desiredRevision(w);
  const open = status.canary?.podTemplateHash === w.hash && status.trialStartedAt !== undefined;
  if (!open) {
    const retried = status.canary?.podTemplateHash === w.hash;
    if (retried) clearTrial(status);
    else supersede(w, d);
    if (!retried) delete status.attempt;
    status.trialStartedAt = toTime(w.now);
    status.attempt ??= 1;
  }
  status.canary = ref;
  const stepsHash = documentHash(gates.length === 0 ? steps : { steps, gates });
  if (status.step?.stepsHash === stepsHash) return false;
  // Other steps, other gates: what an earlier step measured must not count for a new one of the same number.
  const isOther = open && status.step !== undefined;
  if (isOther) {
    status.attempt = (status.attempt ?? 1) + 1;
    delete status.analysis;
    delete status.pause;
  }
  setStep(w, status, 0, steps, stepsHash);
  return isOther;
}

/** Ends the trial of a template that Git no longer declares. One that was aborted has ended already. */
export function supersede(w: World, d: Draft): void {
  const { canary, abort } = d.status;
  if (canary && !abort) endDelivery(w, d, canary, 'Superseded');
  clearTrial(d.status);
}

/** Forgets what belongs to one trial; stable, history and quarantine stay. */
export function clearTrial(status: RolloutStatus): void {
  delete status.canary;
  delete status.step;
  delete status.pause;
  delete status.promoteFull;
  delete status.switchedAt;
  delete status.abort;
  delete status.analysis;
  delete status.trialStartedAt;
  delete status.progress;
}

/** Moves to a step and starts its clock. Index `total` is the promotion. */
export function setStep(
  w: World,
  status: RolloutStatus,
  index: number,
  steps: readonly unknown[],
  hash?: string,
): void {
  status.step = {
    index,
    total: steps.length,
    description: describeStep(steps[index]),
    startedAt: toTime(w.now),
    stepsHash: hash ?? status.step?.stepsHash ?? documentHash(steps),
  };
}

/** A step in a few words: "setWeight 20", "pause 2m". */
export function describeStep(step: unknown): string {
  if (typeof step === 'string') return step;
  if (typeof step !== 'object' || step === null) return 'promote';
  const [[kind, value] = ['promote', undefined]] = Object.entries(step);
  if (kind === 'pause') {
    const duration = (value as { duration?: unknown } | undefined)?.duration;
    return duration === undefined
      ? 'pause until promoted'
      : `pause ${typeof duration === 'number' ? `${duration}s` : duration}`;
  }
  if (kind === 'analysis') {
    const names = (value as { templates: { templateName: string }[] }).templates.map(t => t.templateName);
    return `analysis ${names.join(', ')}`.slice(0, 256);
  }
  if (kind === 'setCanaryScale') {
    const scale = value as Record<string, unknown>;
    return `setCanaryScale ${Object.entries(scale)
      .map(([k, v]) => `${k} ${v}`)
      .join(' ')}`;
  }
  return `${kind} ${String(value)}`;
}

/** Notes how a delivery ended, newest first. The history outlives events. */
export function endDelivery(
  w: World,
  d: Draft,
  ref: NonNullable<RolloutStatus['canary']>,
  outcome: DeliveryOutcome,
  extra: Partial<Pick<Delivery, 'reason' | 'message' | 'promotedBy' | 'weightReached'>> = {},
): void {
  const { attempt = 1 } = d.status;
  const verdicts = w.snapshot.analysisRuns
    .filter(run => run.metadata.name.startsWith(`${w.name}-${ref.podTemplateHash}-${ref.revision}-${attempt}-`))
    .flatMap(run => viewRun(run) ?? [])
    // As they were begun: the order in which a cache holds them is that of their names after a restart.
    .sort((a, b) => a.startedAt - b.startedAt || (a.target.name < b.target.name ? -1 : 1))
    .flatMap(run => run.summary ?? []);
  const delivery: Delivery = {
    revision: ref.revision,
    podTemplateHash: ref.podTemplateHash,
    ...(ref.source ? { source: ref.source } : {}),
    ...(ref.images ? { images: ref.images } : {}),
    outcome,
    ...(verdicts.length > 0 ? { verdicts: verdicts.slice(0, 20).map(v => v.slice(0, 512)) } : {}),
    ...(d.status.trialStartedAt ? { startedAt: d.status.trialStartedAt } : {}),
    endedAt: toTime(w.now),
    ...extra,
  };
  d.status.history = [delivery, ...(d.status.history ?? [])].slice(0, KEPT_DELIVERIES);
}

/** Says that the rollout waits on purpose. The clock of a pause starts once. */
export function setPause(w: World, d: Draft, reason: RolloutReason, until?: number): void {
  const same = d.status.pause?.reason === reason;
  d.status.pause = {
    reason,
    startedAt: same && d.status.pause ? d.status.pause.startedAt : toTime(w.now),
    ...(until !== undefined ? { until: toTime(until) } : {}),
  };
}

/** A wait that begins after this long without one is a new wait, not flapping. */
const CALM_MS = 60_000;

/**
 * The clock of the progress deadline: restarts when the revision, the step or the end of a pause does, when more pods
 * are available than ever before, when something that was missing is there, and when a wait begins after a minute of
 * calm. Flapping readiness does not refresh it.
 *
 * @param waiting whether the rollout waits for pods or traffic now
 * @param blocked whether something that it needs is not there
 */
export function trackProgress(w: World, d: Draft, waiting: boolean, blocked = false): void {
  const available = w.newSet?.available ?? 0;
  const before = d.status.progress?.podTemplateHash === w.hash ? d.status.progress : undefined;
  const calmSince = fromTime(before?.calmSince);
  const disturbed = waiting && w.stored?.display?.reason === 'PauseStep';
  const resumed = w.stored?.pause !== undefined && (d.status.pause === undefined || disturbed);
  const unblocked = before?.blocked === true && !blocked;
  const calmed = (waiting || blocked) && calmSince !== undefined && w.now - calmSince >= CALM_MS;
  const restarts = !before || available > before.available || resumed || unblocked || calmed;
  d.status.progress = {
    at: restarts ? toTime(w.now) : before.at,
    podTemplateHash: w.hash,
    available: Math.max(available, before?.available ?? 0),
    ...(blocked ? { blocked } : {}),
    ...(waiting || blocked ? {} : { calmSince: before?.calmSince ?? toTime(w.now) }),
  };
}

/** When the progress deadline ends, epoch milliseconds. */
export function deadlineAt(w: World, status: RolloutStatus): number {
  const starts = [status.progress?.at, status.step?.startedAt, status.trialStartedAt].map(fromTime);
  const latest = Math.max(0, ...starts.filter(start => start !== undefined));
  return latest + (w.spec.progressDeadlineSeconds ?? DEFAULT_DEADLINE_S) * 1000;
}
