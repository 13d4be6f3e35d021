import type { RolloutStatus } from '../api/rollout-status.ts';
import { fromTime, isFromWrongClock, toTime } from '../api/time.ts';
import type { Action, Fact } from './decision.ts';
import { copyJson } from './same-json.ts';
import type { World } from './world.ts';

/** What a pass has put together so far. Local to one call of decide; nothing outlives it. */
export interface Draft {
  readonly actions: Action[];
  readonly facts: Fact[];
  readonly wakes: (number | undefined)[];
  status: RolloutStatus;
}

/** Starts from the stored status, so that what a phase does not touch stays as it is. */
export function newDraft(w: World): Draft {
  const status: RolloutStatus = w.stored ? copyJson(w.stored) : { phase: 'Progressing' };
  mendFutureTimes(status, w.now);
  return { actions: [], facts: [], wakes: [], status };
}

/** What began in the future begins now: a clock that was set back must not make a pause of a minute one of an hour. */
function mendFutureTimes(status: RolloutStatus, now: number): void {
  const mended = (time: string) => (isFromWrongClock(fromTime(time) ?? now, now) ? toTime(now) : time);
  const { step, progress, pause } = status;
  if (status.trialStartedAt) status.trialStartedAt = mended(status.trialStartedAt);
  if (status.switchedAt) status.switchedAt = mended(status.switchedAt);
  if (step) step.startedAt = mended(step.startedAt);
  if (pause) pause.startedAt = mended(pause.startedAt);
  if (progress) progress.at = mended(progress.at);
  if (progress?.calmSince) progress.calmSince = mended(progress.calmSince);
}
