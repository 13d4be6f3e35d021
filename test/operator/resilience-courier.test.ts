import { afterEach, beforeEach, expect, it } from 'vitest';
import type { StoredNotice } from '../../src/api/rollout-status.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { staticClusterConfig } from '../../src/kube/config.ts';
import { EventRecorder } from '../../src/kube/event-recorder.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { EVENTS } from '../../src/kube/resource-types.ts';
import { Transport } from '../../src/kube/transport.ts';
import { type Caches, createCaches } from '../../src/operator/caches.ts';
import { Courier } from '../../src/operator/courier.ts';
import { createLog } from '../../src/operator/log.ts';
import { Memory } from '../../src/operator/memory.ts';
import { Metrics } from '../../src/operator/metrics.ts';
import { SecretReader } from '../../src/operator/secrets.ts';
import { aNotice } from '../notifiers/a-notice.ts';
import { aReceiver, type Receiver } from '../notifiers/receiver.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FaultServer } from '../support/fault-server.ts';

const KEY = 'shop/shop';
const rollout: KubeObject = {
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: { name: 'shop', namespace: 'shop', uid: 'rollout-uid' },
};

let api: FaultServer;
let receiver: Receiver;
let transport: Transport;
let caches: Caches;
let clock: FakeClock;
let memory: Memory;
let metrics: Metrics;
let recorder: EventRecorder;
let courier: Courier;
let notice: StoredNotice;

beforeEach(async () => {
  api = await FaultServer.start([EVENTS]);
  receiver = await aReceiver();
  transport = new Transport({ config: staticClusterConfig({ server: api.url }) });
  const client = new KubeClient({ transport, fieldManager: 'test' });
  caches = createCaches({ client });
  clock = new FakeClock(Date.now());
  memory = new Memory();
  metrics = new Metrics();
  recorder = new EventRecorder({ client, component: 'sluice', instance: 'test' });
  courier = new Courier({
    caches,
    memory,
    secrets: new SecretReader(client),
    recorder,
    metrics,
    log: createLog('debug', () => undefined),
    clock,
    isLeader: () => true,
    // As the reconciler: what is still owed is offered again by the next pass.
    enqueue: key => courier.consider(key, rollout, [notice]),
  });
  notice = { ...aNotice({ id: 'rollout-uid-1' }), pending: ['shop/team'] };
});
afterEach(async () => {
  await courier.stop();
  await recorder.drain(1_000);
  transport.close();
  await api.close();
  receiver.close();
});

function notifier(change: 'ADDED' | 'MODIFIED', spec: Record<string, unknown>): void {
  const version = change === 'ADDED' ? 1 : 2;
  caches.notifiers.store.applyEvent(change, {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'Notifier',
    metadata: {
      name: 'team',
      namespace: 'shop',
      uid: 'notifier-uid',
      generation: version,
      resourceVersion: String(version),
    },
    spec,
  });
}

const events = () =>
  [...api.of(EVENTS).objects.values()].map(event => `${event['reason']} ${event['message'] ?? event['note']}`);
async function failures(): Promise<number> {
  const text = await metrics.registry.metrics();
  const lines = text.split('\n').filter(line => line.startsWith('sluice_notifications_total{'));
  return lines
    .filter(line => !line.includes('result="delivered"'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

it('an alert for an invalid Notifier stays owed, is an event, and is sent once when the Notifier is mended', async () => {
  notifier('ADDED', { events: ['Aborted'] });
  courier.consider(KEY, rollout, [notice]);
  const told = 'NotifyFailed Notifier shop/team (unknown): spec: a Notifier needs exactly one of';
  await eventually('it is an event', () => events().some(event => event.startsWith(told)));
  expect(memory.of(KEY).delivered.size).toBe(0);
  courier.consider(KEY, rollout, [notice]);
  expect(receiver.received).toEqual([]);

  notifier('MODIFIED', { events: ['Aborted'], webhook: { url: receiver.url } });
  await clock.advance(5_000);
  await eventually('it is struck off', () => memory.of(KEY).delivered.has('rollout-uid-1|shop/team'));
  expect(receiver.received).toHaveLength(1);
  await clock.advance(600_000);
  courier.consider(KEY, rollout, [notice]);
  expect(receiver.received).toHaveLength(1);
});

it('an alert for an invalid Notifier is counted as failed', async () => {
  notifier('ADDED', { events: ['Aborted'] });
  courier.consider(KEY, rollout, [notice]);
  await eventually('it is an event', () => events().length > 0);
  expect(await failures()).toBeGreaterThan(0);
});
