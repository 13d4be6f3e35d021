/** Bounds of an exponential backoff, in milliseconds. */
export interface BackoffBounds {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * Exponential backoff with full jitter: the n-th delay is uniform in (0, min(maxMs, baseMs * 2^n)].
 * Example with base 800, max 30000 and random() = 1: 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000.
 */
export class Backoff {
  readonly #bounds: BackoffBounds;
  readonly #random: () => number;
  #failures = 0;

  constructor(bounds: BackoffBounds, random: () => number) {
    this.#bounds = bounds;
    this.#random = random;
  }

  /** How many delays were handed out since the last reset. */
  get failures(): number {
    return this.#failures;
  }

  /** The next delay in milliseconds, at least 1. */
  next(): number {
    const ceiling = Math.min(this.#bounds.maxMs, this.#bounds.baseMs * 2 ** Math.min(this.#failures, 40));
    this.#failures += 1;
    return Math.max(1, ceiling * this.#random());
  }

  /** Starts again from the base; call it after something worked. */
  reset(): void {
    this.#failures = 0;
  }
}
