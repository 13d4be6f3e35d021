import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { configMap, dataOf, GitSyncShop } from '../support/git-sync-shop.ts';
import { NAMESPACE, OperatorWorld, TYPES } from '../support/operator-world.ts';
import { on, proxyBefore, startBehind } from './resilience-rig.ts';

const GADGET = 'apiVersion: example.dev/v1\nkind: Gadget\nmetadata: {name: g}\nspec: {size: 1}\n';
const GADGETS = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'gadgets.example.dev' },
  spec: {
    group: 'example.dev',
    scope: 'Namespaced',
    names: { plural: 'gadgets', singular: 'gadget', kind: 'Gadget', listKind: 'GadgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } },
          },
        },
      },
    ],
  },
};

const GADGET_TYPE = { group: 'example.dev', version: 'v1', plural: 'gadgets', kind: 'Gadget', namespaced: true };

let world: OperatorWorld;
let shop: GitSyncShop;

beforeEach(async () => {
  world = await OperatorWorld.start(false);
  shop = await GitSyncShop.open(world);
});
afterEach(() => world.stop());

const find = (name: string) => world.find(TYPES.configMaps, name);

async function shopDeclares(files: Parameters<GitSyncShop['commit']>[0]): Promise<string> {
  const sha = await shop.commit(files);
  await shop.declare('1s');
  return sha;
}

describe('a repository in a folder of the machine', () => {
  it('is refused without the flag, and the condition says what to do', async () => {
    await world.startOperator({ gitAllowFile: false });
    await shop.commit({ 'a.yaml': configMap('one', '1') });
    await shop.declare('1s');
    await shop.saying('Stalled', 'FileRepositoryNotAllowed');
    expect((await shop.condition('Ready'))?.message).toContain('--git-allow-file');
    await sleep(300);
    expect(await find('one')).toBeUndefined();
  });
});

describe('a suspended GitSync', () => {
  it('says so, keeps what Ready said, and follows nothing until it is resumed', async () => {
    await world.startOperator();
    const sha = await shop.commit({ 'a.yaml': configMap('one', '1') });
    await shop.declare('1s');
    await shop.applied(sha);
    await shop.declare('1s', ', suspend: true');
    await shop.saying('Reconciling', 'Suspended');
    const { generation } = (await world.find(TYPES.gitSyncs, 'shop'))?.metadata ?? {};
    expect((await shop.status()).observedGeneration).toBe(generation);
    expect(await shop.condition('Reconciling')).toMatchObject({ status: 'False', observedGeneration: generation });
    expect(await shop.condition('Ready')).toMatchObject({
      status: 'True',
      reason: 'Applied',
      observedGeneration: generation,
    });
    await world.client.delete(TYPES.configMaps, { namespace: NAMESPACE, name: 'one' });
    await sleep(1_500);
    expect(await find('one')).toBeUndefined();
    await shop.declare('1s', ', suspend: false');
    await eventually('it is back', async () => (await dataOf(world, 'one')) === '1');
    await eventually('it no longer says so', async () => (await shop.condition('Reconciling')) === undefined);
  });

  it('that was so from the start claims nothing about what it would apply', async () => {
    await world.startOperator();
    await shop.declare('1s', ', suspend: true');
    await shop.saying('Reconciling', 'Suspended');
    expect(await shop.condition('Ready')).toMatchObject({ status: 'Unknown', reason: 'Suspended' });
  });
});

describe('what a commit may not do', () => {
  it('delete everything by declaring nothing', async () => {
    await world.startOperator();
    const sha = await shop.commit({ 'apps/a.yaml': configMap('one', '1'), 'apps/b.yaml': configMap('two', '1') });
    await shop.declare('1s');
    await shop.applied(sha);
    await shop.commit({ 'apps/a.yaml': null, 'apps/b.yaml': null, 'README.md': 'moved' });
    await shop.saying('Stalled', 'NothingDeclared');
    expect(await dataOf(world, 'one')).toBe('1');
    expect(await shop.inventory()).toEqual(['one', 'two']);
    await shop.applied(await shop.commit({ 'b.yaml': configMap('two', '2') }));
    expect(await find('one')).toBeUndefined();
  });

  it('delete anything while a part of it fails', async () => {
    await world.startOperator();
    const sha = await shop.commit({ 'a.yaml': configMap('one', '1'), 'b.yaml': configMap('two', '1') });
    await shop.declare('1s');
    await shop.applied(sha);
    await shop.commit({ 'b.yaml': null, 'c.yaml': GADGET });
    await shop.saying('Stalled', 'ApplyFailed');
    expect(await dataOf(world, 'two')).toBe('1');
    await shop.applied(await shop.commit({ 'c.yaml': null }));
    expect(await find('two')).toBeUndefined();
  });

  it('delete the GitSync that read it', async () => {
    await world.startOperator();
    const sha = await shop.commit({ 'a.yaml': configMap('one', '1'), 'self.yaml': shop.manifest('1s') });
    await shop.declare('1s');
    await shop.applied(sha);
    expect(await shop.inventory()).toEqual(['one', 'shop']);
    await shop.applied(await shop.commit({ 'self.yaml': null }));
    expect(await shop.inventory()).toEqual(['one']);
    expect(await world.find(TYPES.gitSyncs, 'shop')).toBeDefined();
  });
});

describe('two GitSyncs that declare the same object', () => {
  it('do not fight for it: who has it keeps it, the other says so and lets go when it is gone there', async () => {
    await world.startOperator();
    const other = await GitSyncShop.open(world, 'other');
    const sha = await shop.commit({ 'a.yaml': configMap('one', 'shop'), 'b.yaml': configMap('mine', '1') });
    await shop.declare('1s');
    await shop.applied(sha);
    await other.commit({ 'a.yaml': configMap('one', 'other'), 'c.yaml': configMap('theirs', '1') });
    await other.declare('1s');
    await other.saying('Stalled', 'ApplyFailed');
    expect((await other.status()).failures?.map(failure => failure.message)).toEqual([
      'ConfigMap one is declared by GitSync shop too; keep one',
    ]);
    await sleep(1_200);
    expect(await dataOf(world, 'one')).toBe('shop');
    expect(await dataOf(world, 'theirs')).toBe('1');
    await other.applied(await other.commit({ 'a.yaml': null }));
    expect(await dataOf(world, 'one')).toBe('shop');
    expect(await shop.inventory()).toEqual(['mine', 'one']);
  });
});

describe('an object that moves from one repository to another', () => {
  it('is handed over without being deleted, where the first does not prune', async () => {
    await world.startOperator();
    const other = await GitSyncShop.open(world, 'other');
    const sha = await shop.commit({ 'a.yaml': configMap('one', 'shop'), 'b.yaml': configMap('mine', '1') });
    await shop.declare('1s', ', prune: false');
    await shop.applied(sha);
    const { uid } = (await find('one'))?.metadata ?? {};
    const taking = await other.commit({ 'a.yaml': configMap('one', 'other') });
    await other.declare('1s');
    await other.saying('Stalled', 'ApplyFailed');
    await shop.applied(await shop.commit({ 'a.yaml': null }));
    await other.applied(taking);
    expect((await find('one'))?.metadata).toMatchObject({ uid, labels: { 'sluice.dev/git-sync': 'other' } });
    expect(await dataOf(world, 'one')).toBe('other');
  });
});

describe('trouble with one kind', () => {
  it('that vanishes from the cluster is told, holds up nothing else, and ends when the kind is back', async () => {
    await world.client.create(TYPES.crds, GADGETS);
    await world.startOperator();
    const sha = await shop.commit({ 'a.yaml': configMap('one', '1'), 'g.yaml': GADGET });
    await shop.declare('1s');
    await shop.applied(sha);
    await world.client.delete(TYPES.crds, { name: 'gadgets.example.dev' });
    await shop.saying('Stalled', 'ApplyFailed');
    const second = await shop.commit({ 'a.yaml': configMap('one', '2') });
    await eventually('the rest is applied', async () => (await dataOf(world, 'one')) === '2');
    await eventually('it says why', async () =>
      ((await shop.status()).failures ?? []).some(({ message }) =>
        message.includes('does not serve example.dev/v1 Gadget'),
      ),
    );
    await world.client.create(TYPES.crds, GADGETS);
    await shop.applied(second);
  });

  it.each([
    ['once', 1, true],
    ['for as long as its group is named', Number.POSITIVE_INFINITY, false],
  ])('that discovery has lost is no reason to forget what is to be deleted: %s', async (_what, times, isDeleted) => {
    await world.client.create(TYPES.crds, GADGETS);
    const first = await world.startOperator();
    await shop.applied(await shopDeclares({ 'a.yaml': configMap('one', '1'), 'g.yaml': GADGET }));
    await first.stop();
    const proxy = await proxyBefore(world);
    const git = await shop.served();
    shop = git.shop;
    const sha = await shop.commit({ 'g.yaml': null });
    await shop.declare('1s');
    proxy.inject({
      when: request => request.path === '/apis/example.dev/v1',
      times,
      fault: { kind: 'status', status: 404, reason: 'NotFound', message: '404 page not found' },
    });
    const operator = await startBehind(proxy, world);
    if (!isDeleted) {
      await shop.saying('Reconciling', 'ApplyFailed');
      expect(await shop.inventory()).toEqual(['g', 'one']);
      proxy.mend();
    }
    await shop.applied(sha);
    expect(await world.client.find(GADGET_TYPE, { namespace: NAMESPACE, name: 'g' })).toBeUndefined();
    expect(await shop.inventory()).toEqual(['one']);
    await operator.stop();
    await proxy.close();
    await git.stop();
  });

  it('that is gone from the cluster with its group is forgotten when it leaves the repository', async () => {
    await world.client.create(TYPES.crds, GADGETS);
    const first = await world.startOperator();
    await shop.applied(await shopDeclares({ 'a.yaml': configMap('one', '1'), 'g.yaml': GADGET }));
    await first.stop();
    await world.client.delete(TYPES.crds, { name: 'gadgets.example.dev' });
    const sha = await shop.commit({ 'g.yaml': null });
    await world.startOperator();
    await shop.applied(sha);
    expect(await shop.inventory()).toEqual(['one']);
  });

  it('that is served in another version than it was applied in is deleted all the same', async () => {
    await world.client.create(TYPES.crds, GADGETS);
    const first = await world.startOperator();
    await shop.applied(await shopDeclares({ 'a.yaml': configMap('one', '1'), 'g.yaml': GADGET }));
    await first.stop();
    const { inventory = [] } = await shop.status();
    const older = inventory.map(entry => ({
      ...entry,
      version: entry.id.includes('Gadget') ? 'v1alpha1' : entry.version,
    }));
    const at = { namespace: NAMESPACE, name: 'shop' };
    const patch = { kind: 'merge', body: { status: { inventory: older } } } as const;
    await world.client.patch(TYPES.gitSyncs, at, patch, { subresource: 'status' });
    const sha = await shop.commit({ 'g.yaml': null });
    await world.startOperator();
    await shop.applied(sha);
    expect(await world.client.find(GADGET_TYPE, { namespace: NAMESPACE, name: 'g' })).toBeUndefined();
  });

  it('that the server cannot judge now is told and tried again soon, and holds up nothing else', async () => {
    const proxy = await proxyBefore(world);
    const git = await shop.served();
    shop = git.shop;
    const operator = await startBehind(proxy, world);
    proxy.inject({
      when: request => on('patch', 'configmaps')(request) && request.name === 'judged',
      times: Number.POSITIVE_INFINITY,
      fault: { kind: 'status', status: 500, reason: 'InternalError', message: 'failed calling webhook' },
    });
    const sha = await shop.commit({ 'a.yaml': configMap('judged', '1'), 'b.yaml': configMap('other', '1') });
    await shop.declare('10m');
    await shop.saying('Reconciling', 'ApplyFailed');
    expect(await dataOf(world, 'other')).toBe('1');
    expect((await shop.status()).message).toContain('failed calling webhook');
    proxy.mend();
    await shop.applied(sha);
    await operator.stop();
    await proxy.close();
    await git.stop();
  });
});

describe('a 404 that passes', () => {
  it('in answer to a write of status stops no GitSync', async () => {
    const proxy = await proxyBefore(world);
    const git = await shop.served();
    shop = git.shop;
    const operator = await startBehind(proxy, world);
    const first = await shop.commit({ 'a.yaml': configMap('one', '1') });
    await shop.declare('1s');
    await shop.applied(first);
    proxy.inject({
      when: on('patch', 'gitsyncs/status'),
      times: 1,
      fault: { kind: 'status', status: 404, reason: 'NotFound', message: '404 page not found' },
    });
    await shop.applied(await shop.commit({ 'a.yaml': configMap('one', '2') }));
    await operator.stop();
    await proxy.close();
    await git.stop();
  });
});

describe('a branch', () => {
  it('that could lead out of the repository is refused by name', async () => {
    await world.startOperator();
    await world.apply(shop.manifest('1s').replace('branch: main', 'branch: "../../HEAD"'));
    await shop.saying('Reconciling', 'InvalidBranch');
  });
});
