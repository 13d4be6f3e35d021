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

  describe('by more than one controller', () => {
    const at = (name: string, more: object = {}) => ({ name, ...more });
    const reportedOn = (parentRefs: unknown, parents: unknown) => {
      const object = route([{ backendRefs: both(100, 0) }], parents);
      return read({ ...object, spec: { ...(object['spec'] as object), parentRefs } });
    };
    const of = (observedGeneration: number) => ACCEPTED.map(one => ({ ...one, observedGeneration }));
    const yes = (parentRef: object) => ({ parentRef, controllerName: 'a', conditions: ACCEPTED });

    it('asks every gateway that the route names and that reports at all', () => {
      const refs = [at('inside'), at('outside', { namespace: 'edge' })];
      const late = ACCEPTED.map(one => ({ ...one, observedGeneration: 2 }));
      expect(reportedOn(refs, [])).toMatchObject({ accepted: false, rejected: false });
      expect(reportedOn(refs, [yes(at('outside'))])).toMatchObject({ accepted: false, rejected: false });
      expect(reportedOn(refs, [yes(at('inside'))])).toMatchObject({ accepted: true });
      const both = [yes(at('inside')), { parentRef: refs[1], conditions: late }];
      expect(reportedOn(refs, both)).toMatchObject({ accepted: false, rejected: false });
      expect(reportedOn(refs, [yes(at('inside')), yes(refs[1] as object)])).toMatchObject({ accepted: true });
    });

    it('is not held by a parent that nobody serves, such as the Service of a mesh that is not there', () => {
      const mesh = { group: '', kind: 'Service', name: 'stable' };
      expect(reportedOn([at('inside'), mesh], [yes(at('inside'))])).toMatchObject({ accepted: true });
    });

    it('knows a parent with its defaults spelled out, and one of its sections', () => {
      const full = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'inside' };
      expect(reportedOn([at('inside', { sectionName: 'https' })], [yes(full)])).toMatchObject({ accepted: true });
      const other = yes(at('inside', { sectionName: 'http' }));
      expect(reportedOn([at('inside', { sectionName: 'https' })], [other])).toMatchObject({ accepted: false });
    });

    it('is not held by what others report on it, such as the controller of a policy', () => {
      const policy = {
        parentRef: at('inside'),
        controllerName: 'example.com/policy-controller',
        conditions: [{ type: 'example.com/RateLimited', status: 'True' }],
      };
      expect(reportedOn([at('inside')], [policy, yes(at('inside'))])).toMatchObject({ accepted: true });
      expect(reportedOn([at('inside')], [policy])).toMatchObject({ accepted: false });
      expect(reportedOn(undefined, [policy, { conditions: ACCEPTED }])).toMatchObject({ accepted: true });
    });

    it('is not held by what was reported on a section that the route names no more', () => {
      const old = { parentRef: at('inside', { sectionName: 'https' }), conditions: of(2) };
      expect(reportedOn([at('inside')], [old, yes(at('inside'))])).toMatchObject({ accepted: true });
      expect(reportedOn([at('inside')], [old])).toMatchObject({ accepted: false, rejected: false });
    });

    it('is not held by a controller that was replaced and left its report', () => {
      const old = { parentRef: at('inside'), controllerName: 'b', conditions: of(1) };
      expect(reportedOn([at('inside')], [old, yes(at('inside'))])).toMatchObject({ accepted: true });
      const late = { ...yes(at('inside')), conditions: of(2) };
      expect(reportedOn([at('inside')], [old, late])).toMatchObject({ accepted: false, rejected: false });
    });

    it('is not called rejected for what the gateway said of an older generation', () => {
      const no = { parentRef: at('inside'), conditions: of(2).map(one => ({ ...one, status: 'False' })) };
      expect(reportedOn([at('inside')], [no])).toMatchObject({ accepted: false, rejected: false });
    });

    it('is not held by what a gateway reported that the route names no more', () => {
      const old = { parentRef: at('former'), conditions: ACCEPTED.map(one => ({ ...one, observedGeneration: 1 })) };
      expect(reportedOn([at('inside')], [old, yes(at('inside'))])).toMatchObject({ accepted: true });
    });
  });
});

describe('a rule whose traffic others share', () => {
  const withOther = (stable: number, canary: number) =>
    route([{ backendRefs: [...both(stable, canary), { name: 'legacy', weight: 1 }] }]);

  it('is refused while the weights of the pair would take away from their share', () => {
    expect(read(withOther(9, 0))).toEqual({
      kind: 'malformed',
      why: expect.stringMatching(
        /^HTTPRoute shop: rule 0 has other backends .* give stable the weight 100 .* maxTrafficWeight to 9$/,
      ),
    });
  });

  it('is steered where the pair keeps its sum', () => {
    const object = withOther(9, 0);
    expect(read(object, 9)).toMatchObject({ canary: 0, uniform: true });
    applyJsonPatch(object, write(object, 3, 9));
    expect(object['spec']).toEqual(withOther(6, 3)['spec']);
    expect(read(withOther(100, 0))).toMatchObject({ canary: 0, uniform: true });
  });

  it('never keeps users on the canary, whoever wrote its weights', () => {
    expect(read(withOther(5, 4))).toMatchObject({ kind: 'weights', canary: 45 });
    expect(write(withOther(5, 4), 0)).not.toEqual([]);
    const rules = [{ backendRefs: both(80, 20) }, ...(withOther(70, 0)['spec'] as { rules: unknown[] }).rules];
    expect(read(route(rules))).toMatchObject({ kind: 'weights', canary: 20 });
  });
});

describe('Services of the same name in another namespace', () => {
  const elsewhere = both(1, 1).map(ref => ({ ...ref, namespace: 'dr' }));
  const shop = (rules: unknown) => ({ ...route(rules), metadata: { name: 'shop', namespace: 'shop', generation: 3 } });

  it('are not ours', () => {
    expect(read(shop([{ backendRefs: elsewhere }]))).toMatchObject({ kind: 'malformed' });
    const object = shop([{ backendRefs: both(100, 0) }, { backendRefs: elsewhere }]);
    expect(read(object)).toMatchObject({ kind: 'weights', canary: 0, uniform: true });
    expect(write(object, 20).map(({ path }) => path)).not.toContain('/spec/rules/1/backendRefs/0/weight');
    const own = both(100, 0).map(ref => ({ ...ref, namespace: 'shop' }));
    expect(read(shop([{ backendRefs: own }]))).toMatchObject({ kind: 'weights', canary: 0 });
  });
});

describe('writing the weights of an HTTPRoute', () => {
  const filters = [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'a', value: 'b' }] } }];

  it('changes every rule that has both backends and nothing else', () => {
    const other = { backendRefs: [{ name: 'docs', port: 80, weight: 7 }], timeouts: { request: '5s' } };
    const object = route([
      { backendRefs: both(100, 0), filters },
      other,
      { backendRefs: [{ name: 'docs', weight: 0 }, ...both(1, 0)] },
    ]);
    const expected = structuredClone(object['spec']) as { rules: { backendRefs: Ref[] }[] };
    expected.rules[0]!.backendRefs = both(75, 25);
    expected.rules[2]!.backendRefs = [{ name: 'docs', weight: 0 }, ...both(75, 25)];
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
