import { describe, expect, it } from 'vitest';
import { HASH_LABEL } from '../../src/api/names.ts';
import type { Action, Decision } from '../../src/core/decision.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { ObjectStore } from '../../src/kube/store.ts';
import type { Caches } from '../../src/operator/caches.ts';
import { LiveReader } from '../../src/operator/live-reader.ts';
import { Memory } from '../../src/operator/memory.ts';
import { type Certainty, certaintyFor, doubtsRoute, findOutdated } from '../../src/operator/outdated.ts';
import { RESOURCES } from '../../src/operator/resources.ts';

const rollout = (resourceVersion: string, uid = 'u1'): KubeObject => ({
  kind: 'Rollout',
  metadata: { namespace: 'shop', name: 'shop', uid, resourceVersion },
});

async function setting(live: KubeObject | undefined) {
  const store = new ObjectStore();
  await store.replace([rollout('5')], '5', store.openJournal());
  const asked: unknown[] = [];
  const find = async (_type: unknown, at: unknown) => {
    asked.push(at);
    return live;
  };
  const reader = new LiveReader({ find } as unknown as KubeClient, {} as Caches);
  const readStored = () => reader.readOne({ type: RESOURCES.rollouts, store }, { namespace: 'shop', name: 'shop' });
  return { readStored, store, asked, known: new Memory().of('shop/shop') };
}

describe('a Rollout that a cache shows', () => {
  it('is asked about once for each version', async () => {
    const { readStored, known, asked } = await setting(rollout('5'));
    expect(await findOutdated(readStored, known, rollout('5'), 'known')).toBeUndefined();
    expect(await findOutdated(readStored, known, rollout('5'), 'known')).toBeUndefined();
    expect(asked).toEqual([{ namespace: 'shop', name: 'shop' }]);
  });

  it('is not asked about when this process wrote it', async () => {
    const { readStored, known, asked } = await setting(rollout('9'));
    known.currentVersion = '5';
    expect(await findOutdated(readStored, known, rollout('5'), 'known')).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it('is asked about all the same when something of it has vanished: it may be gone at the version that is known', async () => {
    const { readStored, store, known } = await setting(undefined);
    known.currentVersion = '5';
    expect(await findOutdated(readStored, known, rollout('5'), 'asked')).toMatchObject({ kind: 'conflict' });
    expect(store.size).toBe(0);
  });

  it('is outdated when another version is stored, and the cache learns that one', async () => {
    const { readStored, store, known } = await setting(rollout('9'));
    expect(await findOutdated(readStored, known, rollout('5'), 'known')).toMatchObject({ kind: 'conflict' });
    expect(store.cachedRV({ namespace: 'shop', name: 'shop' })).toBe('9');
    expect(known.currentVersion).toBeUndefined();
  });

  it('is outdated when it is gone', async () => {
    const { readStored, store, known } = await setting(undefined);
    expect(await findOutdated(readStored, known, rollout('5'), 'known')).toMatchObject({ kind: 'conflict' });
    expect(store.size).toBe(0);
  });
});

describe('how sure an action needs to be of the Rollout', () => {
  const target = { name: 's', uid: 'u', resourceVersion: '1' };
  const route = {
    type: 'PatchRoute',
    ref: { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', name: 'shop' },
    patch: [],
  } as const;
  const created = (type: string, hash: string) =>
    ({ type, object: { metadata: { name: `shop-${hash}`, labels: { [HASH_LABEL]: hash } } } }) as unknown as Action;
  const shop = {
    ...rollout('5'),
    status: {
      stable: { podTemplateHash: 'old' },
      canary: { podTemplateHash: 'new' },
      steered: { services: ['shop-stable'], route: { name: 'shop' } },
    },
  };

  it.each<[string, Action, Certainty]>([
    [
      'a Service to another revision',
      { type: 'SelectRevision', service: 'shop-stable', podTemplateHash: 'h' } as Action,
      'known',
    ],
    ['more weight', { ...route, canaryWeight: 20, lowers: false, reassert: false } as Action, 'known'],
    ['less weight', { ...route, canaryWeight: 0, lowers: true, reassert: false } as Action, 'none'],
    ['a measurement that is ended', { type: 'TerminateAnalysisRun', target, message: 'x' } as Action, 'known'],
    ['fewer pods', { type: 'ScaleReplicaSet', target, from: 2, to: 1 } as Action, 'known'],
    ['more pods', { type: 'ScaleReplicaSet', target, from: 1, to: 2 } as Action, 'known'],
    ['the set of a new revision', created('CreateReplicaSet', 'next'), 'none'],
    ['the set of the canary, made anew', created('CreateReplicaSet', 'new'), 'asked'],
    ['what the stable set is rebuilt from, made anew', created('CreateRevision', 'old'), 'asked'],
    ['a Service that is new', created('CreateService', 'other'), 'none'],
    ['a Service, made anew', created('CreateService', 'stable'), 'asked'],
    ['a route, made anew', { type: 'CreateRoute', object: { metadata: { name: 'shop' } } } as Action, 'asked'],
    ['the stable set, rebuilt', { type: 'RestoreReplicaSet' } as Action, 'asked'],
  ])('%s', (_, action, needed) => {
    expect(certaintyFor(action, shop, { firstVersion: '4' })).toBe(needed);
  });

  it('the set of a new revision, as long as all that is known of the Rollout is what the start showed', () => {
    expect(certaintyFor(created('CreateReplicaSet', 'next'), shop, { firstVersion: '5' })).toBe('known');
  });
});

describe('the route that a cache shows', () => {
  const stored = { weights: { canary: 20, stable: 80, actualCanary: 20 }, abort: { at: 'before' } };
  const decided = (actualCanary: number, more: Record<string, unknown> = {}, lowers?: boolean) =>
    ({
      status: { weights: { canary: 20, stable: 80, actualCanary }, abort: { at: 'before' }, ...more },
      actions: lowers === undefined ? [] : [{ type: 'PatchRoute', lowers }],
    }) as unknown as Decision;

  it.each([
    ['is in doubt when another weight is stored', decided(0), {}, true],
    ['is in doubt when more is to be given to it', decided(0, {}, false), {}, true],
    ['is not in the way of less weight', decided(40, {}, true), {}, false],
    ['is as stored', decided(20), {}, false],
    ['is in doubt when an abort finds nothing to take away', decided(20, { abort: { at: 'now' } }), {}, true],
    ['is news when this process has written it', decided(0), { lastWeight: 20 }, false],
    ['is news when this process has read it', decided(0), { routeIsKnown: true }, false],
    ['is of no interest to a strategy without weights', decided(0, { weights: undefined }), {}, false],
  ])('%s', (_, decision, memory, expected) => {
    const known = Object.assign(new Memory().of('shop/shop'), memory);
    expect(doubtsRoute(known, decision, stored)).toBe(expected);
    expect(doubtsRoute(known, decision, undefined)).toBe(false);
  });

  it('is in no doubt when no weight was ever stored', () => {
    expect(doubtsRoute(new Memory().of('shop/shop'), decided(0), {})).toBe(true);
    expect(doubtsRoute(new Memory().of('shop/shop'), decided(0, { abort: undefined }), {})).toBe(false);
  });
});
