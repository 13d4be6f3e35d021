import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { configMap, dataOf, edit, GitSyncShop } from '../support/git-sync-shop.ts';
import { NAMESPACE, OperatorWorld, TYPES } from '../support/operator-world.ts';
import { on, proxyBefore, startBehind } from './resilience-rig.ts';

const ROLLOUT = `apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: shop}
spec:
  replicas: 0
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: "shop:1"}]}
  strategy: {canary: {steps: [{setWeight: 20}, {pause: {}}]}}
`;
const SERVICE = `apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{name: http, port: 80}]}
`;

let world: OperatorWorld;
let shop: GitSyncShop;

beforeEach(async () => {
  world = await OperatorWorld.start(false);
  shop = await GitSyncShop.open(world);
});
afterEach(() => world.stop());

/** What the operator asked for about objects that Git declares, since `from`; leaving out watches and status. */
const asked = (from: number) =>
  world.requests
    .slice(from)
    .filter(({ verb, subresource }) => verb !== 'watch' && subresource === '')
    .map(({ verb, resource, name }) => `${verb} ${resource}/${name}`);
const applies = (name: string) => world.requests.filter(entry => entry.verb === 'apply' && entry.name === name).length;

/** This world has no Gateway API; the operator looks from time to time whether it has come. */
const asksAll = (from: number) => world.requests.slice(from).filter(({ resource }) => resource !== 'httproutes');

/** Waits for an interval without a question. */
async function settle(): Promise<void> {
  for (let before = -1; before !== asksAll(0).length; await sleep(1_200)) before = asksAll(0).length;
}

describe('a GitSync at rest', () => {
  it('asks the API server for nothing, interval after interval', async () => {
    await world.startOperator();
    const sha = await shop.commit({ 'a.yaml': configMap('one', '1'), 'b.yaml': SERVICE, 'c.yaml': ROLLOUT });
    await shop.declare('1s');
    await shop.applied(sha);
    await settle();
    const from = world.requests.length;
    await sleep(3_500);
    expect(asksAll(from).map(({ verb, resource, name }) => `${verb} ${resource}/${name}`)).toEqual([]);
  });

  it('does not apply again what only its status or a controller touched', async () => {
    await world.startOperator();
    const sha = await shop.commit({ 'c.yaml': ROLLOUT });
    await shop.declare('1s');
    await shop.applied(sha);
    await settle();
    const before = applies('shop');
    const at = { namespace: NAMESPACE, name: 'shop' };
    const body = { status: { display: { reason: 'PauseStep' } } };
    await world.client.patch(TYPES.rollouts, at, { kind: 'merge', body }, { subresource: 'status' });
    await sleep(2_500);
    expect(applies('shop')).toBe(before);
  });

  it('applies each object once after a restart, stores nothing by it, and rests again', async () => {
    const first = await world.startOperator();
    const sha = await shop.commit({ 'a.yaml': configMap('one', '1'), 'b.yaml': SERVICE });
    await shop.declare('1s');
    await shop.applied(sha);
    await settle();
    const stored = [await world.find(TYPES.configMaps, 'one'), await world.find(TYPES.gitSyncs, 'shop')];
    await first.stop();
    const from = world.requests.length;
    await world.startOperator();
    await eventually('it has looked', () => asked(from).includes('apply services/shop'));
    await settle();
    expect(asked(from).filter(entry => entry.startsWith('apply'))).toEqual([
      'apply configmaps/one',
      'apply services/shop',
    ]);
    expect([await world.find(TYPES.configMaps, 'one'), await world.find(TYPES.gitSyncs, 'shop')]).toEqual(stored);
  });
});

describe('drift', () => {
  it('of a declared field is put right at once, of a foreign field it is not', async () => {
    await world.startOperator();
    const sha = await shop.commit({ 'a.yaml': configMap('one', '1') });
    await shop.declare('10m');
    await shop.applied(sha);
    await edit(world, 'one', { data: { value: '2' } });
    await eventually('it is put right', async () => (await dataOf(world, 'one')) === '1');
    await edit(world, 'one', { data: { other: 'x' } });
    await sleep(500);
    expect((await world.find(TYPES.configMaps, 'one'))?.['data']).toEqual({ value: '1', other: 'x' });
  });

  it('is put right while Git is away, and nothing is deleted', async () => {
    const git = await shop.served();
    shop = git.shop;
    await world.startOperator();
    const sha = await shop.commit({ 'a.yaml': configMap('one', '1'), 'b.yaml': configMap('two', '1') });
    await shop.declare('10m');
    await shop.applied(sha);
    await git.stop();
    await edit(world, 'one', { data: { value: '2' } });
    await world.client.delete(TYPES.configMaps, { namespace: NAMESPACE, name: 'two' });
    await eventually('both are put right', async () => {
      return (await dataOf(world, 'one')) === '1' && (await dataOf(world, 'two')) === '1';
    });
    await shop.saying('Ready', 'Unreachable');
    expect(await shop.inventory()).toEqual(['one', 'two']);
    expect((await shop.status()).lastAppliedRevision).toBe(`main@sha1:${sha}`);
  });

  it('from what was applied before a suspension is none before Git was asked again', async () => {
    const git = await shop.served();
    shop = git.shop;
    await world.startOperator();
    const sha = await shop.commit({ 'a.yaml': configMap('one', '1') });
    await shop.declare('1s');
    await shop.applied(sha);
    await shop.declare('1s', ', suspend: true');
    await shop.saying('Reconciling', 'Suspended');
    await edit(world, 'one', { data: { value: '2' } });
    await git.stop();
    await shop.declare('1s', ', suspend: false');
    await shop.saying('Ready', 'Unreachable');
    await sleep(1_500);
    expect(await dataOf(world, 'one')).toBe('2');
  });

  it('from a folder that left the repository is none: what people delete then stays deleted', async () => {
    await world.startOperator();
    const sha = await shop.commit({ 'apps/a.yaml': configMap('one', '1'), 'README.md': 'read me' });
    await shop.declare('1s', ', path: apps');
    await shop.applied(sha);
    await shop.commit({ 'apps/a.yaml': null });
    await shop.saying('Ready', 'NoSuchPath');
    await world.client.delete(TYPES.configMaps, { namespace: NAMESPACE, name: 'one' });
    await sleep(2_500);
    expect(await dataOf(world, 'one')).toBeUndefined();
  });

  it('that strips our label is put right at once', async () => {
    await world.startOperator();
    const sha = await shop.commit({ 'a.yaml': configMap('one', '1') });
    await shop.declare('10m');
    await shop.applied(sha);
    await edit(world, 'one', { metadata: { labels: { 'sluice.dev/git-sync': null } }, data: { value: '2' } });
    await eventually('it is put right', async () => (await dataOf(world, 'one')) === '1');
  });

  it('that happened while the operator was away is put right right after its start', async () => {
    const first = await world.startOperator();
    const sha = await shop.commit({ 'a.yaml': configMap('one', '1'), 'b.yaml': configMap('two', '1') });
    await shop.declare('10m');
    await shop.applied(sha);
    await first.stop();
    await edit(world, 'one', { data: { value: '2' } });
    await world.client.delete(TYPES.configMaps, { namespace: NAMESPACE, name: 'two' });
    await world.startOperator();
    await eventually('both are put right', async () => {
      return (await dataOf(world, 'one')) === '1' && (await dataOf(world, 'two')) === '1';
    });
  });

  it.each([
    ['an edit', () => edit(world, 'one', { data: { value: '2' } })],
    ['a deletion', () => world.client.delete(TYPES.configMaps, { namespace: NAMESPACE, name: 'one' })],
  ])('that only the first list of a watch shows is put right long before the interval: %s', async (_what, drift) => {
    const proxy = await proxyBefore(world);
    const git = await shop.served();
    shop = git.shop;
    proxy.inject({
      when: on('list', 'configmaps'),
      times: Number.POSITIVE_INFINITY,
      fault: { kind: 'status', status: 503, reason: 'ServiceUnavailable', message: 'not now' },
    });
    const operator = await startBehind(proxy, world);
    const sha = await shop.commit({ 'a.yaml': configMap('one', '1') });
    await shop.declare('10m');
    await shop.applied(sha);
    await drift();
    await sleep(300);
    expect(await dataOf(world, 'one')).not.toBe('1');
    proxy.mend();
    await eventually('it is put right', async () => (await dataOf(world, 'one')) === '1');
    await operator.stop();
    await proxy.close();
    await git.stop();
  });

  it('is put right at the interval while the watch of its type is down', async () => {
    const proxy = await proxyBefore(world);
    const git = await shop.served();
    shop = git.shop;
    for (const verb of ['list', 'watch'] as const)
      proxy.inject({
        when: on(verb, 'configmaps'),
        times: Number.POSITIVE_INFINITY,
        fault: { kind: 'status', status: 403, reason: 'Forbidden', message: 'no right to watch configmaps' },
      });
    const operator = await startBehind(proxy, world);
    const sha = await shop.commit({ 'a.yaml': configMap('one', '1') });
    await shop.declare('1s');
    await shop.applied(sha);
    await edit(world, 'one', { data: { value: '2' } });
    await eventually('it is put right', async () => (await dataOf(world, 'one')) === '1');
    await operator.stop();
    await proxy.close();
    await git.stop();
  });

  it('that somebody makes again and again is answered with pauses, not with a race', async () => {
    await world.startOperator();
    const sha = await shop.commit({ 'a.yaml': configMap('one', '1') });
    await shop.declare('10m');
    await shop.applied(sha);
    const before = applies('one');
    const end = performance.now() + 3_000;
    while (performance.now() < end) {
      if ((await dataOf(world, 'one')) === '1') await edit(world, 'one', { data: { value: '2' } });
      await sleep(5);
    }
    expect(applies('one') - before).toBeGreaterThan(2);
    expect(applies('one') - before).toBeLessThanOrEqual(13);
  });
});
