import type { RolloutStatus } from '../api/rollout-status.ts';

/** A pause that only a person ends. */
export function isForPerson(status: RolloutStatus): boolean {
  return status.pause !== undefined && status.pause.until === undefined;
}
