/**
 * How much longer the canary may keep its highest weight, in all, than for twice the longest time without faults and the time
 * of the fault itself; milliseconds.
 */
export const LATE_MS = {
  /** Nothing waits: what was refused, or fell asleep, goes on within a second. The rest is for a busy machine. */
  atOnce: 5_000,
  /**
   * Whoever was refused for seconds on end asks again after up to 10 s, and a watch that was ended again and again after up to
   * 13 s; as above for what follows.
   */
  backoff: 18_000,
} as const;

/** The operator asks again what is forbidden after 5 s, then after 10, and from then on every 15 s. */
export const FORBIDDEN_AGAIN_MS = { first: 5_000, last: 15_000 } as const;
