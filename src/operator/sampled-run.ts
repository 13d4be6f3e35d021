import type { Judged } from '../analysis/judge.ts';
import { recordMeasurements, type Taken } from '../analysis/record.ts';
import { type AnalysisRunSpec, type AnalysisRunStatus, isBadPhase } from '../api/analysis-run.ts';
import type { Metric } from '../api/analysis-template.ts';
import { dueSamples, type RunView, viewRun } from '../core/gate.ts';
import type { TimerHandle } from '../kube/clock.ts';
import { isRecord, type KubeObject, objectKey } from '../kube/kube-object.ts';
import { sleep } from '../kube/sleep.ts';
import { asApi, type Caches } from './caches.ts';
import type { Measurer } from './measurer.ts';
import type { Metrics } from './metrics.ts';
import type { RunName } from './run-writer.ts';
import { UnsavedMeasurements, type UnsavedParts, type Urgency } from './unsaved-measurements.ts';

/** What a {@link SampledRun} works with; all runs share it. */
export interface SampledRunParts extends UnsavedParts {
  readonly caches: Caches;
  readonly measurer: Measurer;
  readonly metrics: Metrics;
  readonly enqueue: (key: string) => void;
}

/** After a measurement that came to nothing its metric is asked again this much later. */
const AGAIN_MS = 10_000;

/**
 * One AnalysisRun that is measured: when its Rollout asks, and from then on at its interval for as long as its Rollout waits for
 * it. The interval does not wait for what is to be stored.
 */
export class SampledRun {
  readonly #parts: SampledRunParts;
  readonly #rollout: RunName;
  readonly #at: RunName;
  readonly #onIdle: () => void;
  readonly #unsaved: UnsavedMeasurements;
  /** What is under way, by metric. */
  readonly #measuring = new Map<string, Promise<void>>();
  #next: TimerHandle;
  /** Another one may be in its place by now. */
  #isForgotten = false;

  /** @param onIdle called when nothing is under way, nothing waits to be stored, and nothing will be due */
  constructor(parts: SampledRunParts, rollout: RunName, at: RunName, onIdle: () => void) {
    this.#parts = parts;
    this.#rollout = rollout;
    this.#at = at;
    this.#onIdle = onIdle;
    this.#unsaved = new UnsavedMeasurements(parts, at, () => this.#stored());
  }

  /** Measures what is due, and keeps to the interval from then on. */
  measureDue(): void {
    const { clock, stopped } = this.#parts;
    clock.clearTimeout(this.#next);
    this.#next = undefined;
    const view = this.#view();
    if (view && !stopped.aborted) this.#go(view, clock.now());
    this.#noteIdle();
  }

  #go(view: RunView, now: number): void {
    const { due, nextAt } = dueSamples(view, now);
    for (const metric of due)
      if (!this.#measuring.has(metric.name) && !this.#unsaved.isFull(metric.name)) this.#begin(view, metric);
    if (nextAt === undefined) return;
    this.#next = this.#parts.clock.setTimeout(() => {
      this.#next = undefined;
      this.#goOn();
    }, nextAt - now);
  }

  /** Without being asked, only for as long as its Rollout waits for it. */
  #goOn(): void {
    if (this.#isWanted()) this.measureDue();
    else this.#noteIdle();
  }

  /** A stored status with what is not stored yet. */
  withUnsaved(spec: AnalysisRunSpec, status: AnalysisRunStatus | undefined): AnalysisRunStatus {
    return this.#unsaved.addTo(spec, status);
  }

  /** Waits for what is under way, after `stopped` was told. */
  async settled(): Promise<void> {
    this.#parts.clock.clearTimeout(this.#next);
    this.#unsaved.stop();
    await Promise.all([...this.#measuring.values(), this.#unsaved.settled()]);
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
    if (!rollout || rollout.metadata.deletionTimestamp !== undefined || !isRecord(rollout['status'])) return false;
    const { analysis, phase } = rollout['status'];
    // Of a spec that cannot be read nothing is decided, so that nobody waits.
    return phase !== 'Invalid' && isRecord(analysis) && Object.values(analysis).includes(this.#at.name);
  }

  #storedRollout(): KubeObject | undefined {
    const { namespace, name, uid } = this.#rollout;
    const stored = this.#parts.caches.rollouts.store.get({ namespace, name });
    return stored?.metadata.uid === uid ? stored : undefined;
  }

  #begin({ spec, status }: RunView, metric: Metric): void {
    const { log, clock, measurer, stopped } = this.#parts;
    const startedAt = clock.now();
    const before = status.metricResults?.find(({ name }) => name === metric.name);
    const work = measurer
      .measure(this.#at.namespace, spec, metric, before, stopped)
      .then(judged => this.#measured(metric, { metric: metric.name, judged, startedAt, finishedAt: clock.now() }))
      .catch(async error => {
        log.warn('a measurement came to nothing', { run: this.#at.name, metric: metric.name, error });
        // With nothing recorded it is due at once, and would never let anything else have its turn.
        await sleep(clock, AGAIN_MS, stopped);
        this.#measuring.delete(metric.name);
        this.#goOn();
      });
    this.#measuring.set(metric.name, work);
  }

  #measured(metric: Metric, taken: Taken): void {
    // In one go: to whoever looks in between it would seem to be due again.
    this.#measuring.delete(metric.name);
    if (this.#parts.stopped.aborted) return;
    const view = this.#view();
    this.#unsaved.add(taken, view ? urgencyOf(view, taken) : 'news');
    this.#count(metric, taken.judged);
    this.#goOn();
  }

  /** Series of a Rollout that is gone have been dropped, and nobody would drop them again. */
  #count(metric: Metric, { phase, value }: Judged): void {
    if (!this.#storedRollout()) return;
    const { namespace, name } = this.#rollout;
    const number = value === undefined ? undefined : Number(value);
    const measured = { namespace, name, run: this.#at.name, metric: metric.name };
    this.#parts.metrics.measurement(measured, phase, number, metric.threshold ?? {});
  }

  /** That a verdict is urgent its cache has said (`enqueue.ts`): said twice, the second pass would wait for no Retry-After. */
  #stored(): void {
    this.#parts.enqueue(objectKey(this.#rollout));
    // The answer to a write that hung may come when what it was about has been stored by another one.
    if (!this.#isForgotten) this.#goOn();
  }

  #noteIdle(): void {
    if (this.#next !== undefined || this.#measuring.size > 0 || !this.#unsaved.isEmpty) return;
    this.#isForgotten = true;
    this.#onIdle();
  }
}

/** Decisions rest on whatever a measurement changes or will have to; one good answer after another only shows. */
function urgencyOf({ spec, status }: RunView, taken: Taken): Urgency {
  const { metric, judged } = taken;
  if (isBadPhase(judged.phase)) return 'bad';
  const after = recordMeasurements(spec, status, [taken]);
  const [was, is] = [status, after].map(({ metricResults }) => metricResults?.find(({ name }) => name === metric));
  const isGoodAgain = judged.phase === 'Successful' && was?.measurements?.at(-1)?.phase === 'Successful';
  return isGoodAgain && was.phase === is?.phase && status.phase === after.phase ? 'shown' : 'news';
}
