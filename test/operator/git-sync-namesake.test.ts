import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { isStored, Outdated, writeSyncStatus } from '../../src/operator/git-sync/stored-git-sync.ts';
import type { Operator } from '../../src/operator/operator.ts';
import { eventually } from '../support/eventually.ts';
import type { FaultProxy } from '../support/fault-proxy/fault-proxy.ts';
import { configMap, dataOf, GitSyncShop } from '../support/git-sync-shop.ts';
import { NAMESPACE, OperatorWorld, TYPES } from '../support/operator-world.ts';
import { on, proxyBefore, startBehind } from './resilience-rig.ts';

const AT = { namespace: NAMESPACE, name: 'shop' };

let world: OperatorWorld;
let proxy: FaultProxy;
let operator: Operator;
let git: Awaited<ReturnType<GitSyncShop['served']>>;
let shop: GitSyncShop;

beforeEach(async () => {
  world = await OperatorWorld.start(false);
  proxy = await proxyBefore(world);
  git = await (await GitSyncShop.open(world)).served();
  shop = git.shop;
  operator = await startBehind(proxy, world);
});
afterEach(async () => {
  await operator.stop();
  await proxy.close();
  await git.stop();
  await world.stop();
});

/** Holds up what the operator asks about a ConfigMap. */
const delay = (verb: 'patch' | 'delete' | 'get', name: string, ms: number) =>
  proxy.inject({
    when: request => on(verb, 'configmaps')(request) && request.name === name,
    times: 1,
    fault: { kind: 'delay', ms },
  });

describe('a GitSync that is made anew while its namesake is applied', () => {
  it('inherits no inventory, and deletes nothing that was to be kept', async () => {
    const files = { 'one/a.yaml': configMap('a', '1'), 'two/b.yaml': configMap('b', '1') };
    const first = await shop.commit(files);
    await shop.declare('1s', ', path: one');
    await shop.applied(first);
    delay('patch', 'slow', 2_000);
    await shop.commit({ 'one/slow.yaml': configMap('slow', '1') });
    await shop.saying('Reconciling', 'Applying');
    await world.client.delete(TYPES.gitSyncs, AT);
    await shop.declare('1s', ', path: two');
    await eventually('the new one is applied', async () => (await dataOf(world, 'b')) === '1');
    await sleep(2_500);
    expect(await dataOf(world, 'a')).toBe('1');
    expect(await shop.inventory()).toEqual(['b']);
  });
});

describe('what left the repository', () => {
  it('stays when its GitSync is deleted before its turn to be deleted comes', async () => {
    await shop.applied(await declared({ 'a.yaml': configMap('a', '1'), 'b.yaml': configMap('b', '1') }));
    delay('get', 'b', 1_500);
    await shop.commit({ 'b.yaml': null });
    await eventually('it is about to be deleted', async () =>
      proxy.trace.entries.some(({ request }) => on('get', 'configmaps')(request) && request.name === 'b'),
    );
    await world.client.delete(TYPES.gitSyncs, AT);
    await sleep(2_500);
    expect(await dataOf(world, 'b')).toBe('1');
  });
});

describe('the status of a GitSync', () => {
  const entry = (name: string) => ({ id: `${NAMESPACE}_${name}__ConfigMap`, version: 'v1', digest: '', revision: '' });
  const noted: unknown[] = [];
  const parts = () => ({
    client: world.client,
    gitSyncs: { store: { noteWritten: (object: KubeObject) => void noted.push(object) } },
  });
  const change = (body: object, subresource?: string) =>
    world.client.patch(TYPES.gitSyncs, AT, { kind: 'merge', body }, { subresource });

  beforeEach(async () => {
    await operator.stop();
    await shop.declare('1s');
  });

  it('is not replaced by what a lagging cache shows, which then learns better', async () => {
    const seen = await world.client.get(TYPES.gitSyncs, AT);
    const newer = await change({ status: { inventory: [entry('newer')] } }, 'status');
    const write = writeSyncStatus(parts(), seen, { inventory: [entry('older')] });
    await expect(write).rejects.toBeInstanceOf(Outdated);
    expect(await shop.inventory()).toEqual(['newer']);
    expect(noted).toEqual([newer]);
  });

  it('is written all the same when only its spec has changed meanwhile', async () => {
    const seen = await world.client.get(TYPES.gitSyncs, AT);
    await change({ spec: { interval: '2s' } });
    await writeSyncStatus(parts(), seen, { inventory: [entry('one')] });
    expect(await shop.inventory()).toEqual(['one']);
  });
});

describe('the GitSync that is worked on', () => {
  const seen = (uid: string, generation: number): KubeObject => ({
    metadata: { name: 'shop', namespace: NAMESPACE, uid, generation },
  });
  it.each([
    ['is shown as it is', seen('a', 1), true],
    ['was changed, or suspended, or is about to be deleted', seen('a', 2), false],
    ['was made anew', seen('b', 1), false],
    ['is gone', undefined, false],
  ])('is current as far as it %s', (_what, known, expected) => {
    expect(isStored({ get: () => known }, seen('a', 1))).toBe(expected);
  });
});

async function declared(files: Parameters<GitSyncShop['commit']>[0]): Promise<string> {
  const sha = await shop.commit(files);
  await shop.declare('1s');
  return sha;
}
