import type { Decision, Fact } from '../core/decision.ts';
import { ApiError } from '../kube/errors.ts';
import { mergeDiff } from './merge-diff.ts';

/** What perhaps came about, and nobody was told of, since the answer to a write was lost. */
export interface Owed {
  /** Statuses, the Rollout's version that each was decided on. Several when the next tries got no answer either. */
  readonly statuses: readonly { readonly version: string | undefined; readonly decision: Decision }[];
  /** What tells of actions. */
  readonly facts: readonly Fact[];
}

export const NOTHING_OWED: Owed = { statuses: [], facts: [] };

/** Enough for tries in a row without an answer; what is older was decided anew long since. */
const KEPT = 5;

/** Whether a write that failed so may be done all the same. */
export function isAnswerLost(error: unknown): boolean {
  return error instanceof ApiError && error.mayHaveBeenApplied;
}

/** Takes in a status whose answer was lost. */
export function oweStatus(owed: Owed, version: string | undefined, decision: Decision): Owed {
  return { ...owed, statuses: [...owed.statuses.slice(1 - KEPT), { version, decision }] };
}

/** Takes in what tells of actions, one of which got no answer. */
export function oweActions({ statuses, facts }: Owed, decision: Decision): Owed {
  const reasons = new Set(facts.map(({ reason }) => reason));
  return { statuses, facts: [...facts, ...decision.facts.filter(fact => fact.ofAction && !reasons.has(fact.reason))] };
}

/** What is to be told now, and what is owed on. */
export interface Settled {
  /** The decision whose status was stored after all. */
  readonly stored: Decision | undefined;
  /** Of actions that were done after all. */
  readonly acted: readonly Fact[];
  readonly owed: Owed;
}

/**
 * Finds what has come about. A status has when the Rollout carries it in a newer version; an action has when what is decided
 * next does not ask for it again.
 * @param now the Rollout as it is, and what is decided about it
 */
export function settleOwed(
  { statuses, facts }: Owed,
  now: { readonly version: string | undefined; readonly status: unknown; readonly decision: Decision },
): Settled {
  const stored = statuses.find(
    ({ version, decision: { status } }) => version !== now.version && status && !mergeDiff(now.status, status),
  );
  const again = new Set(now.decision.facts.map(({ reason }) => reason));
  return {
    stored: stored?.decision,
    acted: facts.filter(({ reason }) => !again.has(reason)),
    owed: {
      statuses: statuses.filter(({ version }) => version === now.version),
      facts: facts.filter(({ reason }) => again.has(reason)),
    },
  };
}
