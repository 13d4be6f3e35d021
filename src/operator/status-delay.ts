/** So many statuses may wait at once before each waits longer: what only shows is written 25 times a second then. */
const FEW = 50;
/** Nobody is shown anything later than this, milliseconds. */
const LONGEST_MS = 10_000;

/**
 * The statuses that wait to be stored. What only shows gives way to what moves deliveries: the more Rollouts wait, the longer
 * each does, and what comes meanwhile goes into the same write.
 */
export class StatusDelay {
  /** Monotonic milliseconds by `namespace/name`. */
  readonly #dueAt = new Map<string, number>();

  /**
   * How long a new status may still wait, milliseconds; 0 when it is to be stored now, or when there is nothing new (`waitMs`
   * 0). What may wait for a second does, even when something that may wait for ten has waited for nine.
   * @param now monotonic milliseconds
   */
  restMs(key: string, waitMs: number, now: number): number {
    const longerMs = Math.min(LONGEST_MS, (waitMs * this.#dueAt.size) / FEW);
    const dueAt = Math.min(this.#dueAt.get(key) ?? Number.POSITIVE_INFINITY, now + Math.max(waitMs, longerMs));
    const restMs = Math.max(0, dueAt - now);
    if (restMs > 0) this.#dueAt.set(key, dueAt);
    else this.#dueAt.delete(key);
    return restMs;
  }

  /** A status could not be stored: it waits no longer. */
  isDue(key: string, now: number): void {
    this.#dueAt.set(key, now);
  }

  forget(key: string): void {
    this.#dueAt.delete(key);
  }
}
