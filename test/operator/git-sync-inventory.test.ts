import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type InventoryEntry, upcomingEntries } from '../../src/operator/git-sync/inventory.ts';
import type { Manifest } from '../../src/operator/git-sync/manifests.ts';
import { eventually } from '../support/eventually.ts';
import { configMap, dataOf, GitSyncShop } from '../support/git-sync-shop.ts';
import { NAMESPACE, OperatorWorld, TYPES } from '../support/operator-world.ts';
import { on, proxyBefore, startBehind } from './resilience-rig.ts';

let world: OperatorWorld;
let shop: GitSyncShop;

beforeEach(async () => {
  world = await OperatorWorld.start(false);
  shop = await GitSyncShop.open(world);
});
afterEach(() => world.stop());

it('a manifest that becomes a symbolic link refuses the commit: what it declared is not deleted', async () => {
  await world.startOperator();
  const sha = await shop.commit({ 'linked.yaml': configMap('one', '1'), 'real.yaml': configMap('two', '1') });
  await shop.declare('1s');
  await shop.applied(sha);
  await shop.commitEntries([
    { path: 'linked.yaml', text: 'elsewhere.yaml', isLink: true },
    { path: 'real.yaml', text: configMap('two', '2') },
  ]);
  await shop.saying('Ready', 'BuildFailed');
  expect((await shop.condition('Ready'))?.message).toContain('linked.yaml: is a symbolic link');
  expect([await dataOf(world, 'one'), await dataOf(world, 'two')]).toEqual(['1', '1']);
  expect(await shop.inventory()).toEqual(['one', 'two']);
});

const LABELS = { 'sluice.dev/git-sync': 'shop' };
const entry = (id: string, version = 'v1'): InventoryEntry => ({ id, version, digest: 'x', revision: 'x' });

/** Adds entries as somebody would who may write the status of a GitSync. */
async function forge(...entries: InventoryEntry[]): Promise<void> {
  const { inventory = [] } = await shop.status();
  const body = { status: { inventory: [...inventory, ...entries] } };
  const at = { namespace: NAMESPACE, name: 'shop' };
  await world.client.patch(TYPES.gitSyncs, at, { kind: 'merge', body }, { subresource: 'status' });
}

describe('an inventory that somebody else wrote', () => {
  it('deletes nothing of another namespace and nothing cluster-scoped, and is put right', async () => {
    const namespace = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: LABELS } });
    await world.client.create(TYPES.namespaces, namespace('victim'));
    await world.client.create(TYPES.configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'theirs', namespace: 'victim', labels: LABELS },
    });
    await world.startOperator();
    await shop.commit({ 'a.yaml': configMap('one', '1') });
    await shop.declare('1s');
    await shop.saying('Ready', 'Applied');
    await forge(entry('victim_theirs__ConfigMap'), entry(`${NAMESPACE}_victim__Namespace`));
    await shop.applied(await shop.commit({ 'a.yaml': configMap('one', '2') }));
    expect(await world.client.find(TYPES.configMaps, { namespace: 'victim', name: 'theirs' })).toBeDefined();
    expect((await world.client.get(TYPES.namespaces, { name: 'victim' })).metadata.deletionTimestamp).toBeUndefined();
    expect(await shop.inventory()).toEqual(['one']);
  });

  it('is forgotten where it names nothing that could be', async () => {
    await world.startOperator();
    await shop.commit({ 'a.yaml': configMap('one', '1') });
    await shop.declare('1s');
    await shop.saying('Ready', 'Applied');
    await forge(
      entry(`${NAMESPACE}_..__ConfigMap`),
      entry(`${NAMESPACE}_two_.._ConfigMap`),
      entry(`${NAMESPACE}_two__ConfigMap`, '..'),
      entry('nothing'),
    );
    await shop.applied(await shop.commit({ 'a.yaml': configMap('one', '2') }));
    expect(await dataOf(world, 'one')).toBe('2');
    expect(await shop.inventory()).toEqual(['one']);
  });
});

describe('an apply that breaks off', () => {
  const unless = { kind: 'status', status: 429, reason: 'TooManyRequests', message: 'try later' } as const;

  it('leaves nothing behind that a later commit could not delete', async () => {
    const { proxy, stop } = await behindProxy();
    await shop.applied(await declared({ 'keep.yaml': configMap('keep', '1') }));
    proxy.inject({
      when: request => on('patch', 'configmaps')(request) && request.name === 'b',
      times: Number.POSITIVE_INFINITY,
      fault: unless,
    });
    await shop.commit({ 'a.yaml': configMap('a', '1'), 'b.yaml': configMap('b', '1') });
    await eventually('a part is applied', async () => (await dataOf(world, 'a')) === '1');
    const last = await shop.commit({ 'a.yaml': null, 'b.yaml': null });
    proxy.mend();
    await shop.applied(last);
    expect(await dataOf(world, 'a')).toBeUndefined();
    expect(await dataOf(world, 'keep')).toBe('1');
    expect(await shop.inventory()).toEqual(['keep']);
    await stop();
  });

  it('neither deletes what somebody else made, nor is held up by what it may not read', async () => {
    const { proxy, stop } = await behindProxy();
    await shop.applied(await declared({ 'keep.yaml': configMap('keep', '1') }));
    for (const verb of ['patch', 'get'] as const)
      proxy.inject({
        when: request => on(verb, 'configmaps')(request) && request.name === 'secret',
        times: Number.POSITIVE_INFINITY,
        fault: { kind: 'status', status: 403, reason: 'Forbidden', message: 'no right' },
      });
    proxy.inject({
      when: request => on('patch', 'configmaps')(request) && request.name === 'mine',
      times: Number.POSITIVE_INFINITY,
      fault: { kind: 'status', status: 422, reason: 'Invalid', message: 'no' },
    });
    await world.apply(configMap('mine', 'by hand'));
    await shop.commit({ 'a.yaml': configMap('secret', '1'), 'b.yaml': configMap('mine', '1') });
    await shop.saying('Stalled', 'ApplyFailed');
    await shop.applied(await shop.commit({ 'a.yaml': null, 'b.yaml': null }));
    expect(await dataOf(world, 'mine')).toBe('by hand');
    expect(await shop.inventory()).toEqual(['keep']);
    await stop();
  });

  it('costs no write at rest, also while a part is refused', async () => {
    const { proxy, stop } = await behindProxy();
    const foreign = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: far, namespace: victim}\n';
    const unknown = 'apiVersion: example.dev/v1\nkind: Gadget\nmetadata: {name: g}\n';
    const namespace = 'apiVersion: v1\nkind: Namespace\nmetadata: {name: mine}\n';
    await declared({ 'a.yaml': [foreign, unknown, namespace, configMap('one', '1')].join('---\n') });
    await shop.saying('Stalled', 'ApplyFailed');
    await sleep(1_500);
    const writes = () => proxy.trace.entries.filter(({ request }) => on('patch', 'gitsyncs/status')(request)).length;
    const before = writes();
    await sleep(2_500);
    expect(writes()).toBe(before);
    await stop();
  });

  it('cannot come from more objects than an inventory holds', async () => {
    await world.startOperator();
    await shop.applied(await declared({ 'keep.yaml': configMap('keep', '1') }));
    await forge(...Array.from({ length: 1_999 }, (_, n) => entry(`${NAMESPACE}_old-${n}__ConfigMap`)));
    await shop.commit({ 'new.yaml': configMap('new', '1') });
    await shop.saying('Stalled', 'BuildFailed');
    expect((await shop.status()).message).toContain('more than 2000 together');
    expect(await dataOf(world, 'new')).toBeUndefined();
  });
});

/** An operator that reaches its API server through a proxy, and the repository over HTTP. */
async function behindProxy() {
  const proxy = await proxyBefore(world);
  const git = await shop.served();
  shop = git.shop;
  const operator = await startBehind(proxy, world);
  const stop = async () => {
    await operator.stop();
    await proxy.close();
    await git.stop();
  };
  return { proxy, stop };
}

async function declared(files: Parameters<GitSyncShop['commit']>[0]): Promise<string> {
  const sha = await shop.commit(files);
  await shop.declare('1s');
  return sha;
}

it('an entry that would not be believed when it is read back is not new in each pass', () => {
  const named = (kind: string, apiVersion = 'x.example/v1') => ({
    object: { apiVersion, kind, metadata: { name: 'a', namespace: 'shop' } },
  });
  const all = [named('Foo'), named('Foo_'), named('Foo', './v1')] as unknown as Manifest[];
  const upcoming = upcomingEntries(all, [], 'shop', () => undefined);
  expect(upcoming.map(({ id }) => id)).toEqual(['shop_a_x.example_Foo']);
});
