import { describe, expect, it } from 'vitest';
import type { ApiObject } from '../../src/api/object-meta.ts';
import { gatewayApiRouter } from '../../src/traffic/gateway-api.ts';
import { applyJsonPatch } from '../support/json-patch.ts';

const BACKENDS = { stable: 'stable', canary: 'canary', max: 100 };
const SPEC = { httpRoute: 'shop' };
type Ref = Record<string, unknown>;

const both = (stable?: number, canary?: number): Ref[] => [
  { name: 'stable', port: 80, ...(stable === undefined ? {} : { weight: stable }) },
  { name: 'canary', port: 80, ...(canary === undefined ? {} : { weight: canary }) },
];
const ACCEPTED = ['Accepted', 'ResolvedRefs'].map(type => ({ type, status: 'True', observedGeneration: 3 }));

function route(rules: unknown, parents: unknown = [{ conditions: ACCEPTED }]): ApiObject {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'shop', generation: 3 },
    spec: { rules },
    status: { parents },
  };
}
const read = (object: ApiObject | null, max = 100) => gatewayApiRouter.read(SPEC, object, { ...BACKENDS, max });
const write = (object: ApiObject, canary: number, max = 100) =>
  gatewayApiRouter.write(SPEC, object, { ...BACKENDS, max }, { canary, max });

describe('reading the weights of an HTTPRoute', () => {
  it.each<[string, Ref[], number, boolean]>([
    ['100/0', both(100, 0), 0, true],
    ['1/0, which says the same', both(1, 0), 0, true],
    ['80/20', both(80, 20), 20, true],
    ['4/1, which says the same', both(4, 1), 20, true],
    ['no weights at all: 1/1', both(), 50, true],
    ['999/1: a trace of traffic is not none', both(999, 1), 1, false],
    ['0/0: nobody is served', both(0, 0), 0, false],
    ['0/1', both(0, 1), 100, true],
    [
      'weights that are no numbers count as the default',
      [
        { name: 'stable', weight: '9' },
        { name: 'canary', weight: null },
      ],
      50,
      true,
    ],
  ])('%s', (_, refs, canary, uniform) => {
    expect(read(route([{ backendRefs: refs }]))).toMatchObject({ kind: 'weights', canary, uniform, accepted: true });
  });

  it('takes the highest of several rules, and sees that they differ', () => {
    expect(read(route([{ backendRefs: both(90, 10) }, { backendRefs: both(70, 30) }]))).toMatchObject({
      canary: 30,
      uniform: false,
    });
  });

  it('speaks in parts of maxTrafficWeight', () => {
    expect(read(route([{ backendRefs: both(3, 1) }]), 1000)).toMatchObject({ canary: 250, uniform: true });
  });

  it.each<[string, unknown, string]>([
    ['no rules', undefined, 'it has no rules'],
    [
      'rules that are odd',
      [null, {}, { backendRefs: 'x' }, { backendRefs: [null, 7] }],
      'no rule has both backendRefs stable and canary; add the missing one with weight 0',
    ],
    ['one backend', [{ backendRefs: [{ name: 'stable' }] }], 'no rule has both'],
    [
      'the two backends in different rules',
      [{ backendRefs: [{ name: 'stable' }] }, { backendRefs: [{ name: 'canary' }] }],
      'no rule has both',
    ],
    [
      'a Service named twice',
      [{ backendRefs: [...both(), { name: 'canary' }] }],
      'rule 0 names a Service twice; name each once',
    ],
    [
      'backends of another kind',
      [{ backendRefs: [{ name: 'stable' }, { name: 'canary', kind: 'Other' }] }],
      'no rule has both',
    ],
    [
      'backends of another group',
      [{ backendRefs: [{ name: 'stable' }, { name: 'canary', group: 'x.io' }] }],
      'no rule has both',
    ],
  ])('%s is malformed', (_, rules, why) => {
    expect(read(route(rules))).toMatchObject({ kind: 'malformed', why: expect.stringContaining(why) });
    expect(write(route(rules), 20)).toEqual([]);
  });

  it('names a Service by kind and core group too', () => {
    expect(
      read(
        route([
          {
            backendRefs: [
              { name: 'stable', kind: 'Service', group: '' },
              { name: 'canary', kind: 'Service' },
            ],
          },
        ]),
      ),
    ).toMatchObject({ kind: 'weights' });
  });

  it('says when it is missing', () => {
    expect(read(null)).toEqual({ kind: 'missing', why: 'HTTPRoute shop does not exist' });
  });
});

describe('whether the data plane has taken a route up', () => {
  const reported = (conditions: unknown[]) => read(route([{ backendRefs: both(100, 0) }], [{ conditions }]));
  const [accepted, resolved] = ACCEPTED;

  it.each<[string, unknown, { accepted: boolean; rejected?: boolean; why?: string }]>([
    ['accepted and resolved', ACCEPTED, { accepted: true }],
    [
      'not resolved yet',
      [accepted],
      { accepted: false, rejected: false, why: 'the gateway has not reported ResolvedRefs on HTTPRoute shop' },
    ],
    [
      'refused',
      [{ type: 'Accepted', status: 'False', message: 'NoMatchingParent' }, resolved],
      {
        accepted: false,
        rejected: true,
        why: 'the gateway reports Accepted=False on HTTPRoute shop: NoMatchingParent',
      },
    ],
    [
      'undecided',
      [{ type: 'Accepted', status: 'Unknown' }, resolved],
      { accepted: false, rejected: false, why: 'the gateway reports Accepted=Unknown on HTTPRoute shop: ' },
    ],
    [
      'an older generation',
      [{ ...accepted, observedGeneration: 2 }, resolved],
      { accepted: false, rejected: false, why: 'the gateway has not yet taken up the last change of HTTPRoute shop' },
    ],
    [
      'a controller that reports no generation',
      [
        { type: 'Accepted', status: 'True' },
        { type: 'ResolvedRefs', status: 'True' },
      ],
      { accepted: true },
    ],
  ])('%s', (_, conditions, expected) => {
    const state = reported(conditions as unknown[]);
    expect(state).toMatchObject(expected);
  });

  it.each([[undefined], [[]], ['x']])('nobody has reported (%j)', parents => {
    const object = route([{ backendRefs: both(100, 0) }]);
    expect(read({ ...object, status: { parents } })).toMatchObject({
      accepted: false,
      rejected: false,
      why: 'no gateway has reported on HTTPRoute shop yet',
    });
  });

  it('asks every parent', () => {
    expect(read(route([{ backendRefs: both(100, 0) }], [{ conditions: ACCEPTED }, {}]))).toMatchObject({
      accepted: false,
    });
  });
});

describe('writing the weights of an HTTPRoute', () => {
  const filters = [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'a', value: 'b' }] } }];

  it('changes every rule that has both backends and nothing else', () => {
    const other = { backendRefs: [{ name: 'docs', port: 80, weight: 7 }], timeouts: { request: '5s' } };
    const object = route([
      { backendRefs: both(100, 0), filters },
      other,
      { backendRefs: [{ name: 'docs' }, ...both(1, 0)] },
    ]);
    const expected = structuredClone(object['spec']) as { rules: { backendRefs: Ref[] }[] };
    expected.rules[0]!.backendRefs = both(75, 25);
    expected.rules[2]!.backendRefs = [{ name: 'docs' }, ...both(75, 25)];
    applyJsonPatch(object, write(object, 25));
    expect(object['spec']).toEqual(expected);
    expect(read(object)).toMatchObject({ canary: 25, uniform: true });
  });

  it('tests the names before it writes, so that a reordered route is refused and not misread', () => {
    const object = route([{ backendRefs: both(100, 0) }]);
    const patch = write(object, 25);
    expect(patch.filter(op => op.op === 'test')).toEqual([
      { op: 'test', path: '/metadata/generation', value: 3 },
      { op: 'test', path: '/spec/rules/0/backendRefs/0/name', value: 'stable' },
      { op: 'test', path: '/spec/rules/0/backendRefs/1/name', value: 'canary' },
    ]);
    const reordered = route([{ backendRefs: both(100, 0).reverse() }]);
    expect(() => applyJsonPatch(reordered, patch)).toThrow('test failed');
  });

  it('gives the canary more only over the route that was seen, and less over any', () => {
    const at = (generation: number, stable: number, canary: number): ApiObject => {
      const object = route([{ backendRefs: both(stable, canary) }]);
      return { ...object, metadata: { ...object.metadata, generation } };
    };
    const since = at(9, 100, 0);
    expect(() => applyJsonPatch(since, write(at(3, 100, 0), 20))).toThrow('test failed');
    applyJsonPatch(since, write(at(3, 80, 20), 10));
    expect(since['spec']).toEqual({ rules: [{ backendRefs: both(90, 10) }] });
    applyJsonPatch(since, write(since, 60));
    expect(since['spec']).toEqual({ rules: [{ backendRefs: both(40, 60) }] });
  });

  it('compares weights where a route has no generation', () => {
    const { metadata, ...rest } = route([{ backendRefs: both(80, 20) }]);
    const seen: ApiObject = { ...rest, metadata: { name: metadata.name } };
    expect(() => applyJsonPatch(route([{ backendRefs: both(100, 0) }]), write(seen, 60))).toThrow('test failed');
    applyJsonPatch(seen, write(seen, 60));
    expect(seen['spec']).toEqual({ rules: [{ backendRefs: both(40, 60) }] });
  });

  it.each([
    [both(1, 0), 0],
    [both(100, 0), 0],
    [both(4, 1), 20],
    [both(), 50],
  ])('leaves a spelling that says the same as it is', (refs, canary) => {
    expect(write(route([{ backendRefs: refs }]), canary)).toEqual([]);
  });

  it('mends only the rule that differs', () => {
    expect(
      write(route([{ backendRefs: both(80, 20) }, { backendRefs: both(100, 0) }]), 20).map(op => op.path.slice(0, 14)),
    ).toEqual(['/metadata/gene', ...Array(4).fill('/spec/rules/1/')]);
  });

  it('writes parts of maxTrafficWeight', () => {
    const object = route([{ backendRefs: both(1, 0) }]);
    applyJsonPatch(object, write(object, 1, 1000));
    expect(object['spec']).toEqual({ rules: [{ backendRefs: both(999, 1) }] });
  });
});

describe('an HTTPRoute that is ours', () => {
  it('is created from its template with all weight on stable, and the template is not touched', () => {
    const template = {
      metadata: { labels: { a: '1' }, annotations: { b: '2' } },
      spec: { hostnames: ['x'], rules: [{ backendRefs: both() }, { backendRefs: [{ name: 'docs' }] }] },
    };
    const before = structuredClone(template);
    expect(gatewayApiRouter.create({ httpRoute: 'shop', routeTemplate: template }, BACKENDS)).toEqual({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'shop', labels: { a: '1' }, annotations: { b: '2' } },
      spec: { hostnames: ['x'], rules: [{ backendRefs: both(100, 0) }, { backendRefs: [{ name: 'docs' }] }] },
    });
    expect(template).toEqual(before);
  });

  it('is created as it is when its template is malformed, so that the status can say what is wrong', () => {
    expect(
      gatewayApiRouter.create({ httpRoute: 'shop', routeTemplate: { spec: { rules: [] } } }, BACKENDS),
    ).toMatchObject({ metadata: { name: 'shop' }, spec: { rules: [] } });
  });

  it('is not created without a template', () => {
    expect(gatewayApiRouter.create(SPEC, BACKENDS)).toBeUndefined();
  });

  it('is watched by name', () => {
    expect(gatewayApiRouter.needs(SPEC)).toEqual([
      { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', name: 'shop' },
    ]);
  });
});
