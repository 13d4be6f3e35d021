import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

const ROLLOUT: KubeObject = {
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
let recorder: EventRecorder;
let courier: Courier;
let version: number;
/** Keys that the courier asked a pass for. */
let passes: string[];
let notices: Record<string, StoredNotice[]>;
/** How often somebody was told that an alert was not delivered. */
let warnings: number;

beforeEach(async () => {
  api = await FaultServer.start([EVENTS]);
  receiver = await aReceiver();
  transport = new Transport({ config: staticClusterConfig({ server: api.url }) });
  const client = new KubeClient({ transport, fieldManager: 'test' });
  caches = createCaches({ client });
  // It never moves: whatever happens in these tests waits for no pause to end.
  clock = new FakeClock(Date.now());
  memory = new Memory();
  recorder = new EventRecorder({ client, component: 'sluice', instance: 'test' });
  version = 0;
  passes = [];
  warnings = 0;
  notices = { 'shop/shop': [notice('rollout-uid-1', 'shop/team')] };
  courier = new Courier({
    caches,
    memory,
    secrets: new SecretReader(client),
    recorder,
    metrics: new Metrics(),
    log: createLog('warn', () => {
      warnings += 1;
    }),
    clock,
    isLeader: () => true,
    enqueue: key => {
      passes.push(key);
      setImmediate(() => courier.consider(key, ROLLOUT, notices[key] ?? []));
    },
  });
});
afterEach(async () => {
  await courier.stop();
  await recorder.drain(1_000);
  transport.close();
  await api.close();
  receiver.close();
});

const notice = (id: string, ...pending: string[]): StoredNotice => ({ ...aNotice({ id }), pending });
const webhook = (url: string) => ({ events: ['Aborted'], webhook: { url } });

function notifier(name: string, spec: Record<string, unknown>, labels: Record<string, string> = {}): void {
  version += 1;
  const known = caches.notifiers.store.get({ namespace: 'shop', name });
  caches.notifiers.store.applyEvent(known ? 'MODIFIED' : 'ADDED', {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'Notifier',
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: String(version), labels },
    spec,
  });
}
const consider = (key = 'shop/shop') => courier.consider(key, ROLLOUT, notices[key] ?? []);
const isDelivered = (id: string, to = 'shop/team', key = 'shop/shop') =>
  eventually(`${id} is delivered`, () => memory.of(key).delivered.has(`${id}|${to}`));
const isWaiting = (count = 1) => eventually('it waits for its next round', () => clock.pending >= count);

describe('an alert that waits for its next round', () => {
  it('goes out at once when its Notifier is mended', async () => {
    notifier('team', { events: ['Aborted'] });
    consider();
    await isWaiting();
    expect(passes).toEqual([]);
    notifier('team', webhook(receiver.url));
    await isDelivered('rollout-uid-1');
    expect(receiver.received).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('goes out at once when its Notifier is created', async () => {
    consider();
    await isWaiting();
    notifier('team', webhook(receiver.url));
    await isDelivered('rollout-uid-1');
  });

  it('is looked at again at once when its Notifier is deleted: the pass strikes it off', async () => {
    notifier('team', { events: ['Aborted'] });
    consider();
    await isWaiting();
    notices['shop/shop'] = [];
    caches.notifiers.store.applyEvent(
      'DELETED',
      caches.notifiers.store.get({ namespace: 'shop', name: 'team' }) as KubeObject,
    );
    expect(passes).toEqual(['shop/shop']);
    expect(clock.pending).toBe(0);
  });

  it('does so for every Rollout that owes it, and waits on where another Notifier changed', async () => {
    notices['shop/other'] = [notice('rollout-uid-2', 'shop/team'), notice('rollout-uid-3', 'shop/steam')];
    consider();
    consider('shop/other');
    await isWaiting(3);
    notifier('team', webhook(receiver.url));
    await isDelivered('rollout-uid-1');
    await isDelivered('rollout-uid-2', 'shop/team', 'shop/other');
    expect(receiver.received).toHaveLength(2);
    expect(memory.of('shop/other').delivered.has('rollout-uid-3|shop/steam')).toBe(false);
    expect(clock.pending).toBe(1);
  });

  it('waits on when only labels of its Notifier changed', async () => {
    notifier('team', { events: ['Aborted'] });
    consider();
    await isWaiting();
    notifier('team', { events: ['Aborted'] }, { team: 'a' });
    expect(clock.pending).toBe(1);
    expect(passes).toEqual([]);
  });
});

describe('an alert that is on its way when its Notifier changes', () => {
  it('gives up the old address and goes to the new one', async () => {
    const silent = await aReceiver(() => undefined);
    notifier('team', webhook(silent.url));
    consider();
    await eventually('the old address was asked', () => silent.received.length > 0);
    notifier('team', webhook(receiver.url));
    await isDelivered('rollout-uid-1');
    expect(receiver.received).toHaveLength(1);
    silent.close();
  });
});

describe('an alert that its receiver turns away', () => {
  let answers: number[];
  let picky: Receiver;
  beforeEach(async () => {
    answers = [];
    picky = await aReceiver((response, count) => void response.writeHead(answers[count - 1] ?? 200).end());
    notifier('team', webhook(picky.url));
  });
  afterEach(() => picky.close());
  const told = async () => {
    await recorder.drain(1_000);
    return [...api.of(EVENTS).objects.values()].map(event => `${event['reason']} x${event['count']}`);
  };

  it.each([401, 403, 404, 307])('with %i stays owed, and is brought again after ten minutes', async status => {
    answers = [status];
    consider();
    await isWaiting();
    await clock.advance(9 * 60_000);
    expect(picky.received).toHaveLength(1);
    expect(memory.of('shop/shop').delivered.size).toBe(0);
    await clock.advance(60_000);
    await isDelivered('rollout-uid-1');
    expect(picky.received).toHaveLength(2);
  });

  it('is brought at once when its Notifier changes', async () => {
    answers = [401];
    consider();
    await isWaiting();
    notifier('team', webhook(receiver.url));
    await isDelivered('rollout-uid-1');
    expect(receiver.received).toHaveLength(1);
  });

  it('is told once, not in each round, and again before the event is forgotten', async () => {
    answers = new Array<number>(20).fill(404);
    consider();
    for (let round = 1; round <= 4; round += 1) {
      await eventually(`round ${round} is over`, () => picky.received.length === round && clock.pending === 1);
      await clock.advance(600_000);
    }
    await eventually('the fifth round is over', () => picky.received.length === 5 && clock.pending === 1);
    expect(warnings).toBe(1);
    await clock.advance(600_000);
    await eventually('it is told again', () => warnings === 2);
    expect(await told()).toEqual(['NotifyFailed x2']);
  });

  it('for what it says is given up, and each of those is told', async () => {
    answers = [422, 422];
    notices['shop/shop'] = [notice('rollout-uid-1', 'shop/team'), notice('rollout-uid-2', 'shop/team')];
    consider();
    await isDelivered('rollout-uid-1');
    await isDelivered('rollout-uid-2');
    expect(clock.pending).toBe(0);
    expect(warnings).toBe(2);
  });
});

describe('alerts of one Rollout', () => {
  const HOUR_MS = 3_600_000;
  /** Two alerts of this long ago, to a receiver that answers so; and the ids that reached it. */
  async function brought(agoMs: number, channel: 'webhook' | 'alertmanager', ...answers: number[]): Promise<string[]> {
    const ids: string[] = [];
    const shaky = await aReceiver((response, count) => {
      const it = shaky.received[count - 1];
      ids.push(String(it?.headers['idempotency-key'] ?? JSON.parse(it?.body ?? '')[0].annotations.notice_id));
      response.writeHead(answers[count - 1] ?? 200).end();
    });
    closing.push(shaky);
    notifier('team', { events: ['Aborted'], [channel]: { url: shaky.url } });
    const at = new Date(clock.now() - agoMs).toISOString();
    const both = ['rollout-uid-1', 'rollout-uid-2'].map(id => ({ ...notice(id, 'shop/team'), at }));
    notices['shop/shop'] = both;
    consider();
    return ids;
  }
  const closing: Receiver[] = [];
  afterEach(() => {
    for (const it of closing.splice(0)) it.close();
  });

  it('reach one receiver in the order in which they came about', async () => {
    const ids = await brought(0, 'webhook', 503);
    await isDelivered('rollout-uid-2');
    expect(ids).toEqual(['rollout-uid-1', 'rollout-uid-1', 'rollout-uid-2']);
  });

  it('do not wait for one that is given up', async () => {
    const ids = await brought(0, 'webhook', 422);
    await isDelivered('rollout-uid-2');
    expect(ids).toEqual(['rollout-uid-1', 'rollout-uid-2']);
  });

  it('wait an hour at most for one on which a receiver chokes', async () => {
    const ids = await brought(HOUR_MS - 1, 'webhook', 404);
    await isWaiting();
    expect(ids).toEqual(['rollout-uid-1']);
    await clock.advance(1);
    consider();
    await isDelivered('rollout-uid-2');
  });

  it('wait as long as it takes at an Alertmanager, where an end that came first would end nothing', async () => {
    const ids = await brought(10 * HOUR_MS, 'alertmanager', 404);
    await isWaiting();
    consider();
    await clock.advance(600_000);
    await isDelivered('rollout-uid-2');
    expect(ids).toEqual(['rollout-uid-1', 'rollout-uid-1', 'rollout-uid-2']);
  });

  it('to different receivers do not wait for each other', async () => {
    const silent = await aReceiver(() => undefined);
    closing.push(silent);
    notifier('silent', webhook(silent.url));
    notifier('team', webhook(receiver.url));
    notices['shop/shop'] = [notice('rollout-uid-1', 'shop/silent'), notice('rollout-uid-2', 'shop/team')];
    consider();
    await isDelivered('rollout-uid-2');
  });
});

describe('an alert that arrives after its Rollout was forgotten', () => {
  it('is not remembered again', async () => {
    notices['shop/gone'] = [notice('rollout-uid-9', 'shop/team')];
    notifier('team', webhook(receiver.url));
    consider('shop/gone');
    memory.forget('shop/gone');
    notices['shop/gone'] = [];
    await eventually('it arrived', () => passes.includes('shop/gone'));
    expect(receiver.received).toHaveLength(1);
    expect(memory.of('shop/gone').delivered.size).toBe(0);
  });
});
