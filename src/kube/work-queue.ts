import type { Clock, TimerHandle } from './clock.ts';
import { systemClock } from './clock.ts';
import { ApiError } from './errors.ts';

/** Urgent keys are taken before normal ones, and have workers of their own when all others are busy. */
export type Lane = 'urgent' | 'normal';

/** How one run of a key ended. Throwing is the same as `backoff`. */
export type WorkOutcome =
  | { readonly outcome: 'done' }
  /** Not an error: run again in `ms` milliseconds at the latest. */
  | { readonly outcome: 'wakeAfter'; readonly ms: number }
  /** It came too soon, and did nothing: run again in `ms` milliseconds, as urgent as it was. */
  | { readonly outcome: 'tooSoon'; readonly ms: number }
  /** An error: run again after this key's backoff, not before `atLeastMs` (a Retry-After), else not after `atMostMs`. */
  | {
      readonly outcome: 'backoff';
      readonly cause: unknown;
      readonly atLeastMs?: number | undefined;
      readonly atMostMs?: number | undefined;
    };

/** Does the work of one key. `signal` fires when a drain ran out of time. */
export type WorkHandler = (key: string, signal: AbortSignal) => Promise<WorkOutcome>;

/** What the queue tells its metrics. */
export type QueueObservation =
  | { readonly kind: 'started'; readonly key: string; readonly lane: Lane; readonly waitedMs: number }
  | { readonly kind: 'finished'; readonly key: string; readonly tookMs: number }
  | {
      readonly kind: 'retry';
      readonly key: string;
      readonly failures: number;
      readonly delayMs: number;
      readonly cause: unknown;
    };

/** Input of {@link WorkQueue}. */
export interface WorkQueueOptions {
  readonly handler: WorkHandler;
  /** How many different keys run at once, urgent ones aside. */
  readonly concurrency: number;
  /** Workers beyond `concurrency` that take urgent keys only: slow normal ones must not hold them up. Default 16. */
  readonly urgentWorkers?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  /** First and longest delay after errors, in milliseconds. Default 1 and 10 000. */
  readonly baseDelayMs?: number | undefined;
  readonly maxDelayMs?: number | undefined;
  readonly observe?: ((observation: QueueObservation) => void) | undefined;
}

const URGENT_WORKERS = 16;
/** Whoever stepped aside goes on by then, however many urgent keys still wait. */
const LONGEST_ASIDE_MS = 5_000;

interface Waiting {
  readonly since: number;
}

interface Timer {
  readonly dueAt: number;
  readonly lane: Lane;
  readonly handle: TimerHandle;
}

/**
 * A queue of keys. A key is in it once, never runs twice at the same time, and when it is added during its run it runs exactly
 * once more. Errors back off per key: base * 2^n up to the maximum, times a random factor in [0.5, 1); success resets that. What
 * was urgent and failed is urgent when it is tried again. While the server has asked to wait (Retry-After), only urgent news
 * of a key makes it run.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #lanes: Record<Lane, Map<string, Waiting>> = { urgent: new Map(), normal: new Map() };
  readonly #running = new Set<string>();
  /** Added while running. */
  readonly #again = new Map<string, Lane>();
  readonly #timers = new Map<string, Timer>();
  readonly #failures = new Map<string, number>();
  /** Until when the server asked not to be asked again about a key, monotonic milliseconds. */
  readonly #askedToWait = new Map<string, number>();
  readonly #abort = new AbortController();
  #state: 'idle' | 'started' | 'draining' = 'idle';
  #onIdle: (() => void)[] = [];
  /** Runs that have lent their worker to urgent keys, in order. */
  readonly #aside = new Set<() => void>();

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  /** Keys waiting to run now, by lane; keys running; keys with a timer. */
  depth(): { readonly urgent: number; readonly normal: number; readonly running: number; readonly delayed: number } {
    const { urgent, normal } = this.#lanes;
    return { urgent: urgent.size, normal: normal.size, running: this.#running.size, delayed: this.#timers.size };
  }

  /** How often this key failed since its last success. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Begins to run what was added. It has waited from now on: before, nobody was to run it. */
  start(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'started';
    const since = this.#clock.monotonic();
    for (const lane of Object.values(this.#lanes)) for (const key of lane.keys()) lane.set(key, { since });
    this.#pump();
  }

  /** Runs `key` soon. A key already waiting in the normal lane moves to the urgent one when asked so. */
  add(key: string, lane: Lane = 'normal'): void {
    if (this.#state === 'draining') return;
    if (this.#running.has(key)) {
      if (this.#again.get(key) !== 'urgent') this.#again.set(key, lane);
      return;
    }
    const restMs = lane === 'normal' ? this.#restMs(key) : 0;
    if (restMs > 0) {
      this.addAfter(key, restMs);
      return;
    }
    const { urgent, normal } = this.#lanes;
    if (urgent.has(key) || (lane === 'normal' && normal.has(key))) return;
    const waiting = normal.get(key) ?? { since: this.#clock.monotonic() };
    normal.delete(key);
    this.#lanes[lane].set(key, waiting);
    this.#pump();
  }

  /** Runs `key` in `ms` milliseconds. Of several such requests the earliest counts. */
  addAfter(key: string, ms: number, lane: Lane = 'normal'): void {
    if (this.#state === 'draining') return;
    if (!(ms > 0)) {
      this.add(key, lane);
      return;
    }
    const dueAt = this.#clock.monotonic() + (lane === 'normal' ? Math.max(ms, this.#restMs(key)) : ms);
    const pending = this.#timers.get(key);
    const both: Lane = pending?.lane === 'urgent' ? 'urgent' : lane;
    if (pending && pending.dueAt <= dueAt && pending.lane === both) return;
    if (pending) this.#clock.clearTimeout(pending.handle);
    const earliest = pending ? Math.min(pending.dueAt, dueAt) : dueAt;
    const handle = this.#clock.setTimeout(() => {
      this.#timers.delete(key);
      this.add(key, both);
    }, earliest - this.#clock.monotonic());
    this.#timers.set(key, { dueAt: earliest, lane: both, handle });
  }

  /**
   * For a run whose rest can wait: lends its worker to the urgent keys that wait by now. Its key still counts as running.
   * @returns whether there were any; resolves when there is a worker again, or after five seconds
   */
  async stepAside(): Promise<boolean> {
    if (this.#lanes.urgent.size === 0 || this.#state !== 'started') return false;
    await new Promise<void>(resolve => {
      const goOn = () => {
        this.#clock.clearTimeout(timer);
        this.#aside.delete(goOn);
        resolve();
      };
      const timer = this.#clock.setTimeout(goOn, LONGEST_ASIDE_MS);
      this.#aside.add(goOn);
      this.#pump();
    });
    return true;
  }

  /** Drops everything known of a key that is not running: its timer, its place in line and its failures. */
  forget(key: string): void {
    this.#dropTimer(key);
    this.#failures.delete(key);
    this.#askedToWait.delete(key);
    this.#lanes.urgent.delete(key);
    this.#lanes.normal.delete(key);
  }

  /**
   * Takes nothing new and waits for the runs in progress; what waits is dropped, since the next start sees it again.
   * @returns true when all ended in time; otherwise their signal was fired and false is returned.
   */
  async drain(timeoutMs: number): Promise<boolean> {
    this.#state = 'draining';
    for (const timer of this.#timers.values()) this.#clock.clearTimeout(timer.handle);
    this.#timers.clear();
    this.#again.clear();
    this.#lanes.urgent.clear();
    this.#lanes.normal.clear();
    for (const goOn of this.#aside) goOn();
    if (this.#running.size === 0) return true;
    return new Promise(resolve => {
      const timer = this.#clock.setTimeout(() => {
        this.#abort.abort(new Error('the queue is shutting down'));
        resolve(false);
      }, timeoutMs);
      this.#onIdle.push(() => {
        this.#clock.clearTimeout(timer);
        resolve(true);
      });
    });
  }

  #pump(): void {
    const { concurrency, urgentWorkers = URGENT_WORKERS } = this.#options;
    while (this.#state === 'started') {
      const lane: Lane = this.#lanes.urgent.size > 0 ? 'urgent' : 'normal';
      const busy = this.#running.size - this.#aside.size;
      const [goOn] = this.#aside;
      if (lane === 'normal' && goOn && busy < concurrency + urgentWorkers) {
        goOn();
        continue;
      }
      if (busy >= concurrency + (lane === 'urgent' ? urgentWorkers : 0)) return;
      const [next] = this.#lanes[lane];
      if (next === undefined) return;
      const [key, waiting] = next;
      this.#lanes[lane].delete(key);
      this.#running.add(key);
      this.#askedToWait.delete(key);
      const startedAt = this.#clock.monotonic();
      this.#options.observe?.({ kind: 'started', key, lane, waitedMs: startedAt - waiting.since });
      void this.#run(key).then(outcome => this.#finish(key, lane, startedAt, outcome));
    }
  }

  async #run(key: string): Promise<WorkOutcome> {
    try {
      return await this.#options.handler(key, this.#abort.signal);
    } catch (cause) {
      return { outcome: 'backoff', cause, atLeastMs: cause instanceof ApiError ? cause.retryAfterMs : undefined };
    }
  }

  #finish(key: string, lane: Lane, startedAt: number, outcome: WorkOutcome): void {
    this.#running.delete(key);
    this.#options.observe?.({ kind: 'finished', key, tookMs: this.#clock.monotonic() - startedAt });
    if (outcome.outcome === 'backoff') this.#retry(key, lane, outcome);
    else {
      this.#failures.delete(key);
      if (outcome.outcome === 'wakeAfter') this.addAfter(key, outcome.ms);
      if (outcome.outcome === 'tooSoon') this.addAfter(key, outcome.ms, lane);
    }
    const again = this.#again.get(key);
    this.#again.delete(key);
    if (again) this.add(key, again);
    if (this.#running.size === 0) for (const wake of this.#onIdle.splice(0)) wake();
    this.#pump();
  }

  #retry(key: string, lane: Lane, outcome: Extract<WorkOutcome, { outcome: 'backoff' }>): void {
    const failures = this.failures(key) + 1;
    this.#failures.set(key, failures);
    const { baseDelayMs = 1, maxDelayMs = 10_000 } = this.#options;
    const ceiling = Math.min(maxDelayMs, baseDelayMs * 2 ** Math.min(failures - 1, 40));
    const wanted = Math.min(ceiling * (0.5 + this.#random() / 2), outcome.atMostMs ?? Number.POSITIVE_INFINITY);
    const delayMs = Math.max(wanted, outcome.atLeastMs ?? 0);
    this.#options.observe?.({ kind: 'retry', key, failures, delayMs, cause: outcome.cause });
    if (outcome.atLeastMs !== undefined) {
      // What an older timer was for, this run has seen.
      this.#dropTimer(key);
      this.#askedToWait.set(key, this.#clock.monotonic() + outcome.atLeastMs);
    }
    this.addAfter(key, delayMs, lane);
  }

  #dropTimer(key: string): void {
    const timer = this.#timers.get(key);
    if (timer) this.#clock.clearTimeout(timer.handle);
    this.#timers.delete(key);
  }

  #restMs(key: string): number {
    return Math.max(0, (this.#askedToWait.get(key) ?? 0) - this.#clock.monotonic());
  }
}
