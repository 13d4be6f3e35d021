import type { RolloutStatus } from '../api/rollout-status.ts';
import { toTime } from '../api/time.ts';

/**
 * Keeps since when a Rollout is in trouble: the way back to health may lead over other phases, and its end is to be told
 * all the same.
 * @param now epoch milliseconds
 */
export function trackTrouble(status: RolloutStatus, now: number): void {
  const { phase } = status;
  const isTrouble =
    phase === 'Aborted' || phase === 'Degraded' || phase === 'Invalid' || status.display?.reason === 'StableLost';
  if (phase === 'Healthy') delete status.troubledSince;
  else if (isTrouble) status.troubledSince ??= toTime(now);
}
