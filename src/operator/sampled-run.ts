import type { Judged } from '../analysis/judge.ts';
import { type MeasuredAt, recordMeasurement } from '../analysis/record.ts';
import type { AnalysisRunSpec, AnalysisRunStatus } from '../api/analysis-run.ts';
import type { Metric } from '../api/analysis-template.ts';
import { dueSamples, type RunView, viewRun } from '../core/gate.ts';
import type { Clock, TimerHandle } from '../kube/clock.ts';
import { ApiError } from '../kube/errors.ts';
import { isRecord, type KubeObject, objectKey } from '../kube/kube-object.ts';
import type { Lane } from '../kube/work-queue.ts';
import { asApi, type Caches } from './caches.ts';
import { isTold, type Log } from './log.ts';
import type { Measurer } from './measurer.ts';
import type { Metrics } from './metrics.ts';
import type { Patience, RunName, RunWriter } from './run-writer.ts';
import type { Turnstile } from './turnstile.ts';

/** What a {@link SampledRun} works with; all runs share it. */
export interface SampledRunParts {
  readonly caches: Caches;
  readonly measurer: Measurer;
  readonly writer: RunWriter;
  /** Hundreds of measurements fall due together: the good ones must not stand before the writes of an abort. */
  readonly good: Turnstile;
  readonly bad: Turnstile;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  readonly enqueue: (key: string, lane: Lane) => void;
  readonly stopped: AbortSignal;
}

/** A measurement that was taken. */
interface Taken extends MeasuredAt {
  readonly metric: string;
  readonly judged: Judged;
}

const OF_A_MEASUREMENT: Patience = { attempts: 8, after: ['conflict', 'transient'] };
/** Pause before measurements that could not be stored are tried again, in milliseconds. */
const AGAIN_MS = 1_000;
const LONGEST_AGAIN_MS = 30_000;
/** Measurements of one run that wait to be stored; as many are kept in memory while the API server is away. */
const MOST_UNSAVED = 20;
const BAD = ['Failed', 'Error'];

/**
 * One AnalysisRun that is measured. Its interval does not wait for anything: while measurements wait to be stored others are
 * taken, and those that have come together are stored in one write.
 */
export class SampledRun {
  readonly #parts: SampledRunParts;
  readonly #rollout: KubeObject;
  readonly #at: RunName;
  readonly #onIdle: () => void;
  readonly #measuring = new Set<string>();
  readonly #unsaved: Taken[] = [];
  /** Lanes in which a write waits for its turn. */
  readonly #queued = new Set<Turnstile>();
  /** What is under way, for {@link settled}. */
  readonly #work = new Set<Promise<void>>();
  /** The write that is under way: another one would be refused for it. */
  #writing: Promise<void> = Promise.resolve();
  #next: TimerHandle;
  #again: TimerHandle;
  #failures = 0;

  /** @param onIdle called when nothing is under way, nothing is owed, and nothing will be due */
  constructor(parts: SampledRunParts, rollout: KubeObject, at: RunName, onIdle: () => void) {
    this.#parts = parts;
    this.#rollout = rollout;
    this.#at = at;
    this.#onIdle = onIdle;
  }

  /** Measures what is due, and keeps to the interval from then on; what waits to be stored is tried again. */
  look(): void {
    if (this.#parts.stopped.aborted) return;
    if (this.#unsaved.length > 0) this.#save(false);
    this.#measureDue();
  }

  /** What is stored, with the measurements that are not stored yet. */
  withUnsaved(spec: AnalysisRunSpec, status: AnalysisRunStatus | undefined): AnalysisRunStatus {
    return recordAll(spec, status, this.#unsaved);
  }

  /** Waits for what is under way. */
  async settled(): Promise<void> {
    this.#cancelTimers();
    while (this.#work.size > 0) await Promise.allSettled(this.#work);
  }

  #cancelTimers(): void {
    const { clock } = this.#parts;
    clock.clearTimeout(this.#next);
    clock.clearTimeout(this.#again);
    this.#next = undefined;
    this.#again = undefined;
  }

  #measureDue(): void {
    const { clock, stopped } = this.#parts;
    clock.clearTimeout(this.#next);
    this.#next = undefined;
    const view = this.#view();
    if (!view || stopped.aborted || this.#unsaved.length >= MOST_UNSAVED) return;
    const now = clock.now();
    const { due, nextAt } = dueSamples(view, now);
    for (const metric of due) if (!this.#measuring.has(metric.name)) this.#track(this.#measure(view, metric));
    if (nextAt === undefined) return;
    this.#next = clock.setTimeout(() => {
      this.#next = undefined;
      if (this.#isWanted()) this.#measureDue();
      this.#noteIdle();
    }, nextAt - now);
  }

  /** The run as decisions will see it. */
  #view(): RunView | undefined {
    const run = this.#parts.caches.analysisRuns.store.get(this.#at);
    const view = run?.metadata.uid === this.#at.uid ? viewRun(asApi(run)) : undefined;
    return view && { ...view, status: this.withUnsaved(view.spec, view.status) };
  }

  /** Whether its Rollout, by its own word, waits for this run: what is due first is decided there, and where it ends. */
  #isWanted(): boolean {
    const rollout = this.#storedRollout();
    if (!rollout || rollout.metadata.deletionTimestamp !== undefined) return false;
    const { analysis } = isRecord(rollout['status']) ? rollout['status'] : {};
    return isRecord(analysis) && Object.values(analysis).includes(this.#at.name);
  }

  #storedRollout(): KubeObject | undefined {
    const { namespace, name, uid } = this.#rollout.metadata;
    const stored = this.#parts.caches.rollouts.store.get({ namespace, name });
    return stored?.metadata.uid === uid ? stored : undefined;
  }

  async #measure({ spec }: RunView, metric: Metric): Promise<void> {
    const { clock, measurer, stopped } = this.#parts;
    this.#measuring.add(metric.name);
    const startedAt = clock.now();
    const judged = await measurer
      .measure(this.#at.namespace, spec, metric, stopped)
      .finally(() => this.#measuring.delete(metric.name));
    if (stopped.aborted) return;
    this.#unsaved.push({ metric: metric.name, judged, startedAt, finishedAt: clock.now() });
    this.#count(metric, judged);
    this.#save(BAD.includes(judged.phase));
    this.#measureDue();
  }

  /** Series of a Rollout that is gone have been dropped, and nobody would drop them again. */
  #count(metric: Metric, { phase, value }: Judged): void {
    if (!this.#storedRollout()) return;
    const { namespace = '', name } = this.#rollout.metadata;
    const number = value === undefined ? undefined : Number(value);
    this.#parts.metrics.measurement(namespace, name, metric.name, phase, number, metric.threshold ?? {});
  }

  /** Stores what there is when it is its turn; bad ones do not wait behind good ones, nor for a pause after a failure. */
  #save(isBad: boolean): void {
    const { good, bad } = this.#parts;
    const lane = isBad ? bad : good;
    if (this.#queued.has(lane) || (this.#again !== undefined && !isBad)) return;
    this.#queued.add(lane);
    this.#track(
      lane.run(() => {
        this.#writing = this.#writing.then(() => {
          this.#queued.delete(lane);
          // Whoever leads next measures again; what hangs must not hold up the end.
          return this.#parts.stopped.aborted ? undefined : this.#storeAll();
        });
        return this.#writing;
      }),
    );
  }

  async #storeAll(): Promise<void> {
    const { writer, enqueue, clock } = this.#parts;
    const batch = [...this.#unsaved];
    if (batch.length === 0) return;
    try {
      const stored = await writer.store(this.#at, OF_A_MEASUREMENT, (spec, status) => recordAll(spec, status, batch));
      this.#unsaved.splice(0, batch.length);
      this.#failures = 0;
      clock.clearTimeout(this.#again);
      this.#again = undefined;
      const isDecisive = stored !== undefined && BAD.includes(stored.phase);
      enqueue(objectKey(this.#rollout.metadata), isDecisive ? 'urgent' : 'normal');
      this.#measureDue();
    } catch (error) {
      this.#failed(error, batch.length);
    }
  }

  #failed(error: unknown, unsaved: number): void {
    const { log, clock, stopped } = this.#parts;
    if (error instanceof ApiError && error.code === 'notFound') return void this.#unsaved.splice(0);
    this.#failures += 1;
    const level = isTold(this.#failures) ? 'warn' : 'debug';
    log[level]('measurements could not be stored', { run: this.#at.name, unsaved, failures: this.#failures, error });
    clock.clearTimeout(this.#again);
    if (stopped.aborted) return;
    const pause = Math.min(LONGEST_AGAIN_MS, AGAIN_MS * 2 ** (this.#failures - 1));
    this.#again = clock.setTimeout(() => {
      this.#again = undefined;
      this.#save(false);
    }, pause);
  }

  #track(work: Promise<void>): void {
    const { log } = this.#parts;
    const tracked = work
      .catch(error => log.warn('a measurement came to nothing', { run: this.#at.name, error }))
      .finally(() => {
        this.#work.delete(tracked);
        this.#noteIdle();
      });
    this.#work.add(tracked);
  }

  #noteIdle(): void {
    const waits = this.#next !== undefined || this.#again !== undefined;
    if (!waits && this.#work.size === 0 && this.#unsaved.length === 0) this.#onIdle();
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
