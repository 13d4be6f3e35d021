import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StandingAlert, StoredNotice } from '../../src/api/rollout-status.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { staticClusterConfig } from '../../src/kube/config.ts';
import { EventRecorder } from '../../src/kube/event-recorder.ts';
import { type KubeObject, nameOf } from '../../src/kube/kube-object.ts';
import { EVENTS } from '../../src/kube/resource-types.ts';
import { Transport } from '../../src/kube/transport.ts';
import type { Alert } from '../../src/notifiers/alertmanager.ts';
import { type Caches, createCaches } from '../../src/operator/caches.ts';
import { Courier } from '../../src/operator/courier.ts';
import { createLog } from '../../src/operator/log.ts';
import { Memory } from '../../src/operator/memory.ts';
import { Metrics } from '../../src/operator/metrics.ts';
import { RESOURCES } from '../../src/operator/resources.ts';
import { SecretReader } from '../../src/operator/secrets.ts';
import { aNotice } from '../notifiers/a-notice.ts';
import { aReceiver, type Receiver } from '../notifiers/receiver.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FaultServer } from '../support/fault-server.ts';

const MINUTE_MS = 60_000;
const KEY = 'shop/shop';
const FROM_SECRET = { urlSecretRef: { name: 'alerts', key: 'url' } };

let api: FaultServer;
let transport: Transport;
let client: KubeClient;
let caches: Caches;
let clock: FakeClock;
let memory: Memory;
let recorder: EventRecorder;
let courier: Courier;
let receivers: Receiver[];
let version: number;
let isLeader: boolean;
let lines: string[];

beforeEach(async () => {
  api = await FaultServer.start([EVENTS, RESOURCES.secrets]);
  clock = new FakeClock(Date.parse('2026-01-01T02:00:00Z'));
  transport = new Transport({ config: staticClusterConfig({ server: api.url }), clock });
  client = new KubeClient({ transport, fieldManager: 'test' });
  caches = createCaches({ client });
  memory = new Memory();
  recorder = new EventRecorder({ client, component: 'sluice', instance: 'test' });
  receivers = [];
  version = 0;
  isLeader = true;
  lines = [];
  courier = aCourier();
});
afterEach(async () => {
  await courier.stop();
  await recorder.drain(1_000);
  transport.close();
  await api.close();
  for (const one of receivers) one.close();
});

function aCourier(): Courier {
  return new Courier({
    caches,
    memory,
    secrets: new SecretReader(client),
    recorder,
    metrics: new Metrics(),
    log: createLog('info', line => lines.push(line)),
    clock,
    isLeader: () => isLeader,
    enqueue: () => undefined,
  });
}
async function receiver(...args: Parameters<typeof aReceiver>): Promise<Receiver> {
  const one = await aReceiver(...args);
  receivers.push(one);
  return one;
}
function notifier(spec: Record<string, unknown>, name = 'pager'): void {
  version += 1;
  const known = caches.notifiers.store.get({ namespace: 'shop', name });
  caches.notifiers.store.applyEvent(known ? 'MODIFIED' : 'ADDED', {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'Notifier',
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: String(version) },
    spec,
  });
}
const alertmanager = (url: string, more: object = {}) => ({ alertmanager: { url }, ...more });
const rollout = (key: string): KubeObject => ({
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: { ...nameOf(key), uid: `uid-${key}` },
});
const idOf = (key: string, event: string) => `uid-${key}-${event}`;
function alert(key = KEY, event: StandingAlert['event'] = 'Aborted', to = ['shop/pager']): StandingAlert {
  return { ...aNotice({ id: idOf(key, event), event }), event, to };
}
const ended = (key = KEY, event: 'Recovered' | 'Resumed' = 'Recovered'): StoredNotice => ({
  ...aNotice({ id: idOf(key, event), event }),
  pending: ['shop/pager'],
});
/** What a pass over a Rollout said. */
const pass = (alerts: StandingAlert[], notices: StoredNotice[] = [], key = KEY) =>
  courier.consider(key, rollout(key), notices, alerts);
const alertsIn = ({ received }: Receiver, nth: number) => JSON.parse(received[nth]?.body ?? '[]') as Alert[];
const shown = (at: Receiver, nth: number) =>
  alertsIn(at, nth).map(({ labels }) => `${labels['rollout']} ${labels['alertname']}`);
const has = (at: Receiver, count: number) => eventually(`request ${count} is there`, () => at.received.length >= count);
/** Long enough for a request that must not be made. */
const stays = async (at: Receiver, count: number) => {
  await sleep(50);
  expect(at.received.length).toBe(count);
};
/** Lets a round end: what it does after its last answer takes no timer. */
const rest = () => sleep(20);
const told = () => lines.map(line => (JSON.parse(line) as { message: string }).message);

describe('an alert that lasts', () => {
  it('is sent each minute as it was first sent, ending five minutes later, with nothing read or written', async () => {
    const alerts = await receiver();
    notifier({ alertmanager: { url: alerts.url, labels: { team: 'shop' } } });
    pass([alert()]);
    await clock.advance(MINUTE_MS - 1);
    await stays(alerts, 0);
    for (const minute of [1, 2, 3]) {
      await clock.advance(minute === 1 ? 1 : MINUTE_MS);
      await has(alerts, minute);
      expect(alertsIn(alerts, minute - 1)).toMatchObject([
        {
          labels: { alertname: 'SluiceRolloutAborted', namespace: 'shop', rollout: 'shop', team: 'shop' },
          annotations: { notice_id: idOf(KEY, 'Aborted'), cause: 'AnalysisFailed' },
          startsAt: '2026-01-01T00:00:00.000Z',
          endsAt: `2026-01-01T02:0${minute + 5}:00.000Z`,
        },
      ]);
      await rest();
    }
    await recorder.drain(1_000);
    expect(api.requests).toEqual([]);
    expect(told()).toEqual([]);
  });

  it('is taken up by the next operator, which tells other channels nothing anew', async () => {
    const [alerts, chat] = [await receiver(), await receiver()];
    notifier(alertmanager(alerts.url));
    notifier({ webhook: { url: chat.url } }, 'chat');
    const stored: [StandingAlert[], StoredNotice[]] = [[alert()], []];
    pass(...stored);
    await courier.stop();
    courier = aCourier();
    pass(...stored);
    await clock.advance(MINUTE_MS);
    await has(alerts, 1);
    await stays(chat, 0);
  });

  it('has no timer where nothing lasts', async () => {
    notifier(alertmanager('http://alerts.invalid'));
    pass([]);
    expect(clock.pending).toBe(0);
    pass([alert()]);
    expect(clock.pending).toBe(1);
    pass([]);
    await clock.advance(MINUTE_MS);
    expect(clock.pending).toBe(0);
  });

  it('is not sent again before it was sent for the first time', async () => {
    const alerts = await receiver(response => void response.writeHead(401).end());
    notifier(alertmanager(alerts.url));
    pass([alert()], [{ ...aNotice({ id: idOf(KEY, 'Aborted') }), pending: ['shop/pager'] }]);
    await has(alerts, 1);
    await clock.advance(5 * MINUTE_MS);
    await stays(alerts, 1);
  });

  it.each<[string, () => void]>([
    ['it has ended', () => pass([])],
    ['its Rollout is gone', () => courier.forget(KEY)],
    [
      'its Notifier is gone',
      () => {
        const gone = caches.notifiers.store.get({ namespace: 'shop', name: 'pager' });
        if (gone) caches.notifiers.store.applyEvent('DELETED', gone);
      },
    ],
    [
      'its Notifier asks for other events',
      () => notifier(alertmanager(receivers[0]?.url ?? '', { events: ['Paused'] })),
    ],
    [
      'its Notifier asks for other Rollouts',
      () => notifier(alertmanager(receivers[0]?.url ?? '', { rollouts: ['cart'] })),
    ],
    ['its Notifier has become another channel', () => notifier({ webhook: FROM_SECRET })],
    [
      'another process leads',
      () => {
        isLeader = false;
        notifier({ alertmanager: FROM_SECRET });
      },
    ],
    ['the operator stops', () => void courier.stop()],
  ])('is sent no more when %s', async (_when, change) => {
    const alerts = await receiver();
    notifier(alertmanager(alerts.url));
    pass([alert()]);
    await clock.advance(MINUTE_MS);
    await has(alerts, 1);
    await rest();
    change();
    await clock.advance(3 * MINUTE_MS);
    await stays(alerts, 1);
    expect(api.requests).toEqual([]);
  });

  it('is sent no more in the middle of a round when another process leads', async () => {
    const alerts = await receiver(response => {
      isLeader = false;
      response.end();
    });
    notifier(alertmanager(alerts.url));
    for (let index = 0; index < 22; index += 1) pass([alert(`shop/shop-${index}`)], [], `shop/shop-${index}`);
    await clock.advance(MINUTE_MS);
    await has(alerts, 1);
    await stays(alerts, 1);
  });
});

describe('stopping', () => {
  it('clears the timer and gives up what is on its way', async () => {
    const alerts = await receiver(() => undefined);
    notifier(alertmanager(alerts.url));
    pass([alert()]);
    await clock.advance(MINUTE_MS);
    await has(alerts, 1);
    const startedAt = performance.now();
    await courier.stop();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(clock.pending).toBe(0);
    expect(told()).toEqual([]);
  });
});

describe('the end of an alert', () => {
  it('is sent after what is on its way, which would have it fire again', async () => {
    let answer: () => void = () => undefined;
    const alerts = await receiver((response, count) => {
      answer = () => void response.end();
      if (count > 1) answer();
    });
    notifier(alertmanager(alerts.url));
    pass([alert()]);
    await clock.advance(MINUTE_MS);
    await has(alerts, 1);
    pass([], [ended()]);
    await stays(alerts, 1);
    answer();
    await has(alerts, 2);
    expect(alertsIn(alerts, 1).every(({ startsAt, endsAt }) => startsAt === endsAt)).toBe(true);
    await clock.advance(3 * MINUTE_MS);
    await stays(alerts, 2);
  });

  it('that comes in the middle of a round leaves the alert out of the rest of it', async () => {
    let answer: () => void = () => undefined;
    const alerts = await receiver((response, count) => {
      answer = () => void response.end();
      if (count > 1) answer();
    });
    notifier(alertmanager(alerts.url));
    const keys = Array.from({ length: 22 }, (_, index) => `shop/shop-${index}`);
    for (const key of keys) pass([alert(key)], [], key);
    await clock.advance(MINUTE_MS);
    await has(alerts, 1);
    pass([], [], 'shop/shop-20');
    answer();
    await has(alerts, 2);
    expect(shown(alerts, 1)).toEqual(['shop-21 SluiceRolloutAborted']);
  });
});

describe('many alerts', () => {
  it('go to one Alertmanager twenty at a time, one request after another', async () => {
    const alerts = await receiver();
    notifier(alertmanager(alerts.url));
    for (let index = 0; index < 45; index += 1) {
      const key = `shop/shop-${index}`;
      pass([alert(key)], [], key);
    }
    pass([alert('shop/shop-0', 'Degraded'), alert('shop/shop-0', 'Paused')], [], 'shop/shop-0');
    await clock.advance(MINUTE_MS);
    await has(alerts, 3);
    expect([0, 1, 2].map(nth => alertsIn(alerts, nth).length)).toEqual([20, 20, 6]);
    expect(shown(alerts, 0).slice(0, 2)).toEqual(['shop-0 SluiceRolloutDegraded', 'shop-0 SluiceRolloutPaused']);
    await stays(alerts, 3);
  });

  it('are not sent one after another to an Alertmanager that does not answer', async () => {
    const alerts = await receiver(response => void response.writeHead(503).end());
    notifier(alertmanager(alerts.url));
    for (let index = 0; index < 45; index += 1) pass([alert(`shop/shop-${index}`)], [], `shop/shop-${index}`);
    await clock.advance(MINUTE_MS);
    await has(alerts, 1);
    await stays(alerts, 1);
  });

  it('are all sent when some are refused', async () => {
    const alerts = await receiver((response, count) => void response.writeHead(count === 1 ? 400 : 200).end());
    notifier(alertmanager(alerts.url));
    for (let index = 0; index < 45; index += 1) pass([alert(`shop/shop-${index}`)], [], `shop/shop-${index}`);
    await clock.advance(MINUTE_MS);
    await has(alerts, 3);
    await eventually('it is told', () => told().length === 1);
  });
});

describe('a slow Alertmanager', () => {
  it('holds up no other receiver, and is not asked again before it has answered', async () => {
    const [slow, quick, chat] = [await receiver(() => undefined), await receiver(), await receiver()];
    notifier(alertmanager(slow.url), 'slow');
    notifier(alertmanager(quick.url), 'quick');
    notifier({ webhook: { url: chat.url } }, 'chat');
    pass([alert(KEY, 'Aborted', ['shop/slow', 'shop/quick'])]);
    for (const minute of [1, 2, 3]) {
      await clock.advance(MINUTE_MS);
      await has(quick, minute);
      await rest();
    }
    expect(slow.received).toHaveLength(1);
    pass([alert(KEY, 'Aborted', ['shop/slow', 'shop/quick'])], [{ ...ended(), pending: ['shop/chat', 'shop/quick'] }]);
    await has(chat, 1);
    await has(quick, 4);
  });
});

describe('an Alertmanager that is away', () => {
  it('is told of once in each outage, in the log alone', async () => {
    let isAway = true;
    const alerts = await receiver(response => void response.writeHead(isAway ? 503 : 200).end());
    notifier(alertmanager(alerts.url));
    pass([alert()]);
    let count = 0;
    const minutes = async (many: number) => {
      for (let minute = 0; minute < many; minute += 1) {
        await clock.advance(MINUTE_MS);
        count += 1;
        await has(alerts, count);
        await rest();
      }
    };
    await minutes(3);
    expect(told()).toEqual(['alerts that last cannot be sent again']);
    expect(lines[0]).toContain('HTTP 503');
    isAway = false;
    await minutes(2);
    expect(told().slice(1)).toEqual(['alerts that last are sent again']);
    isAway = true;
    await minutes(2);
    expect(told().slice(2)).toEqual(['alerts that last cannot be sent again']);
    await recorder.drain(1_000);
    expect(api.requests).toEqual([]);
  });
});

describe('an address in a Secret', () => {
  const address = { alertmanager: FROM_SECRET };
  const looks = () => api.seen('get', 'secrets').length;
  function store(url: string): void {
    const metadata = { name: 'alerts', namespace: 'shop' };
    const secrets = api.of(RESOURCES.secrets);
    const data = { url: Buffer.from(url).toString('base64') };
    const known = [...secrets.objects.values()][0];
    if (known) known['data'] = data;
    else secrets.create({ apiVersion: 'v1', kind: 'Secret', metadata, data });
  }
  async function minute(at: Receiver, count: number): Promise<void> {
    await clock.advance(MINUTE_MS);
    await has(at, count);
    await rest();
  }

  it('is read once an hour while it works, and anew when the Notifier changes', async () => {
    const alerts = await receiver();
    store(alerts.url);
    notifier(address);
    pass([alert()]);
    for (let count = 1; count <= 5; count += 1) await minute(alerts, count);
    expect(looks()).toBe(1);
    notifier({ ...address, events: ['Aborted'] });
    await minute(alerts, 6);
    expect(looks()).toBe(2);
    clock.freeze(60 * MINUTE_MS);
    await minute(alerts, 7);
    expect(looks()).toBe(3);
  });

  it('is read anew when it does not work any more', async () => {
    const [old, next] = [
      await receiver((response, count) => void response.writeHead(count > 1 ? 404 : 200).end()),
      await receiver(),
    ];
    store(old.url);
    notifier(address);
    pass([alert()]);
    await minute(old, 1);
    store(next.url);
    await minute(old, 2);
    await minute(next, 1);
    expect(looks()).toBe(2);
  });

  it('that cannot be read is told of once', async () => {
    notifier(address);
    pass([alert()]);
    for (const round of [1, 2]) {
      await clock.advance(MINUTE_MS);
      await eventually('it was looked at', () => looks() === round);
      await rest();
    }
    expect(told()).toEqual(['alerts that last cannot be sent again']);
    expect(lines[0]).toContain('Secret shop/alerts does not exist');
  });
});
