import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/kube/clock.ts';
import type { Alert } from '../../src/notifiers/alertmanager.ts';
import { aReceiver, type Receiver } from '../notifiers/receiver.ts';
import { eventually } from '../support/eventually.ts';
import { NAMESPACE, OperatorWorld, TYPES } from '../support/operator-world.ts';

/** Timers of a minute take a tenth of a second. */
const quick: Clock = {
  ...systemClock,
  setTimeout: (fn, ms) => systemClock.setTimeout(fn, ms === 60_000 ? 100 : ms),
};
/** Longer than a Rollout's name may be: it is Invalid, until it is gone. */
const NAME = 'shop-'.repeat(14).slice(0, 64);
const ROLLOUT = `apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: ${NAME}}
spec:
  replicas: 0
  selector: {matchLabels: {app: shop}}
  template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: shop, image: "shop:1"}]}}
  strategy: {canary: {steps: [{setWeight: 20}]}}
`;
const notifier = (name: string, channel: string, { url }: Receiver) => `apiVersion: sluice.dev/v1alpha1
kind: Notifier
metadata: {name: ${name}}
spec: {events: [Invalid], ${channel}: {url: "${url}"}}
`;

let world: OperatorWorld;
let alerts: Receiver;
let chat: Receiver;
beforeEach(async () => {
  world = await OperatorWorld.start(false);
  alerts = await aReceiver();
  chat = await aReceiver();
});
afterEach(async () => {
  alerts.close();
  chat.close();
  await world.stop();
});

it('an alert that lasts outlives its operator, asks nothing of the API server, and goes with its Rollout', async () => {
  const first = await world.startOperator();
  await world.apply(notifier('pager', 'alertmanager', alerts));
  await world.apply(notifier('chat', 'webhook', chat));
  await world.apply(ROLLOUT);
  const status = async () =>
    (await world.find(TYPES.rollouts, NAME))?.['status'] as { alerts?: unknown[]; notices?: unknown[] } | undefined;
  await eventually('it is told, and nothing is owed', async () => {
    const now = await status();
    return now?.alerts?.length === 1 && now.notices === undefined;
  });
  expect([alerts.received.length, chat.received.length]).toEqual([1, 1]);
  await first.stop();

  await world.startOperator({ clock: quick });
  await eventually('it is sent again', () => alerts.received.length >= 3);
  const [begun, ...again] = alerts.received.map(({ body }) => (JSON.parse(body) as Alert[])[0]);
  for (const alert of again) {
    expect({ ...alert, endsAt: '' }).toEqual({ ...begun, endsAt: '' });
    expect(Date.parse(alert?.endsAt ?? '')).toBeGreaterThan(Date.parse(begun?.endsAt ?? ''));
  }
  const asked = world.requests.length;
  const sent = alerts.received.length;
  await eventually('it is sent on', () => alerts.received.length >= sent + 3);
  // Routes are not served here, and are looked for each minute.
  const others = world.requests.slice(asked).filter(({ resource }) => resource !== 'httproutes');
  expect(others.map(({ verb, resource, name }) => `${verb} ${resource} ${name}`)).toEqual([]);
  expect(chat.received.length).toBe(1);

  await world.client.delete(TYPES.rollouts, { namespace: NAMESPACE, name: NAME });
  await sleep(200);
  const last = alerts.received.length;
  await sleep(400);
  expect(alerts.received.length).toBe(last);
});
