import type { Action, Fact } from '../core/decision.ts';
import { ApiError } from '../kube/errors.ts';
import { mergeDiff } from './merge-diff.ts';
import type { Verdict } from './report.ts';

/** What perhaps came about, and nobody was told of, since the answer to a write was lost. */
export interface Owed {
  /** Statuses, the Rollout's version that each was sent with. Several when the next tries got no answer either. */
  readonly statuses: readonly { readonly version: string | undefined; readonly verdict: Verdict }[];
  /** What tells of actions. */
  readonly facts: readonly Fact[];
}

export const NOTHING_OWED: Owed = { statuses: [], facts: [] };

/**
 * Of tries in a row without an answer. When an API server goes away the first one may have reached it, and when it comes back the
 * last one; each says another time.
 */
const KEPT_FIRST = 2;
const KEPT_LAST = 3;

/** Whether a write that failed so may be done all the same. */
export function isAnswerLost(error: unknown): boolean {
  return error instanceof ApiError && error.mayHaveBeenApplied;
}

/** Takes in a status whose answer was lost. */
export function oweStatus(owed: Owed, version: string | undefined, { status, facts }: Verdict): Owed {
  const all = [...owed.statuses, { version, verdict: { status, facts } }];
  const statuses = all.filter((_, index) => index < KEPT_FIRST || index >= all.length - KEPT_LAST);
  return { ...owed, statuses };
}

/** Takes in what tells of an action whose answer was lost. */
export function oweAction(owed: Owed, action: Action, facts: readonly Fact[]): Owed {
  const known = new Set(owed.facts.map(({ note }) => note));
  const more = facts.filter(({ ofAction, note }) => ofAction === action && !known.has(note));
  return { ...owed, facts: [...owed.facts, ...more] };
}

/** Strikes off what was told meanwhile, since another try succeeded. */
export function notOwedAnyMore(owed: Owed, told: readonly Fact[]): Owed {
  if (owed.facts.length === 0) return owed;
  const notes = new Set(told.map(({ note }) => note));
  return { ...owed, facts: owed.facts.filter(({ note }) => !notes.has(note)) };
}

/** What is to be told now, and what is owed on. */
export interface Settled {
  /** What was stored after all. */
  readonly stored: Verdict | undefined;
  /** Of actions that were done after all. */
  readonly acted: readonly Fact[];
  readonly owed: Owed;
}

/**
 * Finds what has come about. A status has when the Rollout carries it in a newer version; an action has when what is decided
 * next does not ask for it again, and nothing of its kind.
 * @param now the Rollout as it is, and what is decided about it
 */
export function settleOwed(
  { statuses, facts }: Owed,
  now: { readonly version: string | undefined; readonly status: unknown; readonly facts: readonly Fact[] },
): Settled {
  const stored = statuses.find(
    ({ version, verdict: { status } }) => version !== now.version && status && !mergeDiff(now.status, status),
  );
  const again = new Set(now.facts.map(({ note }) => note));
  const waiting = statuses.filter(({ version }) => version === now.version);
  const asked = facts.filter(({ note }) => again.has(note));
  const isNothing = waiting.length === 0 && asked.length === 0;
  return {
    stored: stored?.verdict,
    acted: facts.filter(({ note }) => !again.has(note)),
    owed: isNothing ? NOTHING_OWED : { statuses: waiting, facts: asked },
  };
}
