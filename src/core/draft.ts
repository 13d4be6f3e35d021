import type { RolloutStatus } from '../api/rollout-status.ts';
import type { Action, Fact } from './decision.ts';
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
  const status: RolloutStatus = w.stored ? structuredClone(w.stored) : { phase: 'Progressing' };
  return { actions: [], facts: [], wakes: [], status };
}
