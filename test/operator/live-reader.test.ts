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
