import type { RolloutPhase } from '../api/reasons.ts';
import type { RolloutStatus } from '../api/rollout-status.ts';
import type { Because } from './decision.ts';

/** A pause that only a person ends. */
export function isForPerson(status: RolloutStatus): boolean {
  return status.pause !== undefined && status.pause.until === undefined;
}

/** Data that comes back after its deadline does not end the pause for a person that the deadline began. */
export function overdueData({ pause }: RolloutStatus): Because | undefined {
  if (pause?.reason !== 'NoDataDeadline') return undefined;
  return { reason: 'NoDataDeadline', message: 'there was no data until the deadline; promote or abort' };
}

/** Paused while a person is all that a trial waits for; what is mended meanwhile is progress, though the pause goes on. */
export function trialPhase(status: RolloutStatus, { reason }: Because): RolloutPhase {
  return isForPerson(status) && status.pause?.reason === reason ? 'Paused' : 'Progressing';
}
