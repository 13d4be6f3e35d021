import { beforeEach, describe, expect, it } from 'vitest';
import type { Action } from '../../src/core/decision.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { ObjectStore } from '../../src/kube/store.ts';
import { type Caches, createCaches } from '../../src/operator/caches.ts';
import { LiveReader } from '../../src/operator/live-reader.ts';
import { RESOURCES } from '../../src/operator/resources.ts';
import { templateOf } from '../support/rollout-builder.ts';

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

describe('looked at again', () => {
  const declared = (strategy: object): KubeObject => ({
    ...rollout('one', '5'),
    spec: { replicas: 1, selector: { matchLabels: { app: 'shop' } }, template: templateOf('1'), strategy },
  });
  const trafficRouting = { gatewayAPI: { httpRoute: 'route' } };
  const canary = { canary: { stableService: 'stable', canaryService: 'canary', trafficRouting } };
  const blueGreen = { blueGreen: { activeService: 'active', previewService: 'preview' } };
  const asked: string[] = [];
  const client = {
    find: async ({ plural }: { plural: string }, { name }: { name: string }) => void asked.push(`${plural}/${name}`),
    list: async ({ plural }: { plural: string }) => {
      asked.push(plural);
      return { items: [] };
    },
  } as unknown as KubeClient;
  const reader = new LiveReader(client, createCaches({ client }));
  beforeEach(() => void asked.splice(0));

  it.each<[string, Partial<Action>, string]>([
    ['CreateReplicaSet', {}, 'replicasets'],
    ['RestoreReplicaSet', {}, 'replicasets'],
    ['CreateRevision', {}, 'controllerrevisions'],
    ['CreateAnalysisRun', {}, 'analysisruns'],
    ['CreateService', { object: { metadata: { name: 'stable' } } } as Partial<Action>, 'services/stable'],
    ['CreateRoute', {}, 'httproutes/route'],
    ['PatchRoute', {}, 'httproutes/route'],
    ['SelectRevision', { service: 'stable' }, 'services/stable'],
    ['ScaleReplicaSet', { target: { name: 'set', uid: 'u', resourceVersion: '1' } }, 'replicasets/set'],
  ])('is what %s was about', async (type, more, expected) => {
    await reader.readTarget(declared(canary), { type, ...more } as Action);
    expect(asked).toEqual([expected]);
  });

  it.each([
    ['the route', canary, ['httproutes/route']],
    ['the Services, where there is no route', blueGreen, ['services/active', 'services/preview']],
  ])('for where users are: %s', async (_, strategy, expected) => {
    await reader.readTraffic(declared(strategy));
    expect(asked).toEqual(expected);
  });
});
