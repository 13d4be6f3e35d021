import { judge } from '../analysis/judge.ts';
import { recordMeasurement } from '../analysis/record.ts';
import { renderQuery } from '../analysis/render-query.ts';
import type { Sample } from '../analysis/sample.ts';
import { runSpecOf, runStatusOf } from '../analysis/stored-run.ts';
import { terminateRun } from '../analysis/terminate.ts';
import type { AnalysisRunSpec, AnalysisRunStatus } from '../api/analysis-run.ts';
import type { Metric } from '../api/analysis-template.ts';
import { DEFAULT_PROVIDER } from '../api/metric-provider.ts';
import type { Action } from '../core/decision.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { ApiError, type ApiErrorCode } from '../kube/errors.ts';
import { type KubeObject, objectKey } from '../kube/kube-object.ts';
import type { Lane } from '../kube/work-queue.ts';
import type { Caches } from './caches.ts';
import type { LiveReader } from './live-reader.ts';
import { isTold, type Log } from './log.ts';
import { mergeDiff } from './merge-diff.ts';
import type { Metrics } from './metrics.ts';
import { ProviderPool } from './provider-pool.ts';
import { RESOURCES } from './resources.ts';
import type { SecretReader } from './secrets.ts';
import { Turnstile } from './turnstile.ts';
import { WRITE } from './write-limit.ts';

export interface SamplerParts {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly liveReader: LiveReader;
  readonly secrets: SecretReader;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  readonly operatorNamespace: string;
  readonly enqueue: (key: string, lane: Lane) => void;
}

/** How long it is tried to store something, and after which refusals. */
interface Patience {
  readonly attempts: number;
  readonly after: readonly ApiErrorCode[];
}
const OF_A_MEASUREMENT: Patience = { attempts: 8, after: ['conflict', 'transient'] };
/** A pass that waits holds up its Rollout, and is repeated anyway. */
const OF_A_PASS: Patience = { attempts: 2, after: ['conflict'] };
const STORES_AT_ONCE = 8;
/** Pause before a measurement that could not be stored is tried again, in milliseconds. */
const AGAIN_MS = 1_000;
const LONGEST_AGAIN_MS = 30_000;

/**
 * Takes measurements beside the Rollouts' own path: asks the provider, judges, stores the result in the AnalysisRun. A slow
 * provider delays nobody; the verdict acts when it is stored.
 */
export class Sampler {
  readonly #parts: SamplerParts;
  readonly #providers: ProviderPool;
  readonly #running = new Map<string, Promise<void>>();
  /** Hundreds of measurements fall due together: the good ones must not stand before the writes of an abort. */
  readonly #good = new Turnstile(STORES_AT_ONCE);
  readonly #bad = new Turnstile(STORES_AT_ONCE);
  /** Measurements that could not be stored, in a row, by run and metric. */
  readonly #failures = new Map<string, number>();
  readonly #stop = new AbortController();

  constructor(parts: SamplerParts) {
    this.#parts = parts;
    this.#providers = new ProviderPool(
      parts.caches.metricProviders,
      parts.secrets,
      parts.operatorNamespace,
      parts.clock,
    );
  }

  /** Starts one measurement; one that is under way already is not started twice. */
  take(rollout: KubeObject, action: Extract<Action, { type: 'TakeSample' }>): void {
    const id = `${action.run.uid}/${action.metric}`;
    if (this.#running.has(id) || this.#stop.signal.aborted) return;
    const work = this.#measure(rollout, action.run.name, action.metric)
      .then(() => void this.#failures.delete(id))
      .catch(error => {
        const failures = (this.#failures.get(id) ?? 0) + 1;
        this.#failures.set(id, failures);
        const { name: run } = action.run;
        const level = isTold(failures) ? 'warn' : 'debug';
        this.#parts.log[level]('a measurement could not be stored', { run, metric: action.metric, failures, error });
        this.#again(rollout, failures);
      })
      .finally(() => this.#running.delete(id));
    this.#running.set(id, work);
  }

  /** A measurement that was not stored is still due. One that was has its Rollout looked at by then. */
  #again(rollout: KubeObject, failures: number): void {
    if (this.#stop.signal.aborted) return;
    const { clock, enqueue } = this.#parts;
    clock.setTimeout(
      () => enqueue(objectKey(rollout.metadata), 'normal'),
      Math.min(LONGEST_AGAIN_MS, AGAIN_MS * 2 ** (failures - 1)),
    );
  }

  /** Ends a run that nobody waits for any more. @throws ApiError */
  async terminate(rollout: KubeObject, action: Extract<Action, { type: 'TerminateAnalysisRun' }>): Promise<void> {
    const namespace = rollout.metadata.namespace ?? '';
    await this.#store(namespace, action.target.name, OF_A_PASS, (spec, status) =>
      terminateRun(spec, status, this.#parts.clock.now(), action.message),
    );
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#running.values());
    this.#providers.close();
  }

  async #measure(rollout: KubeObject, runName: string, metricName: string): Promise<void> {
    const { caches, clock, metrics, enqueue } = this.#parts;
    const { namespace = '', name } = rollout.metadata;
    const run = caches.analysisRuns.store.get({ namespace, name: runName });
    const spec = runSpecOf(run);
    const metric = spec?.metrics.find(m => m.name === metricName);
    if (!spec || !metric) return;
    const startedAt = clock.now();
    const { sample, query } = await this.#sample(namespace, spec, metric);
    if (this.#stop.signal.aborted) return;
    const judged = judge(metric, sample, query);
    const finishedAt = clock.now();
    const stores = judged.phase === 'Failed' || judged.phase === 'Error' ? this.#bad : this.#good;
    const stored = await stores.run(() =>
      this.#store(namespace, runName, OF_A_MEASUREMENT, (runSpec, status) =>
        recordMeasurement(runSpec, status, metricName, judged, { startedAt, finishedAt }),
      ),
    );
    // Series of a Rollout that is gone have been dropped, and nobody would drop them again.
    if (caches.rollouts.store.get({ namespace, name })?.metadata.uid === rollout.metadata.uid)
      metrics.measurement(
        namespace,
        name,
        metricName,
        judged.phase,
        judged.value === undefined ? undefined : Number(judged.value),
        metric.threshold ?? {},
      );
    const decisive = stored?.phase === 'Failed' || stored?.phase === 'Error';
    enqueue(objectKey(rollout.metadata), decisive ? 'urgent' : 'normal');
  }

  async #sample(namespace: string, spec: AnalysisRunSpec, metric: Metric): Promise<{ sample: Sample; query?: string }> {
    const asked = metric.provider?.prometheus;
    if (!asked) return { sample: { kind: 'ConfigError', message: `metric ${metric.name} names no provider` } };
    const args = await this.#arguments(namespace, spec);
    if ('kind' in args) return { sample: args };
    const rendered = renderQuery(asked.query, args);
    if (!rendered.ok) return { sample: { kind: 'ConfigError', message: rendered.message }, query: asked.query };
    // What holds a secret must not be shown: the query is then quoted as it was written.
    const secret = (spec.args ?? []).filter(
      arg => arg.valueFrom?.secretKeyRef !== undefined && asked.query.includes(`args.${arg.name}`),
    );
    const secrets = secret.flatMap(arg => formsOf(args.get(arg.name) ?? ''));
    const query = secret.length > 0 ? asked.query : rendered.query;
    const provider = this.#providers.get(asked.providerRef ?? DEFAULT_PROVIDER, namespace);
    if ('kind' in provider && 'message' in provider) return { sample: provider, query };
    return { sample: await provider.sample({ ...asked, query: rendered.query, secrets }, this.#stop.signal), query };
  }

  /** Values of a run's arguments, those of Secrets among them, or the sample that stands for a Secret that is not there. */
  async #arguments(
    namespace: string,
    spec: AnalysisRunSpec,
  ): Promise<ReadonlyMap<string, string> | Extract<Sample, { kind: 'ProviderError' }>> {
    const values = new Map<string, string>();
    for (const arg of spec.args ?? []) {
      try {
        const ref = arg.valueFrom?.secretKeyRef;
        const value = arg.value ?? (ref ? await this.#parts.secrets.read(namespace, ref) : undefined);
        if (value !== undefined) values.set(arg.name, value);
      } catch (error) {
        const message = error instanceof Error ? error.message.slice(0, 256) : 'a Secret cannot be read';
        return { kind: 'ProviderError', retryable: true, message };
      }
    }
    return values;
  }

  /**
   * Changes a run's status from what is stored; a conflict reads again, and what was read is known from then on: decisions rest
   * on it, and its watch may lag. @returns the status that is stored now
   */
  async #store(
    namespace: string,
    name: string,
    patience: Patience,
    change: (spec: AnalysisRunSpec, status: AnalysisRunStatus | undefined) => AnalysisRunStatus,
  ): Promise<AnalysisRunStatus | undefined> {
    const { client, caches, liveReader } = this.#parts;
    let run = caches.analysisRuns.store.get({ namespace, name });
    for (let attempt = 1; run; attempt++) {
      const spec = runSpecOf(run);
      if (!spec) return undefined;
      const next = change(spec, runStatusOf(run));
      const diff = mergeDiff(run['status'], next);
      if (!diff) return next;
      try {
        const body = { metadata: { resourceVersion: run.metadata.resourceVersion }, status: diff };
        await client.patch(
          RESOURCES.analysisRuns,
          { namespace, name },
          { kind: 'merge', body },
          { ...WRITE, subresource: 'status' },
        );
        return next;
      } catch (error) {
        const again = error instanceof ApiError && patience.after.includes(error.code);
        if (!again || attempt >= patience.attempts) throw error;
        run = await liveReader.readOne(caches.analysisRuns, { namespace, name });
      }
    }
    return undefined;
  }
}

/** A secret as a query may hold it: as it is, and escaped for either kind of quotes. */
function formsOf(value: string): string[] {
  const escaped = ['"', "'"].map(quote => {
    const rendered = renderQuery(`${quote}{{args.value}}${quote}`, new Map([['value', value]]));
    return rendered.ok ? rendered.query.slice(1, -1) : value;
  });
  return [...new Set([value, ...escaped])].filter(form => form !== '');
}
