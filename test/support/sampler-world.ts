import { type AnalysisRunStatus, isBadPhase } from '../../src/api/analysis-run.ts';
import type { Metric } from '../../src/api/analysis-template.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { staticClusterConfig } from '../../src/kube/config.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { Transport } from '../../src/kube/transport.ts';
import { type Caches, cacheOf, createCaches } from '../../src/operator/caches.ts';
import { LiveReader } from '../../src/operator/live-reader.ts';
import { createLog } from '../../src/operator/log.ts';
import { Metrics } from '../../src/operator/metrics.ts';
import { RESOURCES } from '../../src/operator/resources.ts';
import { Sampler } from '../../src/operator/sampler.ts';
import { SecretReader } from '../../src/operator/secrets.ts';
import { aReceiver, type Receiver } from '../notifiers/receiver.ts';
import { FakeClock } from './fake-clock.ts';
import { FaultServer } from './fault-server.ts';

const NAMESPACE = 'shop';

/** Whose runs are measured. */
export const ROLLOUT: KubeObject = {
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: { name: 'shop', namespace: NAMESPACE, uid: 'rollout-uid', resourceVersion: '1' },
};

/** A sampler between an API server and a Prometheus that do as they are told; time moves only when a test says so. */
export class SamplerWorld {
  readonly clock = new FakeClock(Date.now());
  readonly metrics = new Metrics();
  readonly enqueued: string[] = [];
  readonly logged: string[] = [];
  readonly caches: Caches;
  readonly sampler: Sampler;
  readonly api: FaultServer;
  readonly prometheus: Receiver;
  /** What Prometheus answers next. */
  readonly answer: { status: number; body: object };
  /** From now on Prometheus does not answer, until the function that is returned is called. */
  readonly holdAnswers: () => () => void;
  readonly #transport: Transport;

  private constructor(
    api: FaultServer,
    prometheus: Receiver,
    answer: SamplerWorld['answer'],
    hold: SamplerWorld['holdAnswers'],
  ) {
    this.holdAnswers = hold;
    this.api = api;
    this.prometheus = prometheus;
    this.answer = answer;
    this.#transport = new Transport({ config: staticClusterConfig({ server: api.url }), clock: this.clock });
    const client: KubeClient = new KubeClient({
      transport: this.#transport,
      fieldManager: 'test',
      onWritten: (type, object) => cacheOf(this.caches, type)?.store.noteWritten(object),
    });
    this.caches = createCaches({ client });
    this.sampler = new Sampler({
      client,
      caches: this.caches,
      liveReader: new LiveReader(client, this.caches),
      secrets: new SecretReader(client),
      metrics: this.metrics,
      log: createLog('debug', line => this.logged.push(line)),
      clock: this.clock,
      operatorNamespace: 'sluice-system',
      enqueue: (key, lane = 'normal') => this.enqueued.push(`${key} ${lane}`),
    });
    // What the operator's own handler makes of a verdict.
    this.caches.analysisRuns.store.addHandler((_type, run) => {
      if (isBadPhase((run['status'] as Partial<AnalysisRunStatus> | undefined)?.phase ?? ''))
        this.enqueued.push('shop/shop urgent');
    });
  }

  static async open(): Promise<SamplerWorld> {
    const api = await FaultServer.start([RESOURCES.analysisRuns, RESOURCES.secrets]);
    const answer = { status: 200, body: measured(1) };
    let held: (() => void)[] | undefined;
    const hold = () => {
      held = [];
      return () => {
        for (const send of held ?? []) send();
        held = undefined;
      };
    };
    const prometheus = await aReceiver(response => {
      const send = () =>
        response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
      if (held) held.push(send);
      else send();
    });
    const world = new SamplerWorld(api, prometheus, answer, hold);
    world.provider();
    return world;
  }

  /** Caches the MetricProvider, with what its spec says besides the address. */
  provider(more: object = {}): void {
    const known = this.caches.metricProviders.store.get({ name: 'default' });
    const generation = (known?.metadata.generation ?? 0) + 1;
    this.caches.metricProviders.store.applyEvent(known ? 'MODIFIED' : 'ADDED', {
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'MetricProvider',
      metadata: { name: 'default', uid: 'provider-uid', generation, resourceVersion: String(generation) },
      spec: { type: 'prometheus', address: this.prometheus.url, ...more },
    });
  }

  async close(): Promise<void> {
    await this.sampler.stop();
    this.#transport.close();
    await this.api.close();
    this.prometheus.close();
  }

  /** From the next measurement on; undefined: no data. */
  measures(value: number | undefined): void {
    this.answer.body = measured(value);
  }

  /** Stores and caches a run of one metric, and of more of the same kind by their names. */
  createRun(metric: Partial<Metric> = {}, args: object[] = [], name = 'run', more: readonly string[] = []): void {
    const run = this.api.of(RESOURCES.analysisRuns).create({
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'AnalysisRun',
      metadata: { name, namespace: NAMESPACE },
      spec: {
        args,
        metrics: ['success', ...more].map(metricName => ({
          name: metricName,
          interval: '1h',
          threshold: { min: 0.95 },
          provider: { prometheus: { query: `up{metric="${metricName}"}` } },
          ...metric,
        })),
      },
    });
    this.caches.analysisRuns.store.applyEvent('ADDED', run);
  }

  /** Caches a Rollout that waits for these runs. */
  rolloutWaitsFor(...runs: string[]): void {
    this.rolloutIs({}, runs);
  }

  rolloutIs(metadata: Partial<KubeObject['metadata']>, runs: string[], phase = 'Progressing'): void {
    const analysis = Object.fromEntries(runs.map((run, index) => [`gate${index}`, run]));
    const next = String(Number(this.#stored()?.metadata.resourceVersion ?? '0') + 1);
    this.caches.rollouts.store.applyEvent('MODIFIED', {
      ...ROLLOUT,
      metadata: { ...ROLLOUT.metadata, ...metadata, resourceVersion: next },
      status: { analysis, phase },
    });
  }

  #stored(): KubeObject | undefined {
    return this.caches.rollouts.store.get({ namespace: NAMESPACE, name: 'shop' });
  }

  target(name = 'run'): { name: string; uid: string; resourceVersion: string } {
    const stored = this.caches.analysisRuns.store.get({ namespace: NAMESPACE, name });
    const { uid = '', resourceVersion = '' } = stored?.metadata ?? {};
    return { name, uid, resourceVersion };
  }

  take(name = 'run'): void {
    this.sampler.take(ROLLOUT, { type: 'TakeSample', run: this.target(name), metric: 'success' });
  }

  terminate(name = 'run'): Promise<void> {
    return this.sampler.terminate(ROLLOUT, {
      type: 'TerminateAnalysisRun',
      target: this.target(name),
      message: 'no longer needed',
    });
  }

  status(name = 'run'): AnalysisRunStatus {
    return this.api.of(RESOURCES.analysisRuns).objects.get(`${NAMESPACE}/${name}`)?.['status'] as AnalysisRunStatus;
  }

  /** Measurements that are stored. */
  count(name = 'run'): number {
    return this.status(name)?.metricResults?.[0]?.count ?? 0;
  }

  /** Writes that reached the API server. */
  get patches(): number {
    return this.api.requests.filter(({ verb }) => verb === 'patch').length;
  }
}

const measured = (value: number | undefined) => ({
  status: 'success',
  data: {
    resultType: 'vector',
    result: value === undefined ? [] : [{ metric: {}, value: [Date.now() / 1000, String(value)] }],
  },
});
