import { describe, expect, it } from 'vitest';
import { HASH_LABEL } from '../../src/api/names.ts';
import type { Action, Decision } from '../../src/core/decision.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { ObjectStore } from '../../src/kube/store.ts';
import type { Caches } from '../../src/operator/caches.ts';
import { LiveReader } from '../../src/operator/live-reader.ts';
import { type Doubt, Memory } from '../../src/operator/memory.ts';
import { type Certainty, certaintyFor, doubtOf, findOutdated } from '../../src/operator/outdated.ts';
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
  const read = { certain: new Set<Doubt>(['traffic']) };

  it.each([
    ['is in doubt when another weight is stored', decided(0), {}, 'traffic'],
    ['is in doubt when more is to be given to it', decided(0, {}, false), {}, 'traffic'],
    ['is not in the way of less weight', decided(40, {}, true), {}, undefined],
    ['is as stored', decided(20), {}, undefined],
    ['is in doubt when an abort finds nothing to take away', decided(20, { abort: { at: 'now' } }), {}, 'traffic'],
    ['is news when this process has written it', decided(0), { lastWeight: 20 }, undefined],
    ['is news when this process has read it', decided(0), read, undefined],
    ['is of no interest to a strategy without weights', decided(0, { weights: undefined }), {}, undefined],
  ])('%s', (_, decision, memory, expected) => {
    const known = Object.assign(new Memory().of('shop/shop'), memory);
    expect(doubtOf(known, decision, stored)).toBe(expected);
    expect(doubtOf(known, decision, undefined)).toBeUndefined();
  });

  it('is in no doubt when no weight was ever stored', () => {
    expect(doubtOf(new Memory().of('shop/shop'), decided(0), {})).toBe('traffic');
    expect(doubtOf(new Memory().of('shop/shop'), decided(0, { abort: undefined }), {})).toBeUndefined();
  });
});

describe('the Services that a cache shows of blue-green', () => {
  const decided = (...actions: string[]) =>
    ({ status: { abort: { at: 'now' } }, actions: actions.map(type => ({ type })) }) as unknown as Decision;

  it.each([
    ['are in doubt when an abort finds nobody to send home', decided('ScaleReplicaSet'), 'traffic'],
    ['never keep users away from home', decided('SelectRevision', 'ScaleReplicaSet'), undefined],
  ])('%s', (_, decision, expected) => {
    expect(doubtOf(new Memory().of('shop/shop'), decision, {})).toBe(expected);
  });
});

describe('the AnalysisRuns that a cache shows', () => {
  const before = { revision: 1, outcome: 'Promoted', endedAt: 'before' };
  const now = { revision: 2, outcome: 'Promoted', endedAt: 'now' };
  const stored = { canary: { revision: 2 }, history: [before] };
  const decided = (status: Record<string, unknown>) => ({ status, actions: [] }) as unknown as Decision;
  const promoted = decided({ history: [now, before] });
  const superseded = decided({ canary: { revision: 3 }, history: [now, before] });
  const aborted = decided({ canary: { revision: 2 }, abort: { at: 'now' }, history: [now, before] });
  const first = { history: [] };
  const measured = {
    ...stored,
    canary: { revision: 2, podTemplateHash: 'new' },
    analysis: { background: 'shop-bg' },
  };
  const select = (podTemplateHash: string) => ({ type: 'SelectRevision', podTemplateHash });
  const moving = (action: object, of: object = measured) => ({ status: of, actions: [action] }) as unknown as Decision;
  const more = { type: 'PatchRoute', lowers: false };
  const less = { type: 'PatchRoute', lowers: true };

  it.each([
    ['are in doubt when a trial ends well', promoted, stored, {}, 'analysisRuns'],
    ['are in doubt when another revision takes its place', superseded, stored, {}, 'analysisRuns'],
    ['are in no doubt while it goes on', decided({ ...stored }), stored, {}, undefined],
    ['are in doubt when more users are sent to what they measure', moving(more), measured, {}, 'analysisRuns'],
    ['are in doubt when all users are', moving(select('new')), measured, {}, 'analysisRuns'],
    ['never keep users from home', moving(select('old')), measured, {}, undefined],
    ['are in no doubt when there is none yet', moving(more, stored), stored, {}, undefined],
    ['never keep less weight waiting', moving(less), measured, {}, undefined],
    [
      'never keep users from home who were aborted before',
      moving(select('new'), { ...measured, abort: { at: 'before' } }),
      { ...measured, abort: { at: 'before' } },
      { lastWeight: 0 },
      undefined,
    ],
    ['never keep an abort waiting', aborted, stored, { lastWeight: 20 }, undefined],
    ['are of no interest to a first deploy', decided({ history: [before] }), first, {}, undefined],
    [
      'are news when this process has read or made some',
      promoted,
      stored,
      { certain: new Set(['analysisRuns']) },
      undefined,
    ],
  ])('%s', (_, decision, of, memory, expected) => {
    expect(doubtOf(Object.assign(new Memory().of('shop/shop'), memory), decision, of)).toBe(expected);
  });
});
