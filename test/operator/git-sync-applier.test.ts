import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/kube/clock.ts';
import { ApiError } from '../../src/kube/errors.ts';
import { Applier, type ApplyRequest } from '../../src/operator/git-sync/applier.ts';
import { holdObject } from '../../src/operator/git-sync/held-object.ts';
import { type Manifest, readManifests } from '../../src/operator/git-sync/manifests.ts';
import type { Steering } from '../../src/operator/git-sync/steering.ts';
import { Outdated } from '../../src/operator/git-sync/stored-git-sync.ts';
import { TypeResolver } from '../../src/operator/git-sync/type-resolver.ts';
import { configMap } from '../support/git-sync-shop.ts';
import { NAMESPACE, OperatorWorld, TYPES } from '../support/operator-world.ts';

const STEERING: Steering = { unreadable: false, services: new Set(), routes: new Map() };

let world: OperatorWorld;
let applier: Applier;
let applies: number;
/** What the watch shows. */
let shown: { following: boolean; object: ReturnType<typeof holdObject> | undefined };

beforeEach(async () => {
  world = await OperatorWorld.start(false);
  applies = 0;
  shown = { following: false, object: undefined };
  const { client } = world;
  applier = new Applier({
    client: {
      find: (...args) => client.find(...args),
      delete: (...args) => client.delete(...args),
      patch: (...args) => {
        applies += 1;
        return client.patch(...args);
      },
    },
    clock: systemClock,
    random: Math.random,
    types: new TypeResolver(client),
    watches: { see: () => shown },
  });
});
afterEach(() => world.stop());

const requestFor = (manifests: readonly Manifest[]): ApplyRequest => ({
  name: 'shop',
  namespace: NAMESPACE,
  spec: { repository: 'https://git.example/shop.git', branch: 'main' },
  revision: 'main@sha1:1',
  manifests,
  previous: [],
  steering: STEERING,
  otherHolder: () => undefined,
  isHeld: false,
  isCurrent: () => true,
  assertCurrent: async () => undefined,
});

async function apply(value = '1', isCurrent = () => true) {
  const reading = await readManifests([{ path: 'a.yaml', text: configMap('one', value) }], NAMESPACE);
  if (!reading.ok) throw new Error(reading.message);
  const result = await applier.apply({ ...requestFor(reading.manifests), isCurrent });
  expect(result.failures).toEqual([]);
  return result;
}

/** The watch shows the object as it is now. */
async function show(following: boolean): Promise<void> {
  const live = await world.find(TYPES.configMaps, 'one');
  shown = { following, object: live && holdObject(live) };
}

it('nothing more is applied once the GitSync was suspended or changed', async () => {
  await expect(apply('1', () => false)).rejects.toBeInstanceOf(Outdated);
  expect(applies).toBe(0);
});

describe('an object that was applied', () => {
  it('is not applied again while a watch shows it as it was left', async () => {
    await apply();
    await show(true);
    const { inventory, changed } = await apply();
    expect(applies).toBe(1);
    expect(inventory).toHaveLength(1);
    expect(changed).toEqual([]);
  });

  it('is applied again while its watch is down, whatever that showed last', async () => {
    await apply();
    await show(false);
    await apply();
    expect(applies).toBe(2);
  });

  it('is applied again when its manifest changed, when it changed, and when it is gone', async () => {
    await apply();
    await show(true);
    await apply('2');
    expect(applies).toBe(2);
    // The watch still shows what was before that apply.
    await apply('2');
    expect(applies).toBe(3);
    await show(true);
    await apply('2');
    expect(applies).toBe(3);
    shown = { following: true, object: undefined };
    await apply('2');
    expect(applies).toBe(4);
  });

  it('is applied again after a restart, when nobody knows how it was left', async () => {
    await world.apply(configMap('one', '1'));
    await show(true);
    await apply();
    expect(applies).toBe(1);
  });
});

it('what left the repository is let go once its kind is gone, though the server served it before', async () => {
  const gone = new ApiError({
    code: 'transient',
    message: '404',
    verb: 'get',
    path: '/apis/x/v1/toys/one',
    status: 404,
  });
  const toys = { group: 'x', version: 'v1', plural: 'toys', kind: 'Toy', namespaced: true };
  let served: typeof toys | undefined = toys;
  const entry = { id: `${NAMESPACE}_one_x_Toy`, version: 'v1', digest: 'd', revision: 'r' };
  const forgetful = new Applier({
    client: {
      find: () => Promise.reject(gone),
      patch: () => Promise.reject(gone),
      delete: () => Promise.reject(gone),
    },
    clock: systemClock,
    random: Math.random,
    types: {
      resolve: async () => served,
      resolveForSure: async () => served,
      forget: apiVersion => {
        if (apiVersion === 'x/v1') served = undefined;
      },
    },
    watches: { see: () => ({ following: false, object: undefined }) },
  });
  const request = { ...requestFor([]), previous: [entry] };
  const first = await forgetful.apply(request);
  expect(first.inventory).toEqual([entry]);
  expect((await forgetful.apply(request)).inventory).toEqual([]);
});

it('what cannot leave yet keeps its place in the inventory, which is not stored anew each time', async () => {
  const previous = ['one', 'two', 'three'].map(name => ({
    id: `${NAMESPACE}_${name}__ConfigMap`,
    version: 'v1',
    digest: 'd',
    revision: 'r',
  }));
  expect((await applier.apply({ ...requestFor([]), previous, isHeld: true })).inventory).toEqual(previous);
});
