import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { OperatorShop } from '../support/operator-shop.ts';
import { OperatorWorld, TYPES } from '../support/operator-world.ts';

let world: OperatorWorld;
beforeEach(async () => {
  world = await OperatorWorld.start(true);
});
afterEach(() => world.stop());

it('a second Rollout with the Services of the first waits, says why, and writes nothing of theirs', async () => {
  await world.startOperator();
  const shop = new OperatorShop(world, 'steps: [{setWeight: 25}, {pause: {}}]');
  await shop.open();
  await world.apply(`apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: twin}
spec:
  replicas: 1
  selector: {matchLabels: {app: twin}}
  template:
    metadata: {labels: {app: twin}}
    spec: {containers: [{name: twin, image: "shop:2.0.0", ports: [{name: http, containerPort: 8080}]}]}
  strategy:
    canary:
      stableService: shop-stable
      canaryService: shop-canary
      trafficRouting: {gatewayAPI: {httpRoute: shop}}
      steps: [{setWeight: 50}]
`);
  await sleep(2_000);
  world.writes.length = 0;
  await sleep(2_000);
  expect(world.writes.filter(entry => ['services', 'httproutes'].includes(entry.resource))).toEqual([]);
  const twin = await world.find(TYPES.rollouts, 'twin');
  expect(twin?.['status']).toMatchObject({ display: { reason: 'ServiceConflict' } });
  expect(JSON.stringify(twin?.['status'])).toContain('in use by Rollout shop, which came first');
  expect((await shop.status()).phase).toBe('Healthy');
});
