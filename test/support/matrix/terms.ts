import type { Variant } from './plan.ts';

/** What a run is allowed to do differently from one without faults, because of what was done to it. */
export interface Terms {
  /**
   * How much longer the canary may keep its highest weight, in all, than for twice the longest time without faults and the
   * time in which there was no operator; milliseconds. Not looked at when absent.
   */
  readonly lateMs?: number;
  /**
   * Whether a weight may be lowered on the way, put back or not, and that be told: on lists that are too old less weight is always
   * safe, and the operator does not wait to hear whether they are.
   */
  readonly mayDip?: boolean;
  /** Whether nothing that was told without faults may be missing: the operator lives. */
  readonly tellsAll?: boolean;
}

/** A process that has started fills its caches; a write that failed is tried again after a backoff of less than a second. */
const AGAIN_MS = 5_000;
/** How long the operator waits for an answer at most. */
const GIVES_UP_MS = 15_000;
/** How long a state stays hidden, or lists stay stale. */
const MISLED_MS = 5_000;

/** The terms of each variant. */
export const TERMS: Readonly<Record<Variant, Terms>> = {
  before: { lateMs: AGAIN_MS },
  applied: { lateMs: AGAIN_MS },
  told: { lateMs: AGAIN_MS },
  lost: { lateMs: AGAIN_MS, tellsAll: true },
  reset: { lateMs: AGAIN_MS, tellsAll: true },
  silent: { lateMs: GIVES_UP_MS + AGAIN_MS, tellsAll: true },
  truncate: { lateMs: AGAIN_MS, tellsAll: true },
  hide: { lateMs: MISLED_MS + AGAIN_MS, tellsAll: true },
  stale: { lateMs: MISLED_MS + AGAIN_MS, mayDip: true },
  travel: { lateMs: MISLED_MS + AGAIN_MS, mayDip: true },
};
