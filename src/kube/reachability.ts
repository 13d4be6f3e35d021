import type { Clock } from './clock.ts';
import { sleep } from './sleep.ts';

/** A server that comes and goes wakes everybody at most this often. */
const LEAST_BETWEEN_MS = 10_000;

/** What became of a request; `status` is 0 when no answer came. */
interface Answer {
  readonly status: number;
  readonly code?: string | undefined;
}

/**
 * Whether a server does what it is asked. Whoever waits out a backoff meanwhile is woken by the first request that works
 * again, whosesoever it was: a server that is back after a minute is not left alone for another half.
 */
export class Reachability {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  #isAway = false;
  #lastBackAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes note of an answer. Refusals (4xx) say nothing: a server that is starting gives them as well. */
  note({ status, code }: Answer): void {
    if (status >= 500 || (status === 0 && code === 'transient')) this.#isAway = true;
    else if (this.#isAway && status > 0 && status < 400) this.#back();
  }

  /**
   * Waits `ms` milliseconds, or until the server is back.
   * @returns whether the server ended the wait. Never rejects.
   */
  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    const back = new AbortController();
    const wake = () => back.abort();
    this.#waiting.add(wake);
    await sleep(this.#clock, ms, AbortSignal.any([signal, back.signal]));
    this.#waiting.delete(wake);
    return back.signal.aborted;
  }

  #back(): void {
    this.#isAway = false;
    const now = this.#clock.monotonic();
    if (now - this.#lastBackAt < LEAST_BETWEEN_MS) return;
    this.#lastBackAt = now;
    for (const wake of this.#waiting) wake();
  }
}
