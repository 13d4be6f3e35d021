import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { adoptOurs, oursIn } from '../../src/operator/git-sync/adopt-ours.ts';
import { holdObject, isAsLeft } from '../../src/operator/git-sync/held-object.ts';
import { type Steering, steeringOf } from '../../src/operator/git-sync/steering.ts';

const object = (kind: string, spec: Record<string, unknown>, apiVersion = 'v1'): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name: 'shop', uid: 'u', resourceVersion: '1' },
  spec,
});
const ref = (name: string, weight?: number, more: object = {}) => ({
  name,
  port: 80,
  ...(weight === undefined ? {} : { weight }),
  ...more,
});
interface Rule {
  matches?: string;
  backendRefs: unknown;
}
const route = (...rules: (unknown[] | Rule)[]) =>
  object(
    'HTTPRoute',
    {
      hostnames: ['shop.example'],
      rules: rules.map(rule => (Array.isArray(rule) ? { backendRefs: rule } : rule)),
    },
    'gateway.networking.k8s.io/v1',
  );
const service = (selector: Record<string, string>) => object('Service', { selector, ports: [] });
const HASH = { 'sluice.dev/pod-template-hash': 'abc' };

const STEERED: Steering = {
  unreadable: false,
  services: new Set(['shop']),
  routes: new Map([['shop', [{ stable: 'stable', canary: 'canary' }]]]),
};
const NOTHING: Steering = { unreadable: false, services: new Set(), routes: new Map() };
const UNREADABLE: Steering = { ...NOTHING, unreadable: true };
const LIVE = [ref('stable', 70), ref('canary', 30)];
const GIT = [ref('stable', 100), ref('canary', 0)];

describe('weights of a route that Git declares too', () => {
  it('are declared as they are where the route does not exist yet', () => {
    expect(adoptOurs(route(GIT), undefined, STEERED)).toEqual(route(GIT));
  });

  it('stay as they are for the pair that a Rollout steers, by name, and nothing else does', () => {
    const live = route([ref('canary', 30), ref('stable', 70)]);
    live['spec'] = { ...(live['spec'] as object), hostnames: ['edited.example'] };
    expect(adoptOurs(route(GIT), live, STEERED)).toEqual(route(LIVE));
  });

  it('stay with their pair when Git inserts a rule before it', () => {
    const inserted = route([ref('other', 7)], GIT);
    expect(adoptOurs(inserted, route(LIVE), STEERED)).toEqual(route([ref('other', 7)], LIVE));
  });

  it('stay with their pair when Git reorders the rules', () => {
    const live = route(LIVE, [ref('other', 1), ref('more', 9)]);
    const reordered = route([ref('other', 2), ref('more', 8)], GIT);
    expect(adoptOurs(reordered, live, STEERED)).toEqual(route([ref('other', 2), ref('more', 8)], LIVE));
  });

  it('reach a second rule that Git gives the same pair', () => {
    const declared = route({ matches: '/new', backendRefs: GIT }, { matches: '/', backendRefs: GIT });
    expect(adoptOurs(declared, route({ matches: '/', backendRefs: LIVE }), STEERED)).toEqual(
      route({ matches: '/new', backendRefs: LIVE }, { matches: '/', backendRefs: LIVE }),
    );
  });

  it("are Git's in a rule with other backends, also where one of the pair is among them", () => {
    const live = route(LIVE, [ref('stable', 50), ref('blue', 50)]);
    const declared = route(GIT, [ref('stable', 10), ref('blue', 90)]);
    expect(adoptOurs(declared, live, STEERED)).toEqual(route(LIVE, [ref('stable', 10), ref('blue', 90)]));
  });

  it("are Git's for a third backend beside the pair", () => {
    const live = route([...LIVE, ref('mirror', 5)]);
    expect(adoptOurs(route([...GIT, ref('mirror', 9)]), live, STEERED)).toEqual(route([...LIVE, ref('mirror', 9)]));
  });

  it("are Git's for something that only has the name of a Service", () => {
    const bucket = { kind: 'Bucket', group: 'example.dev' };
    const live = route([ref('stable', 70, bucket), ref('canary', 30)]);
    const declared = route([ref('stable', 1, bucket), ref('canary', 2)]);
    expect(adoptOurs(declared, live, STEERED)).toEqual(declared);
  });

  it("are Git's where no Rollout steers the route", () => {
    expect(adoptOurs(route(GIT), route(LIVE), NOTHING)).toEqual(route(GIT));
  });

  it('stay as they are, all of them, while a Rollout of the namespace cannot be read', () => {
    const declared = route([ref('new', 3)], GIT);
    expect(adoptOurs(declared, route(LIVE), UNREADABLE)).toEqual(route([ref('new', 3)], LIVE));
  });

  it('do not depend on the shape of what is declared', () => {
    const declared = route({ backendRefs: 'none' }, [null]);
    expect(adoptOurs(declared, route(LIVE), STEERED)).toEqual(declared);
  });
});

describe('the revision key in a selector that Git declares too', () => {
  it('stays, and only that', () => {
    const adopted = adoptOurs(service({ app: 'shop' }), service({ app: 'shop', foreign: 'x', ...HASH }), STEERED);
    expect(adopted).toEqual(service({ app: 'shop', ...HASH }));
  });

  it('stays while a Rollout of the namespace cannot be read', () => {
    expect(adoptOurs(service({ app: 'shop' }), service({ app: 'shop', ...HASH }), UNREADABLE)).toEqual(
      service({ app: 'shop', ...HASH }),
    );
  });

  it('goes when no Rollout uses the Service any more: nothing would ever have its pods again', () => {
    const declared = service({ app: 'shop' });
    expect(adoptOurs(declared, service({ app: 'shop', ...HASH }), NOTHING)).toEqual(declared);
  });
});

describe('what Rollouts steer', () => {
  const rollout = (name: string, canary: Record<string, unknown>, namespace = 'shop'): KubeObject => ({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'Rollout',
    metadata: { name, namespace },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name, image: 'x:1' }] } },
      strategy: { canary: { steps: [{ setWeight: 20 }], ...canary } },
    },
  });
  const SERVICES = { stableService: 'stable', canaryService: 'canary' };
  const ROUTED = { ...SERVICES, trafficRouting: { gatewayAPI: { httpRoute: 'web' } } };

  it('is read off the Rollouts of the namespace, several on one route included', () => {
    const other = { ...ROUTED, stableService: 's2', canaryService: 'c2' };
    const steering = steeringOf(
      [rollout('a', ROUTED), rollout('b', other), rollout('c', ROUTED, 'elsewhere'), rollout('d', {})],
      'shop',
    );
    expect(steering).toEqual({
      unreadable: false,
      services: new Set(['stable', 'canary', 's2', 'c2']),
      routes: new Map([
        [
          'web',
          [
            { stable: 'stable', canary: 'canary' },
            { stable: 's2', canary: 'c2' },
          ],
        ],
      ]),
    });
  });

  it('keeps the weights of a route that spec names no more until it has come to rest', () => {
    const status = (route: object) => ({ ...rollout('a', ROUTED), status: { steered: { services: [], route } } });
    const pair = { stable: 'stable', canary: 'canary' };
    const departed = steeringOf([status({ name: 'former', ...pair })], 'shop');
    expect([...departed.routes]).toEqual([
      ['web', [pair]],
      ['former', [pair]],
    ]);
    expect([...steeringOf([status({ name: 'web', ...pair })], 'shop').routes]).toEqual([['web', [pair]]]);
  });

  it('is said to be unknown when one of them cannot be read, in that namespace alone', () => {
    const broken = rollout('a', { ...ROUTED, steps: 'many' });
    expect(steeringOf([broken], 'shop').unreadable).toBe(true);
    expect(steeringOf([broken], 'elsewhere').unreadable).toBe(false);
  });

  it('is told apart, so that an object is applied again when it changes', () => {
    expect(oursIn(route(GIT), STEERED)).not.toBe(oursIn(route(GIT), UNREADABLE));
    expect(oursIn(route(GIT), NOTHING)).toBeUndefined();
    expect(oursIn(object('ConfigMap', {}), UNREADABLE)).toBeUndefined();
    expect(oursIn(object('Service', {}, 'serving.example.dev/v1'), UNREADABLE)).toBeUndefined();
  });
});

describe('an object that was applied', () => {
  const isSame = (before: KubeObject, after: KubeObject, steering = NOTHING) =>
    isAsLeft(holdObject(before), holdObject(after), steering);
  const changed = (of: KubeObject, change: object): KubeObject => ({ ...of, ...change });

  it('is as it was left when the server or a controller wrote its own parts', () => {
    const map = object('ConfigMap', { a: 1, b: 2 });
    const metadata = { ...map.metadata, resourceVersion: '9', generation: 4, managedFields: [{ manager: 'x' }] };
    expect(isSame(map, changed(map, { metadata, status: { ready: true } }))).toBe(true);
    expect(isSame(map, changed(map, { spec: { b: 2, a: 1 } }))).toBe(true);
  });

  it.each([
    ['its content', { spec: { a: 2 } }],
    ['a label', { metadata: { name: 'shop', labels: { a: 'b' } } }],
    ['an annotation', { metadata: { name: 'shop', annotations: { a: 'b' } } }],
    ['a finalizer', { metadata: { name: 'shop', finalizers: ['a/b'] } }],
  ])('is not when somebody changed %s', (_what, change) => {
    const map = object('ConfigMap', { a: 1 });
    expect(isSame(map, changed(map, change))).toBe(false);
  });

  it('is as it was left while a Rollout moves the weights that it steers, and only then', () => {
    expect(isSame(route(GIT), route(LIVE), STEERED)).toBe(true);
    expect(isSame(route(GIT), route(LIVE), UNREADABLE)).toBe(true);
    expect(isSame(route(GIT), route(LIVE), NOTHING)).toBe(false);
    expect(isSame(route(GIT, [ref('other', 1)]), route(LIVE, [ref('other', 2)]), STEERED)).toBe(false);
    expect(isSame(route(GIT), route([ref('stable', 100), ref('evil', 0)]), STEERED)).toBe(false);
  });

  it('is as it was left while a Rollout selects a revision, and only then', () => {
    const [before, after] = [service({ app: 'shop' }), service({ app: 'shop', ...HASH })];
    expect(isSame(before, after, STEERED)).toBe(true);
    expect(isSame(before, after, NOTHING)).toBe(false);
    expect(isSame(before, service({ app: 'other', ...HASH }), STEERED)).toBe(false);
  });
});
