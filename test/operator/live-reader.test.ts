import { expect, it } from 'vitest';
import type { KubeClient } from '../../src/kube/client.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { ObjectStore } from '../../src/kube/store.ts';
import type { Caches } from '../../src/operator/caches.ts';
import { LiveReader } from '../../src/operator/live-reader.ts';
import { RESOURCES } from '../../src/operator/resources.ts';

const AT = { namespace: 'shop', name: 'shop' };
const rollout = (uid: string, resourceVersion: string): KubeObject => ({
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: { ...AT, uid, resourceVersion },
});

it('an object that is replaced while the answer about the old one is on its way stays in the cache', async () => {
  const store = new ObjectStore({});
  store.applyEvent('ADDED', rollout('old', '5'));
  const find = async () => {
    store.applyEvent('DELETED', rollout('old', '6'));
    store.applyEvent('ADDED', rollout('new', '7'));
    return undefined;
  };
  const reader = new LiveReader({ find } as unknown as KubeClient, {} as Caches);
  await reader.readOne({ type: RESOURCES.rollouts, store }, AT);
  store.applyEvent('MODIFIED', rollout('new', '8'));
  expect(store.get(AT)?.metadata).toMatchObject({ uid: 'new', resourceVersion: '8' });
});

// Put back, it would count in the status, and each write to it would be refused, until the next audit minutes later.
it('a set that is deleted while a list that has it is on its way does not come back', async () => {
  const set = (resourceVersion: string): KubeObject => ({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { namespace: 'shop', name: 'shop-1', uid: 'set', resourceVersion },
  });
  const stores = ['rollouts', 'replicaSets', 'analysisRuns', 'services', 'httpRoutes'] as const;
  const caches = Object.fromEntries(
    stores.map(name => [name, { type: RESOURCES[name], store: new ObjectStore({}) }]),
  ) as unknown as Caches;
  const { store } = caches.replicaSets;
  store.applyEvent('ADDED', set('5'));
  const list = async ({ plural }: { plural: string }) => {
    if (plural !== 'replicasets') return { items: [] };
    store.applyEvent('DELETED', set('6'));
    return { items: [set('5'), { ...set('5'), metadata: { ...set('5').metadata, name: 'shop-2', uid: 'another' } }] };
  };
  const client = { list, find: async () => rollout('one', '5') } as unknown as KubeClient;
  await new LiveReader(client, caches).refresh(rollout('one', '5'));
  expect([...store.values()].map(({ metadata }) => metadata.name)).toEqual(['shop-2']);
});
