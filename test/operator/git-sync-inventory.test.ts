import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InventoryEntry } from '../../src/operator/git-sync/inventory.ts';
import { configMap, dataOf, GitSyncShop } from '../support/git-sync-shop.ts';
import { NAMESPACE, OperatorWorld, TYPES } from '../support/operator-world.ts';

let world: OperatorWorld;
let shop: GitSyncShop;

beforeEach(async () => {
  world = await OperatorWorld.start(false);
  shop = await GitSyncShop.open(world);
});
afterEach(() => world.stop());

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
