import type { Judged } from '../analysis/judge.ts';
import { type MeasuredAt, recordMeasurement } from '../analysis/record.ts';
import type { AnalysisRunSpec, AnalysisRunStatus } from '../api/analysis-run.ts';
import type { Clock, TimerHandle } from '../kube/clock.ts';
import { ApiError } from '../kube/errors.ts';
import { isTold, type Log } from './log.ts';
import type { Patience, RunName, RunWriter } from './run-writer.ts';
import type { Turnstile } from './turnstile.ts';

/** What {@link UnsavedMeasurements} work with; those of all runs share it. */
export interface UnsavedParts {
  readonly writer: RunWriter;
  /** Hundreds of measurements fall due together: the good ones must not stand before the writes of an abort. */
  readonly good: Turnstile;
  readonly bad: Turnstile;
  readonly log: Log;
  readonly clock: Clock;
  readonly stopped: AbortSignal;
}

/** A measurement that was taken. */
export interface Taken extends MeasuredAt {
  readonly metric: string;
  readonly judged: Judged;
}

/** `bad`: before all good ones. `news`: decisions rest on it. `shown`: a good answer more, which is only to be seen. */
export type Urgency = 'bad' | 'news' | 'shown';

const OF_A_MEASUREMENT: Patience = { attempts: 8, after: ['conflict', 'transient'] };
/** Pause before what could not be stored is tried again, in milliseconds. */
const AGAIN_MS = 1_000;
const LONGEST_AGAIN_MS = 30_000;
/** What only shows is stored this often, in milliseconds: a short interval must not cost a write each. */
const SHOWN_EVERY_MS = 5_000;
/** As many do not wait any longer; twice as many are kept while the API server is away. */
const MANY = 10;

/** The measurements of one run that are not stored yet. Those that have come together are stored in one write. */
export class UnsavedMeasurements {
  readonly #parts: UnsavedParts;
  readonly #run: RunName;
  readonly #onStored: (status: AnalysisRunStatus | undefined) => void;
  readonly #taken: Taken[] = [];
  /** Turnstiles before which a write stands. */
  readonly #queued = new Set<Turnstile>();
  /** The last write, and those before it: two at once would be refused for each other. */
  #writing: Promise<void> = Promise.resolve();
  #again: TimerHandle;
  #show: TimerHandle;
  /** Monotonic milliseconds. */
  #storedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;

  /** @param onStored told of the status that is stored then; of none when the run is gone */
  constructor(parts: UnsavedParts, run: RunName, onStored: (status: AnalysisRunStatus | undefined) => void) {
    this.#parts = parts;
    this.#run = run;
    this.#onStored = onStored;
  }

  get isEmpty(): boolean {
    return this.#taken.length === 0;
  }

  /** No more should be taken: the API server has been away for long. */
  get isFull(): boolean {
    return this.#taken.length >= 2 * MANY;
  }

  /** A stored status with what is not stored yet. */
  addTo(spec: AnalysisRunSpec, status: AnalysisRunStatus | undefined): AnalysisRunStatus {
    return recordAll(spec, status, this.#taken);
  }

  add(taken: Taken, urgency: Urgency): void {
    this.#taken.push(taken);
    if (urgency === 'shown' && this.#taken.length < MANY) this.#saveSoon();
    else this.#save(urgency);
  }

  /** Lets nothing new begin. */
  stop(): void {
    for (const timer of [this.#again, this.#show]) this.#parts.clock.clearTimeout(timer);
  }

  /** Waits for the write that is under way. */
  settled(): Promise<void> {
    return this.#writing;
  }

  #saveSoon(): void {
    const { clock } = this.#parts;
    const restMs = Math.max(0, this.#storedAt + SHOWN_EVERY_MS - clock.monotonic());
    this.#show ??= clock.setTimeout(() => {
      this.#show = undefined;
      this.#save('shown');
    }, restMs);
  }

  /** Stores what there is when it is its turn; bad ones do not wait behind good ones, nor for a pause after a failure. */
  #save(urgency: Urgency): void {
    const { good, bad, stopped } = this.#parts;
    const turnstile = urgency === 'bad' ? bad : good;
    if (this.#queued.has(turnstile) || (this.#again !== undefined && urgency !== 'bad')) return;
    this.#queued.add(turnstile);
    void turnstile.run(() => {
      this.#writing = this.#writing.then(() => {
        this.#queued.delete(turnstile);
        // Whoever leads next measures again; what hangs must not hold up the end.
        return stopped.aborted ? undefined : this.#store();
      });
      return this.#writing;
    });
  }

  async #store(): Promise<void> {
    const { writer, clock } = this.#parts;
    const batch = [...this.#taken];
    if (batch.length === 0) return;
    try {
      const stored = await writer.store(this.#run, OF_A_MEASUREMENT, (spec, status) => recordAll(spec, status, batch));
      this.#taken.splice(0, batch.length);
      this.#failures = 0;
      this.#storedAt = clock.monotonic();
      for (const timer of [this.#again, this.#show]) clock.clearTimeout(timer);
      this.#again = this.#show = undefined;
      if (!this.isEmpty) this.#saveSoon();
      this.#onStored(stored);
    } catch (error) {
      this.#failed(error, batch.length);
    }
  }

  #failed(error: unknown, unsaved: number): void {
    const { log, clock, stopped } = this.#parts;
    if (error instanceof ApiError && error.code === 'notFound') {
      this.#taken.splice(0);
      this.#onStored(undefined);
      return;
    }
    this.#failures += 1;
    const level = isTold(this.#failures) ? 'warn' : 'debug';
    log[level]('measurements could not be stored', { run: this.#run.name, unsaved, failures: this.#failures, error });
    clock.clearTimeout(this.#again);
    if (stopped.aborted) return;
    const pause = Math.min(LONGEST_AGAIN_MS, AGAIN_MS * 2 ** (this.#failures - 1));
    this.#again = clock.setTimeout(() => {
      this.#again = undefined;
      this.#save('news');
    }, pause);
  }
}

function recordAll(
  spec: AnalysisRunSpec,
  status: AnalysisRunStatus | undefined,
  taken: readonly Taken[],
): AnalysisRunStatus {
  return taken.reduce<AnalysisRunStatus>(
    (before, { metric, judged, ...at }) => recordMeasurement(spec, before, metric, judged, at),
    status ?? { phase: 'Pending' },
  );
}
