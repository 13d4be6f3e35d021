import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/kube/clock.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { applyObject, type ObjectApplierParts } from '../../src/operator/git-sync/apply-object.ts';
import type { Steering } from '../../src/operator/git-sync/steering.ts';
import { NAMESPACE, OperatorWorld, TYPES } from '../support/operator-world.ts';

const STEERING: Steering = {
  unreadable: false,
  services: new Set(['stable']),
  routes: new Map([['shop', [{ stable: 'stable', canary: 'canary' }]]]),
};

let world: OperatorWorld;

beforeEach(async () => {
  world = await OperatorWorld.start(true);
});
afterEach(() => world.stop());

const route = (canary: number, hostname = 'shop.example'): KubeObject => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'shop', namespace: NAMESPACE },
  spec: {
    hostnames: [hostname],
    rules: [
      {
        backendRefs: [
          { name: 'stable', port: 80, weight: 100 - canary },
          { name: 'canary', port: 80, weight: canary },
        ],
      },
    ],
  },
});
const weightOf = (object: KubeObject | undefined) =>
  (object?.['spec'] as { rules: { backendRefs: { weight: number }[] }[] } | undefined)?.rules[0]?.backendRefs[1]
    ?.weight;
const steer = (weight: number) =>
  world.client.patch(
    TYPES.httpRoutes,
    { namespace: NAMESPACE, name: 'shop' },
    { kind: 'json', body: [{ op: 'replace', path: '/spec/rules/0/backendRefs/1/weight', value: weight }] },
  );

/** The synchronizer's own client, with something that happens right after each of its reads. */
function withAfterRead(afterRead: (reads: number) => Promise<unknown>): ObjectApplierParts & { weights: unknown[] } {
  const { client } = world;
  let reads = 0;
  const weights: unknown[] = [];
  return {
    weights,
    clock: systemClock,
    random: () => 0,
    client: {
      find: async (...args) => {
        const live = await client.find(...args);
        reads += 1;
        await afterRead(reads);
        return live;
      },
      patch: async (...args) => {
        const stored = await client.patch(...args);
        weights.push(weightOf(stored));
        return stored;
      },
      delete: (...args) => client.delete(...args),
    },
  };
}

describe('an apply of a route that a Rollout steers', () => {
  it('never brings back a weight that an abort replaced between its read and its write', async () => {
    await world.client.create(TYPES.httpRoutes, route(40));
    const parts = withAfterRead(async reads => {
      if (reads === 1) await steer(0);
    });
    const stored = await applyObject(parts, TYPES.httpRoutes, route(0, 'new.example'), STEERING);
    expect(weightOf(stored)).toBe(0);
    expect(parts.weights).toEqual([0]);
    expect(stored['spec']).toMatchObject({ hostnames: ['new.example'] });
  });

  it('gives up with a conflict when somebody is faster every time', async () => {
    await world.client.create(TYPES.httpRoutes, route(40));
    const parts = withAfterRead(reads => steer(reads));
    const apply = applyObject(parts, TYPES.httpRoutes, route(0), STEERING);
    await expect(apply).rejects.toMatchObject({ code: 'conflict' });
    expect(parts.weights).toEqual([]);
    expect(weightOf(await world.find(TYPES.httpRoutes, 'shop'))).toBe(5);
  });

  it('creates the route where there is none', async () => {
    const stored = await applyObject(
      withAfterRead(async () => undefined),
      TYPES.httpRoutes,
      route(0),
      STEERING,
    );
    expect(weightOf(stored)).toBe(0);
  });
});

describe('an apply of anything', () => {
  // One that was cut off before would count as an outage of the server, and hold up all that comes after it.
  it('waits for the answer of a server whose webhook hangs for as long as it may', async () => {
    const parts = withAfterRead(async () => undefined);
    const waits: (number | undefined)[] = [];
    const patch: typeof parts.client.patch = (type, at, body, options) => {
      waits.push(options?.timeoutMs);
      return parts.client.patch(type, at, body, options);
    };
    const service = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x', namespace: NAMESPACE } };
    await applyObject({ ...parts, client: { ...parts.client, patch } }, TYPES.configMaps, service, STEERING);
    expect(waits[0]).toBeGreaterThan(60_000);
  });
});
