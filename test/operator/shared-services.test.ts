import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
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

it('two Rollouts with Services of their own share a route, each in its own rule', async () => {
  await world.startOperator();
  const service = (name: string) =>
    `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {selector: {app: x}, ports: [{name: http, port: 80, targetPort: http}]}\n---\n`;
  const rule = (app: string) =>
    `  - backendRefs:\n    - {name: ${app}-stable, port: 80, weight: 100}\n    - {name: ${app}-canary, port: 80, weight: 0}\n`;
  const rollout = (app: string) => `apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: ${app}}
spec:
  replicas: 1
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec: {containers: [{name: x, image: "shop:1.0.0", ports: [{name: http, containerPort: 8080}]}]}
  strategy:
    canary:
      stableService: ${app}-stable
      canaryService: ${app}-canary
      trafficRouting: {gatewayAPI: {httpRoute: both}}
      steps: [{setWeight: 50}, {pause: {}}]
---
`;
  await world.apply(
    ['a-stable', 'a-canary', 'b-stable', 'b-canary'].map(service).join('') +
      `apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: both}\nspec:\n  parentRefs: [{name: web}]\n  rules:\n${rule('a')}${rule('b')}---\n` +
      rollout('a') +
      rollout('b').replace(/---\n$/, ''),
  );
  for (const name of ['a', 'b'])
    await eventually(`${name} is healthy`, async () => {
      const found = await world.find(TYPES.rollouts, name);
      return (found?.['status'] as { phase?: string } | undefined)?.phase === 'Healthy';
    });
});
