import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { OperatorShop } from '../support/operator-shop.ts';
import { OperatorWorld, TYPES } from '../support/operator-world.ts';
import { on, proxyBefore, startBehind } from './resilience-rig.ts';

let world: OperatorWorld;
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  world = await OperatorWorld.start(true);
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await world.stop();
});

interface JsonSchema {
  openAPIV3Schema: { properties: { status: { properties: Record<string, unknown> } } };
}

const STEPS = [20, 40, 60, 80, 100].map(weight => `{setWeight: ${weight}}, {pause: {duration: 1s}}`).join(', ');

describe('a canary of five steps', () => {
  it('stores few statuses and tells few events, whatever happens between', async () => {
    await world.startOperator();
    const shop = new OperatorShop(world, `scaleDownDelaySeconds: 1\nsteps: [${STEPS}]`);
    await shop.open();
    await sleep(1_200);
    world.writes.length = 0;
    await shop.deploy('shop:1.1.0');
    await shop.until('it is promoted', status => status.phase === 'Healthy' && status.stable?.revision === 2);
    await sleep(2_500);
    const count = (resource: string, subresource = '') =>
      world.writes.filter(entry => entry.resource === resource && (entry.subresource ?? '') === subresource).length;
    // Begun, five weights reached, promoted, at rest; and one more where a moment was not quick enough.
    expect(count('rollouts', 'status')).toBeLessThanOrEqual(14);
    const told = (await world.client.list(TYPES.events, { namespace: 'shop' })).items;
    const reasons = told.filter(event => JSON.stringify(event).includes('"Rollout"')).map(event => event['reason']);
    expect(reasons.filter(reason => reason === 'StepCompleted')).toHaveLength(5);
    expect(count('events')).toBeLessThanOrEqual(10);
  });
});

describe('a definition of Rollouts that is older than the operator', () => {
  it('is told of once by who meets it', async () => {
    const definition = await world.client.get(TYPES.crds, { name: 'rollouts.sluice.dev' });
    const { spec } = structuredClone(definition) as KubeObject & { spec: { versions: { schema: JsonSchema }[] } };
    for (const { schema } of spec.versions) delete schema.openAPIV3Schema.properties.status.properties['scaleDowns'];
    await world.client.patch(TYPES.crds, { name: 'rollouts.sluice.dev' }, { kind: 'merge', body: { spec } });
    await world.startOperator();
    const shop = new OperatorShop(world, 'scaleDownDelaySeconds: 1\nsteps: [{setWeight: 20}]');
    await shop.open();
    await shop.deploy('shop:1.1.0');
    await shop.until('it is promoted', status => status.phase === 'Healthy' && status.stable?.revision === 2);
    await sleep(2_500);
    const told = world.logged.filter(line => line.includes('status.scaleDowns'));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('apply crds/');
  });
});

describe('a route patch that the API server refuses with 422', () => {
  it('is a moved route at first, and is said as refused when it goes on', async () => {
    const proxy = await proxyBefore(world);
    stops.push(() => proxy.close());
    const operator = await startBehind(proxy, world);
    stops.push(() => operator.stop());
    const shop = new OperatorShop(world, 'steps: [{setWeight: 25}, {pause: {}}]');
    await shop.open();
    const fault = { kind: 'status', status: 422, reason: 'Invalid', message: 'no weights today' } as const;
    proxy.inject({ when: on('patch', 'httproutes'), times: 2, fault });
    await shop.deploy('shop:1.1.0');
    await shop.untilWeight(25);
    await shop.until('it pauses', status => status.phase === 'Paused');

    proxy.inject({ when: on('patch', 'httproutes'), times: Number.POSITIVE_INFINITY, fault });
    await shop.command('abort a-1');
    await shop.until('the refusal is said', status => status.display?.reason === 'WriteRefused');
    expect(await shop.status()).toMatchObject({ abort: { cause: 'AbortedByCommand' } });
    expect(JSON.stringify(await shop.status())).toContain('no weights today');
    proxy.mend();
    await shop.untilWeight(0);
  });
});

describe('an abort while the Services cannot be patched', () => {
  it('moves traffic all the same: the stable Service selects all pods, and the route leaves the canary', async () => {
    const proxy = await proxyBefore(world);
    stops.push(() => proxy.close());
    const operator = await startBehind(proxy, world);
    stops.push(() => operator.stop());
    const shop = new OperatorShop(world, 'steps: [{setWeight: 25}, {pause: {}}]');
    await shop.open();
    await shop.deploy('shop:1.1.0');
    await shop.untilWeight(25);
    const fault = { kind: 'status', status: 500, reason: 'InternalError', message: 'injected' } as const;
    proxy.inject({ when: on('patch', 'services'), times: Number.POSITIVE_INFINITY, fault });
    const body = { spec: { selector: { 'sluice.dev/pod-template-hash': null } } };
    await world.client.patch(TYPES.services, { namespace: 'shop', name: 'shop-stable' }, { kind: 'merge', body });
    await shop.command('abort a-1');
    await shop.untilWeight(0);
    await shop.until('the abort is stored', status => status.phase === 'Aborted');
  });
});
