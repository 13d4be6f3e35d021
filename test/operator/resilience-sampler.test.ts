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
import { canaryOnTrial, runNamed, SUCCESS_RATE } from '../support/sim-stories.ts';

const NAMESPACE = 'shop';
const rollout: KubeObject = {
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: { name: 'shop', namespace: NAMESPACE, uid: 'rollout-uid' },
};

let api: FaultServer;
let prometheus: Receiver;
let transport: Transport;
let caches: Caches;
let clock: FakeClock;
let sampler: Sampler;
let enqueued: string[];
let logged: string[];

beforeEach(async () => {
  api = await FaultServer.start([RESOURCES.analysisRuns]);
  prometheus = await aReceiver(response => {
    const result = [{ metric: {}, value: [Date.now() / 1000, '1'] }];
    response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }));
  });
  transport = new Transport({ config: staticClusterConfig({ server: api.url }) });
  const client = new KubeClient({ transport, fieldManager: 'test' });
  caches = createCaches({ client });
  clock = new FakeClock(Date.now());
  enqueued = [];
  logged = [];
  sampler = new Sampler({
    client,
    caches,
    liveReader: new LiveReader(client, caches),
    secrets: new SecretReader(client),
    metrics: new Metrics(),
    log: createLog('debug', line => logged.push(line)),
    clock,
    operatorNamespace: 'sluice-system',
    enqueue: (key, lane) => enqueued.push(`${key} ${lane}`),
  });
  const provider = { type: 'prometheus', address: prometheus.url };
  const metadata = { name: 'default', uid: 'provider-uid', generation: 1 };
  caches.metricProviders.store.applyEvent('ADDED', {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'MetricProvider',
    metadata: { ...metadata, resourceVersion: '1' },
    spec: provider,
  });
  const metrics = [
    { name: 'success', interval: '1h', threshold: { min: 0.95 }, provider: { prometheus: { query: 'up' } } },
  ];
  const run = api.of(RESOURCES.analysisRuns).create({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'AnalysisRun',
    metadata: { name: 'run', namespace: NAMESPACE },
    spec: { metrics },
  });
  caches.analysisRuns.store.applyEvent('ADDED', run);
});
afterEach(async () => {
  await sampler.stop();
  transport.close();
  await api.close();
  prometheus.close();
});

const stored = () => api.of(RESOURCES.analysisRuns).objects.get(`${NAMESPACE}/run`)?.['status'] as AnalysisRunStatus;
function theRun(): { name: string; uid: string; resourceVersion: string } {
  const { uid = '', resourceVersion = '' } =
    caches.analysisRuns.store.get({ namespace: NAMESPACE, name: 'run' })?.metadata ?? {};
  return { name: 'run', uid, resourceVersion };
}
function take(): void {
  sampler.take(rollout, { type: 'TakeSample', run: theRun(), metric: 'success' });
}

// It is awaited by a pass: tries of its own would hold up the Rollout, and a worker with it, for minutes.
describe('the end of a run', () => {
  const end = () =>
    sampler.terminate(rollout, { type: 'TerminateAnalysisRun', target: theRun(), message: 'no longer needed' });

  it('is asked for once when the API server cannot store it, and is for the next pass', async () => {
    api.inject({ verb: 'patch', times: 100, action: { kind: 'status', status: 500, reason: 'InternalError' } });
    await expect(end()).rejects.toMatchObject({ code: 'transient' });
    expect(api.requests.filter(({ verb }) => verb === 'patch')).toHaveLength(1);
  });

  it('that conflicts is read and tried once more', async () => {
    api.inject({ verb: 'patch', times: 1, action: { kind: 'status', status: 409, reason: 'Conflict' } });
    await end();
    expect(stored()).toMatchObject({ phase: 'Inconclusive', message: 'no longer needed' });
  });
});

describe('a measurement', () => {
  it('whose write conflicts a few times is stored all the same, and asked for once', async () => {
    api.inject({ verb: 'patch', times: 3, action: { kind: 'status', status: 409, reason: 'Conflict' } });
    take();
    await eventually('its Rollout is looked at', () => enqueued.length > 0);
    expect(stored().metricResults?.[0]).toMatchObject({ count: 1, successful: 1 });
    expect(prometheus.received).toHaveLength(1);
    expect(enqueued).toEqual(['shop/shop normal']);
  });

  it.each([
    [500, 'InternalError', 100],
    [409, 'Conflict', 100],
    [403, 'Forbidden', 1],
  ])(
    'whose write fails with %i wakes its Rollout after a second, and is then taken again',
    async (status, reason, times) => {
      api.inject({ verb: 'patch', times, action: { kind: 'status', status, reason } });
      take();
      await eventually('the write is given up', () => logged.some(line => line.includes('could not be stored')));
      expect(stored()).toBeUndefined();
      expect(enqueued).toEqual([]);
      await clock.advance(999);
      expect(enqueued).toEqual([]);
      await clock.advance(1);
      expect(enqueued).toEqual(['shop/shop normal']);

      api.plan.clear();
      take();
      await eventually('it is stored', () => stored()?.metricResults?.[0]?.count === 1);
      expect(prometheus.received).toHaveLength(2);
    },
  );

  it('that is under way is not started a second time', async () => {
    api.inject({ verb: 'patch', action: { kind: 'delay', ms: 200 } });
    take();
    take();
    await eventually('its Rollout is looked at', () => enqueued.length > 0);
    expect([prometheus.received.length, stored().metricResults?.[0]?.count]).toEqual([1, 1]);
  });
});

describe('a measurement that is due', () => {
  it('and does not come wakes the reconciler every ten seconds until it does', () => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE }, { interval: '1h' });
    for (let round = 0; round < 3; round++) {
      cluster.samplesTaken.length = 0;
      const decision = cluster.pass();
      expect(cluster.samplesTaken).toEqual([{ run: runNamed(cluster, '-bg'), metric: 'success' }]);
      expect(decision.wakeAt).toBe(cluster.now + 10_000);
      cluster.advance(10_000);
    }
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Successful');
    cluster.samplesTaken.length = 0;
    expect((cluster.pass().wakeAt ?? Number.POSITIVE_INFINITY) - cluster.now).toBeGreaterThan(10_000);
    expect(cluster.samplesTaken).toEqual([]);
  });
});
