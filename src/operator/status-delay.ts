/** So many may wait for a moment before each waits for longer: 25 statuses that only show are stored in a second then. */
const FEW = 50;
/** Nobody is shown anything later than this, milliseconds. Who waits for so long anyway makes nobody wait longer. */
export const LONGEST_MS = 10_000;
/** Those who would wait for longer than that come within so long before it, milliseconds, and not all at once. */
const SPREAD_MS = 2_000;

/**
 * The statuses that wait to be stored. What only shows gives way to what moves deliveries: the more Rollouts wait, the longer
 * each does, and what comes meanwhile goes into the same write.
 */
export class StatusDelay {
  /** Monotonic milliseconds by `namespace/name`. */
  readonly #dueAt = new Map<string, number>();
  /** Those of them that wait because what they show may change in a moment. */
  readonly #brief = new Set<string>();

  /**
   * How long a new status may still wait, milliseconds; 0 when it is to be stored now, or when there is nothing new (`waitMs`
   * 0). What may wait for a moment does, even when something that may wait for ten seconds has waited for nine.
   * @param now monotonic milliseconds
   * @param isWarning it tells of a trouble, and gives way to nobody
   */
  restMs(key: string, waitMs: number, now: number, isWarning = false): number {
    const atMostMs = isWarning ? waitMs : Math.max(waitMs, this.#crowdedMs(waitMs));
    const dueAt = Math.min(this.#dueAt.get(key) ?? Number.POSITIVE_INFINITY, now + atMostMs);
    if (dueAt <= now) {
      this.forget(key);
      return 0;
    }
    this.#dueAt.set(key, dueAt);
    if (waitMs < LONGEST_MS) this.#brief.add(key);
    return dueAt - now;
  }

  /** A status could not be stored: it waits no longer. */
  isDue(key: string, now: number): void {
    this.#dueAt.set(key, now);
    this.#brief.delete(key);
  }

  /** There is nothing to store any more. */
  forget(key: string): void {
    this.#dueAt.delete(key);
    this.#brief.delete(key);
  }

  #crowdedMs(waitMs: number): number {
    const ms = (waitMs * this.#brief.size) / FEW;
    return ms <= LONGEST_MS ? ms : LONGEST_MS - (ms % SPREAD_MS);
  }
}
