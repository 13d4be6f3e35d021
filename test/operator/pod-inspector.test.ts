import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubeClient } from '../../src/kube/client.ts';
import { staticClusterConfig } from '../../src/kube/config.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { Transport } from '../../src/kube/transport.ts';
import { createCaches } from '../../src/operator/caches.ts';
import { createLog } from '../../src/operator/log.ts';
import { Memory } from '../../src/operator/memory.ts';
import { PodInspector } from '../../src/operator/pod-inspector.ts';
import { RESOURCES } from '../../src/operator/resources.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FaultServer } from '../support/fault-server.ts';

const KEY = 'shop/shop';
const ROLLOUT: KubeObject = {
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: { name: 'shop', namespace: 'shop', uid: 'rollout-uid' },
};

/** When the attempt began. */
const BEGUN = Date.parse('2026-01-01T00:00:00Z');
const EARLIER = '2025-12-01T00:00:00Z';
const LATER = '2026-01-01T00:00:05Z';

let api: FaultServer;
let transport: Transport;
let memory: Memory;
let inspector: PodInspector;
let enqueued: string[];
let clock: FakeClock;

beforeEach(async () => {
  api = await FaultServer.start([RESOURCES.pods]);
  transport = new Transport({ config: staticClusterConfig({ server: api.url }) });
  const client = new KubeClient({ transport, fieldManager: 'test' });
  const caches = createCaches({ client });
  caches.replicaSets.store.applyEvent('ADDED', {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: 'shop-abc',
      namespace: 'shop',
      uid: 'shop-abc',
      resourceVersion: '1',
      ownerReferences: [
        { apiVersion: 'sluice.dev/v1alpha1', kind: 'Rollout', name: 'shop', uid: 'rollout-uid', controller: true },
      ],
    },
  });
  memory = new Memory();
  enqueued = [];
  clock = new FakeClock();
  inspector = new PodInspector({
    client,
    caches,
    memory,
    clock,
    log: createLog('debug', () => undefined),
    enqueue: key => enqueued.push(key),
  });
});
afterEach(async () => {
  transport.close();
  await api.close();
});

function pod(name: string, container: object, owner = 'shop-abc', creationTimestamp = LATER): void {
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true }];
  api.of(RESOURCES.pods).create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...{ name, namespace: 'shop', creationTimestamp, ownerReferences },
      labels: { 'sluice.dev/pod-template-hash': 'abc' },
    },
    spec: { containers: [{ name: 'shop', image: 'shop:1' }] },
    status: { containerStatuses: [container] },
  });
}
const crashing = (restartCount: number) => ({ restartCount, state: { waiting: { reason: 'CrashLoopBackOff' } } });
const pods = () => memory.of(KEY).inspection?.pods ?? [];

describe('a look at the pods of a revision', () => {
  it('finds the one that crashes, wherever it is among many, and remembers the worst first', async () => {
    for (let n = 0; n < 80; n += 1) pod(`shop-abc-${n}`, { restartCount: n === 40 ? 1 : 0 });
    pod('shop-abc-last', crashing(7));
    inspector.inspect(ROLLOUT, 'abc', BEGUN);
    await eventually('its Rollout is looked at', () => enqueued.length > 0);
    expect(pods().slice(0, 2)).toEqual([
      { name: 'shop-abc-last', ready: false, restarts: 7, waiting: 'CrashLoopBackOff' },
      { name: 'shop-abc-40', ready: false, restarts: 1 },
    ]);
    expect(pods()).toHaveLength(50);
  });

  it.each(['cart', 'shop-eu'])('leaves out pods of another Rollout with an equal template, also of %s', async other => {
    for (let n = 0; n < 60; n += 1) pod(`${other}-abc-${n}`, crashing(9), `${other}-abc`);
    pod('shop-abc-1', { restartCount: 0, state: { waiting: { reason: 'ImagePullBackOff' } } });
    inspector.inspect(ROLLOUT, 'abc', BEGUN);
    await eventually('its Rollout is looked at', () => enqueued.length > 0);
    expect(pods()).toEqual([{ name: 'shop-abc-1', ready: false, restarts: 0, waiting: 'ImagePullBackOff' }]);
  });

  it('holds against a pod what it restarts in this attempt, not what it did in an earlier life of its revision', async () => {
    pod('shop-abc-old', crashing(4), 'shop-abc', EARLIER);
    pod('shop-abc-new', crashing(2));
    const look = async (since: number) => {
      enqueued.length = 0;
      inspector.inspect(ROLLOUT, 'abc', since);
      await eventually('its Rollout is looked at', () => enqueued.length > 0);
      return Object.fromEntries(pods().map(({ name, restarts }) => [name, restarts]));
    };
    expect(await look(BEGUN)).toEqual({ 'shop-abc-old': 0, 'shop-abc-new': 2 });
    api.of(RESOURCES.pods).patch('shop/shop-abc-old', { status: { containerStatuses: [crashing(6)] } });
    expect(await look(BEGUN)).toEqual({ 'shop-abc-old': 2, 'shop-abc-new': 2 });
    // Tried again: both are of an earlier attempt now.
    expect(await look(Date.parse(LATER) + 60_000)).toEqual({ 'shop-abc-old': 0, 'shop-abc-new': 0 });
  });

  it('holds against the first pods of an attempt what they did before they were looked at', async () => {
    // The API server tells whole seconds, and the look may come after a restart of the operator.
    pod('shop-abc-first', crashing(4), 'shop-abc', '2026-01-01T00:00:00Z');
    inspector.inspect(ROLLOUT, 'abc', BEGUN + 400);
    await eventually('its Rollout is looked at', () => enqueued.length > 0);
    expect(pods()).toMatchObject([{ restarts: 4 }]);
  });

  it('waits for as long as the server asks for', async () => {
    pod('shop-abc-1', crashing(3));
    api.inject({ verb: 'list', action: { kind: 'status', status: 429, headers: { 'retry-after': '3' } } });
    inspector.inspect(ROLLOUT, 'abc', BEGUN);
    await eventually('it is told to wait', () => api.seen('list').length === 1);
    for (let n = 0; n < 5; n += 1) {
      inspector.inspect(ROLLOUT, 'abc', BEGUN);
      await new Promise(resolve => setTimeout(resolve, 10));
    }
    expect(api.seen('list')).toHaveLength(1);
    await clock.advance(3_000);
    inspector.inspect(ROLLOUT, 'abc', BEGUN);
    await eventually('its Rollout is looked at', () => enqueued.length > 0);
  });

  it('that ends after its Rollout was forgotten is forgotten with it', async () => {
    pod('shop-abc-1', crashing(3));
    api.inject({ verb: 'list', action: { kind: 'delay', ms: 50 } });
    inspector.inspect(ROLLOUT, 'abc', BEGUN);
    memory.forget(KEY);
    await eventually('it has ended', () => enqueued.length > 0);
    expect(memory.of(KEY).inspection).toBeUndefined();
  });
});
