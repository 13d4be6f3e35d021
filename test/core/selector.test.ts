import { describe, expect, it } from 'vitest';
import { canarySpec, templateOf } from '../support/rollout-builder.ts';
import { canaryOnTrial, emptyCluster, settledCanary, stateOf } from '../support/sim-stories.ts';

const EXPRESSIONS = [
  { key: 'c', operator: 'In', values: ['x', 'y'] },
  { key: 'd', operator: 'NotIn', values: ['z'] },
  { key: 'e', operator: 'Exists' },
  { key: 'f', operator: 'DoesNotExist' },
];

/** A new Rollout whose pods have these labels, and whose selector asks for `matchLabels` and all of the expressions. */
function selecting(matchLabels: Record<string, string>, labels: Record<string, string>) {
  const template = { ...templateOf('1'), metadata: { labels } };
  return emptyCluster(canarySpec({ spec: { selector: { matchLabels, matchExpressions: EXPRESSIONS }, template } }));
}

describe('a selector', () => {
  it('with expressions is shown as text', () => {
    const cluster = selecting({ b: '2', a: '1' }, { a: '1', b: '2', c: 'x', e: '' });
    expect(cluster.decide().status?.selector).toBe('a=1,b=2,c in (x,y),d notin (z),e,!f');
  });

  it('that the labels of the template match is fine, and the label of the revision is no part of them', () => {
    const hash = 'sluice.dev/pod-template-hash';
    const cluster = selecting({ a: '1', [hash]: 'x' }, { a: '1', c: 'y', d: 'w', e: '1', [hash]: 'z' });
    cluster.settle();
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it.each([
    ['a=1', { c: 'x', e: '' }],
    ['a=1', { a: '2', c: 'x', e: '' }],
    ['c in (x,y)', { a: '1', e: '' }],
    ['c in (x,y)', { a: '1', c: 'z', e: '' }],
    ['d notin (z)', { a: '1', c: 'x', d: 'z', e: '' }],
    ['e', { a: '1', c: 'x' }],
    ['!f', { a: '1', c: 'x', e: '', f: '' }],
  ] as [string, Record<string, string>][])('that asks for %s and no pod would have it is Invalid', (asked, labels) => {
    const cluster = selecting({ a: '1' }, labels);
    const { actions } = cluster.pass();
    expect([stateOf(cluster), actions]).toEqual(['Invalid InvalidSpec', []]);
    expect(cluster.status['message']).toBe(
      `spec.template.metadata.labels: spec.selector asks for ${asked}; the pods would not have it`,
    );
  });

  it('is not matched by a template without metadata', () => {
    const cluster = settledCanary();
    cluster.edit(spec => {
      spec['template'] = { metadata: null, spec: {} };
    });
    expect(cluster.pass().actions).toEqual([]);
    expect(stateOf(cluster)).toBe('Invalid InvalidSpec');
  });
});

describe('a selector that was changed around the schema', () => {
  const change = (spec: Record<string, unknown>) => {
    spec['selector'] = { matchLabels: { app: 'other' } };
    spec['template'] = { ...templateOf('2'), metadata: { labels: { app: 'other' } } };
  };

  it.each([
    ['Healthy', settledCanary],
    ['on trial', canaryOnTrial],
  ])('leaves the Services of a Rollout that is %s with the pods that serve', (_, make) => {
    const cluster = make();
    const before = structuredClone([...cluster.services.values()]);
    cluster.edit(change);
    const { actions } = cluster.pass();
    expect([stateOf(cluster), actions]).toEqual(['Invalid InvalidSpec', []]);
    expect([...cluster.services.values()]).toEqual(before);
    expect(cluster.status['message']).toBe(
      'spec.selector: cannot be changed; it was app=shop: put it back, or declare a Rollout of another name',
    );
  });

  it('goes on where it was once it is put back', () => {
    const cluster = canaryOnTrial();
    const good = structuredClone(cluster.rollout['spec']);
    const before = stateOf(cluster);
    cluster.edit(change);
    cluster.settle();
    cluster.edit(spec => Object.assign(spec, good));
    cluster.settle();
    expect(stateOf(cluster)).toBe(before);
  });

  it('is taken as declared before anything is stable: nobody is served yet', () => {
    const cluster = emptyCluster(canarySpec());
    cluster.pass();
    cluster.edit(change);
    expect(cluster.decide().because.reason).not.toBe('InvalidSpec');
  });
});
