import type { Clock, TimerHandle } from '../kube/clock.ts';

export interface BriefCacheOptions<T> {
  readonly clock: Clock;
  /** How old an answer gets, from when it was asked for, in milliseconds. */
  readonly keepMs: number;
  /** How many are kept; the oldest makes room. */
  readonly most: number;
  /** Whether an answer may be kept. */
  readonly isSmall: (answer: T) => boolean;
}

interface Entry<T> {
  readonly answer: Promise<T>;
  readonly timer: TimerHandle;
}

/** Answers that are shared while they are on their way, and for a moment after. Failures are not kept. */
export class BriefCache<T> {
  readonly #options: BriefCacheOptions<T>;
  /** The oldest first. */
  readonly #entries = new Map<string, Entry<T>>();

  constructor(options: BriefCacheOptions<T>) {
    this.#options = options;
  }

  /** The answer that is kept, or the one that `ask` brings. */
  get(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#entries.get(key);
    if (known) return known.answer;
    const { clock, keepMs, most, isSmall } = this.#options;
    const [oldest] = this.#entries.size >= most ? this.#entries.keys() : [];
    if (oldest !== undefined) this.forget(oldest);
    const answer = ask();
    const drop = () => {
      if (this.#entries.get(key)?.answer === answer) this.forget(key);
    };
    const timer = clock.setTimeout(drop, keepMs);
    // It only empties memory: a process that has nothing else to do ends without it.
    (timer as Partial<NodeJS.Timeout>).unref?.();
    this.#entries.set(key, { answer, timer });
    answer.then(value => isSmall(value) || drop(), drop);
    return answer;
  }

  /** The next question is asked anew. */
  forget(key: string): void {
    this.#options.clock.clearTimeout(this.#entries.get(key)?.timer);
    this.#entries.delete(key);
  }
}
