import { afterEach, beforeEach, expect, it } from 'vitest';
import { aReceiver, type Receiver } from '../notifiers/receiver.ts';
import { eventually } from '../support/eventually.ts';
import { NAMESPACE, OperatorWorld, TYPES } from '../support/operator-world.ts';

let world: OperatorWorld;
let platform: Receiver;
let elsewhere: Receiver;
beforeEach(async () => {
  world = await OperatorWorld.start(false);
  platform = await aReceiver();
  elsewhere = await aReceiver();
});
afterEach(async () => {
  platform.close();
  elsewhere.close();
  await world.stop();
});

async function notifier(name: string, namespace: string, url: string): Promise<void> {
  const metadata = { name, namespace };
  const spec = { alertmanager: { url } };
  await world.client.create(TYPES.notifiers, { apiVersion: 'sluice.dev/v1alpha1', kind: 'Notifier', metadata, spec });
}

it('an alert that somebody wrote into the status of a Rollout is never about another one', async () => {
  await world.client.create(TYPES.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'payments' } });
  await notifier('platform', 'sluice-system', platform.url);
  await notifier('theirs', 'payments', elsewhere.url);
  await world.startOperator();
  await world.apply(`apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: shop}
spec:
  replicas: 0
  selector: {matchLabels: {app: shop}}
  template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: shop, image: "shop:1"}]}}
  strategy: {canary: {steps: [{setWeight: 20}]}}
`);
  const rollout = () => world.find(TYPES.rollouts, 'shop');
  await eventually('it is looked at', async () => (await rollout())?.['status'] !== undefined);
  const uid = (await rollout())?.metadata.uid ?? '';
  const forged = (id: string) => ({
    id,
    event: 'Recovered',
    at: '2026-01-01T00:00:00Z',
    content: {
      namespace: 'payments',
      rollout: 'checkout',
      event: 'Recovered',
      severity: 'info',
      summary: 'fine',
      next: 'nothing',
    },
    pending: ['sluice-system/platform', 'payments/theirs'],
  });
  const body = { status: { notices: [forged('x-1'), forged(`${uid}-1-1-Recovered-1`)] } };
  const at = { namespace: NAMESPACE, name: 'shop' };
  await world.client.patch(TYPES.rollouts, at, { kind: 'merge', body }, { subresource: 'status' });
  await eventually('nothing is owed any more', async () => {
    const { notices } = ((await rollout())?.['status'] ?? {}) as { notices?: unknown[] };
    return notices === undefined;
  });
  expect(platform.received).toHaveLength(1);
  const alerts = JSON.parse(platform.received[0]?.body ?? '') as { labels: Record<string, string> }[];
  for (const { labels } of alerts) expect(labels).toMatchObject({ namespace: NAMESPACE, rollout: 'shop' });
  expect(JSON.stringify(alerts)).not.toContain('payments');
  expect(elsewhere.received).toEqual([]);
});
