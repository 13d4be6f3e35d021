import type { Clock, TimerHandle } from './clock.ts';
import { compareResourceVersions, isComparable } from './resource-version.ts';

interface Waiter {
  readonly rv: string;
  readonly resolve: (reached: boolean) => void;
  readonly timer: TimerHandle;
}

/** Those who wait for a cache to reach a resourceVersion. */
export class RevisionWaiters {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves true once `rv` is reached (at once when it cannot be compared), false after `timeoutMs`. */
  wait(rv: string, current: string | undefined, timeoutMs: number): Promise<boolean> {
    if (!isComparable(rv) || isReached(rv, current)) return Promise.resolve(true);
    return new Promise(resolve => {
      const timer = this.#clock.setTimeout(() => {
        this.#waiting.delete(waiter);
        resolve(false);
      }, timeoutMs);
      const waiter: Waiter = { rv, resolve, timer };
      this.#waiting.add(waiter);
    });
  }

  /** The cache is now at `current`. */
  reached(current: string): void {
    for (const waiter of this.#waiting) {
      if (!isReached(waiter.rv, current)) continue;
      this.#waiting.delete(waiter);
      this.#clock.clearTimeout(waiter.timer);
      waiter.resolve(true);
    }
  }
}

/** A cache that reports something that cannot be compared cannot be waited for: fail open. */
function isReached(rv: string, current: string | undefined): boolean {
  return current !== undefined && compareResourceVersions(current, rv) !== -1;
}
