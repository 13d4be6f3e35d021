import { performance } from 'node:perf_hooks';

/** Opaque handle of a pending timer, only good for {@link Clock.clearTimeout}. */
export type TimerHandle = unknown;

/** The one source of time. Tests replace it; production uses {@link systemClock}. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. May jump; never use it to measure a duration. */
  now(): number;
  /** Milliseconds from an arbitrary origin, never going backwards. */
  monotonic(): number;
  /** Runs `fn` once after `ms` milliseconds. */
  setTimeout(fn: () => void, ms: number): TimerHandle;
  /** Cancels a pending timer; harmless when it has fired already. */
  clearTimeout(handle: TimerHandle): void;
}

/** Node cannot hold a longer delay: it would fire at once instead. */
const MAX_DELAY_MS = 2_147_483_647;

/** The real clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (fn, ms) => setTimeout(fn, Math.min(Math.max(0, ms), MAX_DELAY_MS)),
  clearTimeout: handle => clearTimeout(handle as NodeJS.Timeout | undefined),
};
