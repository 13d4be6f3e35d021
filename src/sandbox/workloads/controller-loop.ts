import type { Clock } from '../../kube/clock.ts';
import type { ApiError } from '../../kube/errors.ts';
import { classify } from '../../kube/errors.ts';
import type { WorkOutcome } from '../../kube/work-queue.ts';
import { WorkQueue } from '../../kube/work-queue.ts';

/** One run of a controller for one key: nothing more to do, or look again in so many milliseconds. */
type Reconcile = (key: string) => Promise<{ readonly wakeAfterMs: number } | undefined>;

/** Input of {@link ControllerLoop}. */
export interface ControllerLoopOptions {
  readonly name: string;
  readonly reconcile: Reconcile;
  readonly clock: Clock;
  readonly random: () => number;
  /** Told of what is not part of normal life, one line each. */
  readonly log: (line: string) => void;
}

/** A queue with one worker per key, and what errors mean to a controller: conflicts and lost objects simply mean to look again. */
export class ControllerLoop {
  readonly queue: WorkQueue;
  readonly #options: ControllerLoopOptions;

  constructor(options: ControllerLoopOptions) {
    this.#options = options;
    this.queue = new WorkQueue({
      handler: key => this.#run(key),
      concurrency: 8,
      clock: options.clock,
      random: options.random,
      baseDelayMs: 5,
      maxDelayMs: 5000,
    });
  }

  /** Waits up to 5 s for what is in progress. */
  async stop(): Promise<void> {
    await this.queue.drain(5000);
  }

  async #run(key: string): Promise<WorkOutcome> {
    try {
      const next = await this.#options.reconcile(key);
      return next === undefined ? { outcome: 'done' } : { outcome: 'wakeAfter', ms: next.wakeAfterMs };
    } catch (cause) {
      const { code, retryAfterMs } = classify(cause);
      if (code === 'aborted') return { outcome: 'done' };
      if (code !== 'conflict' && code !== 'notFound' && code !== 'transient') {
        this.#options.log(`${this.#options.name} ${key}: ${(cause as ApiError | Error).message}`);
      }
      return { outcome: 'backoff', cause, atLeastMs: retryAfterMs };
    }
  }
}
