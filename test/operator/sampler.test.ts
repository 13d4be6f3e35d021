import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AnalysisRunStatus } from '../../src/api/analysis-run.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { staticClusterConfig } from '../../src/kube/config.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { Transport } from '../../src/kube/transport.ts';
import { type Caches, createCaches } from '../../src/operator/caches.ts';
import { LiveReader } from '../../src/operator/live-reader.ts';
import { createLog } from '../../src/operator/log.ts';
import { Metrics } from '../../src/operator/metrics.ts';
import { RESOURCES } from '../../src/operator/resources.ts';
import { Sampler } from '../../src/operator/sampler.ts';
import { SecretReader } from '../../src/operator/secrets.ts';
import { aReceiver, type Receiver } from '../notifiers/receiver.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FaultServer } from '../support/fault-server.ts';

const NAMESPACE = 'shop';
const SECRET = 's3cr3t["tenant-token';
const ROLLOUT: KubeObject = {
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: { name: 'shop', namespace: NAMESPACE, uid: 'rollout-uid', resourceVersion: '1' },
};

let api: FaultServer;
let prometheus: Receiver;
let transport: Transport;
let caches: Caches;
let metrics: Metrics;
let sampler: Sampler;
let enqueued: string[];
let logged: string[];
let answer: { status: number; body: object };

beforeEach(async () => {
  api = await FaultServer.start([RESOURCES.analysisRuns, RESOURCES.secrets]);
  const result = [{ metric: {}, value: [Date.now() / 1000, '1'] }];
  answer = { status: 200, body: { status: 'success', data: { resultType: 'vector', result } } };
  prometheus = await aReceiver(response => {
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
  });
  transport = new Transport({ config: staticClusterConfig({ server: api.url }) });
  const client = new KubeClient({ transport, fieldManager: 'test' });
  caches = createCaches({ client });
  metrics = new Metrics();
  enqueued = [];
  logged = [];
  sampler = new Sampler({
    client,
    caches,
    liveReader: new LiveReader(client, caches),
    secrets: new SecretReader(client),
    metrics,
    log: createLog('debug', line => logged.push(line)),
    clock: new FakeClock(Date.now()),
    operatorNamespace: 'sluice-system',
    enqueue: (key, lane) => enqueued.push(`${key} ${lane}`),
  });
  caches.metricProviders.store.applyEvent('ADDED', {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'MetricProvider',
    metadata: { name: 'default', uid: 'provider-uid', generation: 1, resourceVersion: '1' },
    spec: { type: 'prometheus', address: prometheus.url },
  });
  caches.rollouts.store.applyEvent('ADDED', ROLLOUT);
});
afterEach(async () => {
  await sampler.stop();
  transport.close();
  await api.close();
  prometheus.close();
});

/** Takes one measurement and waits until its Rollout is to be looked at. */
async function measure(query: string, args: object[] = []): Promise<void> {
  const run = api.of(RESOURCES.analysisRuns).create({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'AnalysisRun',
    metadata: { name: 'run', namespace: NAMESPACE },
    spec: {
      args,
      metrics: [{ name: 'success', interval: '1h', threshold: { min: 0.95 }, provider: { prometheus: { query } } }],
    },
  });
  caches.analysisRuns.store.applyEvent('ADDED', run);
  const { uid = '', resourceVersion = '' } = run.metadata;
  sampler.take(ROLLOUT, { type: 'TakeSample', run: { name: 'run', uid, resourceVersion }, metric: 'success' });
  await eventually('it is measured', () => enqueued.length > 0);
}
const stored = () => api.of(RESOURCES.analysisRuns).objects.get(`${NAMESPACE}/run`)?.['status'] as AnalysisRunStatus;

describe('of a secret argument', () => {
  const args = [{ name: 'token', valueFrom: { secretKeyRef: { name: 'tokens', key: 't' } } }];
  const QUERY = 'up{t=~"{{args.token}}"}';
  beforeEach(() => {
    api.of(RESOURCES.secrets).create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'tokens', namespace: NAMESPACE },
      data: { t: Buffer.from(SECRET).toString('base64') },
    });
  });
  const shown = () => JSON.stringify([stored(), logged]);

  it.each([
    ['a fragment of it', SECRET.slice(6)],
    ['it as it is', SECRET],
    ['it as the query holds it', SECRET.replaceAll('"', '\\"')],
    ['it quoted once more', JSON.stringify(SECRET.replaceAll('"', '\\"'))],
  ])('nothing is shown when the provider, refusing the query, quotes %s', async (_what, quoted) => {
    const error = `invalid parameter "query": parse error: error parsing regexp: missing closing ]: ${quoted}`;
    answer = { status: 400, body: { status: 'error', errorType: 'bad_data', error } };
    await measure(QUERY, args);
    // The provider did get it.
    expect(new URL(prometheus.received[0]?.path ?? '', 'http://x').searchParams.get('query')).toBe(
      'up{t=~"s3cr3t[\\"tenant-token"}',
    );
    expect(shown()).not.toMatch(/s3cr3t|tenant|token"\S/);
    expect(shown()).toContain('bad_data: what the provider says is not shown');
    expect(stored().metricResults?.[0]).toMatchObject({ error: 1 });
  });

  it('nothing is shown when the provider quotes it in a warning', async () => {
    const data = { resultType: 'vector', result: [] };
    answer = { status: 200, body: { status: 'success', data, warnings: [`no store for ${SECRET.slice(2)}`] } };
    await measure(QUERY, args);
    expect(shown()).not.toMatch(/cr3t|tenant/);
    expect(shown()).toContain('a warning of the provider is not shown');
  });

  it('that a query does not use, nothing is hidden', async () => {
    answer = { status: 400, body: { status: 'error', errorType: 'bad_data', error: 'unexpected end of input' } };
    await measure('sum(up', args);
    expect(shown()).toContain('unexpected end of input');
  });
});

describe('the series of a measurement', () => {
  const series = async () =>
    (await metrics.registry.metrics()).split('\n').filter(line => /^sluice_gate_\w+\{/.test(line));

  it('are there while its Rollout is', async () => {
    await measure('up');
    expect(await series()).toHaveLength(3);
  });

  it.each([
    ['is deleted', []],
    ['is deleted and another has its name', [{ ...ROLLOUT.metadata, uid: 'another', resourceVersion: '3' }]],
  ])('are not made again when its Rollout %s meanwhile', async (_what, then) => {
    caches.rollouts.store.applyEvent('DELETED', {
      ...ROLLOUT,
      metadata: { ...ROLLOUT.metadata, resourceVersion: '2' },
    });
    for (const metadata of then) caches.rollouts.store.applyEvent('ADDED', { ...ROLLOUT, metadata });
    await measure('up');
    expect(stored().metricResults?.[0]).toMatchObject({ count: 1 });
    expect(await series()).toEqual([]);
  });
});
