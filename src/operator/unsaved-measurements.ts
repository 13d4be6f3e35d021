import { recordMeasurements, type Taken } from '../analysis/record.ts';
import { type AnalysisRunSpec, type AnalysisRunStatus, KEPT_MEASUREMENTS } from '../api/analysis-run.ts';
import type { Clock, TimerHandle } from '../kube/clock.ts';
import { ApiError } from '../kube/errors.ts';
import type { Reachability } from '../kube/reachability.ts';
import { sleep } from '../kube/sleep.ts';
import { isTold, type Log } from './log.ts';
import type { Patience, RunName, RunWriter } from './run-writer.ts';
import type { Turnstile } from './turnstile.ts';

/** What {@link UnsavedMeasurements} work with; those of all runs share it. */
export interface UnsavedParts {
  readonly writer: RunWriter;
  /** Hundreds of measurements fall due together: the good ones must not stand before the writes of an abort. */
  readonly good: Turnstile;
  readonly bad: Turnstile;
  readonly reachability: Reachability;
  readonly log: Log;
  readonly clock: Clock;
  readonly stopped: AbortSignal;
}

/** `bad`: before all good ones. `news`: decisions rest on it. `shown`: a good answer more, which is only to be seen. */
export type Urgency = 'bad' | 'news' | 'shown';

interface Unsaved extends Taken {
  readonly urgency: Urgency;
}

/** Where writes wait for their turn; those of one run one after the other. */
interface Line {
  readonly turnstile: Turnstile;
  isWaiting: boolean;
  last: Promise<void>;
}

/** After a failure. One that a Retry-After asked for is not cut short by what is bad. */
interface Pause {
  readonly end: AbortController;
  readonly isAsked: boolean;
}

const OF_A_MEASUREMENT: Patience = { attempts: 8, after: ['conflict', 'transient'] };
/** Pause before what could not be stored is tried again, in milliseconds. */
const AGAIN_MS = 1_000;
const LONGEST_AGAIN_MS = 30_000;
/** When a verdict is among it, or nothing can be measured any more. */
const LONGEST_URGENT_AGAIN_MS = 5_000;
/** What only shows is stored this often, in milliseconds: a short interval must not cost a write each. */
const SHOWN_EVERY_MS = 5_000;
/** Measurements of one metric that are kept while the API server is away. */
const MOST_UNSAVED = 2 * KEPT_MEASUREMENTS;

/** The measurements of one run that are not stored yet. Those that have come together are stored in one write. */
export class UnsavedMeasurements {
  readonly #parts: UnsavedParts;
  readonly #run: RunName;
  readonly #onStored: () => void;
  #taken: readonly Unsaved[] = [];
  readonly #good: Line;
  readonly #bad: Line;
  /** After a failure, until it is tried again. */
  #pause: Pause | undefined;
  #show: TimerHandle;
  /** Monotonic milliseconds. */
  #storedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;

  /** @param onStored called when all that was there is stored, or the run is gone */
  constructor(parts: UnsavedParts, run: RunName, onStored: () => void) {
    this.#parts = parts;
    this.#run = run;
    this.#onStored = onStored;
    this.#good = { turnstile: parts.good, isWaiting: false, last: Promise.resolve() };
    this.#bad = { turnstile: parts.bad, isWaiting: false, last: Promise.resolve() };
  }

  get isEmpty(): boolean {
    return this.#taken.length === 0;
  }

  /** No more should be taken of this metric: the API server has been away for long. */
  isFull(metric: string): boolean {
    return this.#count(metric) >= MOST_UNSAVED;
  }

  /** A stored status with what is not stored yet. */
  addTo(spec: AnalysisRunSpec, status: AnalysisRunStatus | undefined): AnalysisRunStatus {
    return recordMeasurements(spec, status, this.#taken);
  }

  add(taken: Taken, urgency: Urgency): void {
    // More than a run keeps must not come together: the first of them would never be seen.
    const isDue = this.#count(taken.metric) + 1 >= KEPT_MEASUREMENTS;
    this.#taken = [...this.#taken, { ...taken, urgency: urgency === 'shown' && isDue ? 'news' : urgency }];
    // It was for what was less urgent, unless the server has asked for it.
    if (urgency === 'bad' && !this.#pause?.isAsked) this.#endPause();
    this.#saveRest();
  }

  /** Lets nothing new begin. */
  stop(): void {
    this.#parts.clock.clearTimeout(this.#show);
    this.#endPause();
  }

  /** Waits for the writes that are under way. */
  async settled(): Promise<void> {
    await Promise.all([this.#good.last, this.#bad.last]);
  }

  #endPause(): void {
    this.#pause?.end.abort();
    this.#pause = undefined;
  }

  #count(metric: string): number {
    return this.#taken.filter(one => one.metric === metric).length;
  }

  #has(urgency: Urgency): boolean {
    return this.#taken.some(one => one.urgency === urgency);
  }

  #saveRest(): void {
    if (this.#has('bad')) this.#save(this.#bad);
    else if (this.#has('news')) this.#save(this.#good);
    else if (!this.isEmpty) this.#saveSoon();
  }

  #saveSoon(): void {
    const { clock } = this.#parts;
    const restMs = Math.max(0, this.#storedAt + SHOWN_EVERY_MS - clock.monotonic());
    this.#show ??= clock.setTimeout(() => {
      this.#show = undefined;
      this.#save(this.#good);
    }, restMs);
  }

  /** Stores what there is when it is its turn; what is bad waits for no write of what is good, which may hang. */
  #save(line: Line): void {
    if (line.isWaiting || this.#pause) return;
    line.isWaiting = true;
    const turn = () =>
      line.turnstile.run(async () => {
        line.isWaiting = false;
        // Whoever leads next measures again; what hangs must not hold up the end.
        if (!this.#parts.stopped.aborted && !this.isEmpty) await this.#store();
      });
    line.last = line.last.then(turn);
  }

  /** Two at once are no harm: what is there already does not count twice. */
  async #store(): Promise<void> {
    const { writer, clock } = this.#parts;
    let batch: readonly Unsaved[] = [];
    try {
      const stored = await writer.store(this.#run, OF_A_MEASUREMENT, (spec, status) => {
        batch = this.#taken;
        return recordMeasurements(spec, status, batch);
      });
      this.#taken = stored === undefined ? [] : this.#taken.filter(one => !batch.includes(one));
      this.#failures = 0;
      this.#storedAt = clock.monotonic();
      this.#endPause();
      clock.clearTimeout(this.#show);
      this.#show = undefined;
      this.#saveRest();
      this.#onStored();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    const { log, stopped } = this.#parts;
    this.#failures += 1;
    const [run, unsaved, failures] = [this.#run.name, this.#taken.length, this.#failures];
    log[isTold(failures) ? 'warn' : 'debug']('measurements could not be stored', { run, unsaved, failures, error });
    if (!stopped.aborted) void this.#tryAgain(error instanceof ApiError ? error.retryAfterMs : undefined);
  }

  /** After a pause, or as soon as the API server is back. */
  async #tryAgain(askedMs: number | undefined): Promise<void> {
    const { reachability, clock } = this.#parts;
    const end = new AbortController();
    this.#endPause();
    this.#pause = { end, isAsked: askedMs !== undefined };
    const isUrgent = this.#has('bad') || this.#taken.some(({ metric }) => this.isFull(metric));
    const longest = isUrgent ? LONGEST_URGENT_AGAIN_MS : LONGEST_AGAIN_MS;
    if (askedMs !== undefined) await sleep(clock, askedMs, end.signal);
    else await reachability.wait(Math.min(longest, AGAIN_MS * 2 ** (this.#failures - 1)), end.signal);
    if (end.signal.aborted) return;
    this.#pause = undefined;
    this.#save(this.#has('bad') ? this.#bad : this.#good);
  }
}
