import type { Clock } from './clock.ts';
import { sleep } from './sleep.ts';

/** A server that comes and goes wakes everybody at most this often. */
const LEAST_BETWEEN_MS = 10_000;
/** What a load balancer answers for a server that is not there, and a server for its storage. */
const AWAY = [502, 503, 504];

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

  /**
   * Takes note of an answer. A 500 is about one object or its webhooks, refusals (4xx) come from a server that is starting as
   * well: neither says that the server is away, or that it is back.
   */
  note({ status, code }: Answer): void {
    if (AWAY.includes(status) || (status === 0 && code === 'transient')) this.#isAway = true;
    else if (this.#isAway && status > 0 && status < 400) this.#back();
  }

  /**
   * Waits `ms` milliseconds, or until the server is back.
   * @returns whether the server ended the wait. Never rejects.
   */
  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    const ended = new AbortController();
    const onAbort = () => ended.abort();
    let isBack = false;
    const wake = () => {
      isBack = true;
      ended.abort();
    };
    if (signal.aborted) return false;
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiting.add(wake);
    await sleep(this.#clock, ms, ended.signal);
    this.#waiting.delete(wake);
    signal.removeEventListener('abort', onAbort);
    return isBack;
  }

  #back(): void {
    const now = this.#clock.monotonic();
    if (now - this.#lastBackAt < LEAST_BETWEEN_MS) return;
    this.#isAway = false;
    this.#lastBackAt = now;
    for (const wake of this.#waiting) wake();
  }
}
