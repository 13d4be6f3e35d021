import { describe, expect, it } from 'vitest';
import { blueGreenSpec, canarySpec, templateOf } from '../support/rollout-builder.ts';
import type { SimCluster } from '../support/sim-cluster.ts';
import {
  canaryNow,
  canaryOnTrial,
  emptyCluster,
  hashOf,
  send,
  settledCanary,
  stateOf,
} from '../support/sim-stories.ts';

it('a selector with expressions is shown as text', () => {
  const matchExpressions = [
    { key: 'c', operator: 'In', values: ['x', 'y'] },
    { key: 'd', operator: 'NotIn', values: ['z'] },
    { key: 'e', operator: 'Exists' },
    { key: 'f', operator: 'DoesNotExist' },
  ];
  const selector = { matchLabels: { b: '2', a: '1' }, matchExpressions };
  const cluster = emptyCluster(canarySpec({ spec: { selector } }));
  expect(cluster.decide().status?.selector).toBe('a=1,b=2,c in (x,y),d notin (z),e,!f');
});

describe('a selector that was changed around the schema', () => {
  const said = 'spec.selector: cannot be changed; it was app=shop: put it back, or declare a Rollout of another name';
  const OTHER = { matchLabels: { app: 'other' } };
  const changeSelector = (cluster: SimCluster) => cluster.edit(spec => Object.assign(spec, { selector: OTHER }));
  /** With pods that match it: the API server takes their ReplicaSet. */
  const changeBoth = (cluster: SimCluster) =>
    cluster.edit(spec => {
      spec['selector'] = OTHER;
      spec['template'] = { ...templateOf('3'), metadata: { labels: { app: 'other' } } };
    });
  const servicesOf = (cluster: SimCluster) =>
    [...cluster.services.values()].map(({ metadata, spec }) => [metadata.name, spec.selector]);
  const settledBlueGreen = () => {
    const cluster = emptyCluster(blueGreenSpec());
    cluster.settle();
    return cluster;
  };

  it.each([
    ['canary', settledCanary],
    ['blue-green', settledBlueGreen],
  ])('leaves the Services of a %s with the pods that serve, and makes nothing', (_, make) => {
    for (const change of [changeSelector, changeBoth]) {
      const cluster = make();
      const before = structuredClone(servicesOf(cluster));
      change(cluster);
      cluster.settle();
      expect(servicesOf(cluster)).toEqual(before);
      expect([...cluster.replicaSets.keys()]).toEqual([`shop-${hashOf('1')}`]);
      expect(cluster.status['message']).toContain(said);
      expect(cluster.status['selector']).toBe('app=shop');
    }
  });

  it('is told once', () => {
    const cluster = settledCanary();
    changeSelector(cluster);
    const { facts } = cluster.pass();
    expect(stateOf(cluster)).toBe('Invalid InvalidSpec');
    expect(facts).toContainEqual(expect.objectContaining({ reason: 'SpecInvalid', note: said, notice: 'Invalid' }));
    expect(cluster.pass().facts).toEqual([]);
  });

  it('sends the users of a canary home when the template is another one, and lets a trial go on when it is not', () => {
    const cluster = canaryOnTrial();
    changeSelector(cluster);
    cluster.settle();
    expect(canaryNow(cluster)).toBe('1 pods, 20 %');
    send(cluster, 'promote');
    expect(canaryNow(cluster)).toBe('3 pods, 60 %');
    changeBoth(cluster);
    cluster.settle();
    expect(cluster.canaryWeight()).toBe(0);
  });

  it('keeps nobody from scaling, from a command, or from the return of a set that was deleted', () => {
    const cluster = canaryOnTrial();
    changeSelector(cluster);
    cluster.edit(spec => Object.assign(spec, { replicas: 6 }));
    cluster.settle();
    expect(cluster.pods(hashOf('1'))).toBe(6);
    send(cluster, 'abort');
    expect([stateOf(cluster), canaryNow(cluster)]).toEqual([
      'Aborted AbortedByCommand',
      expect.stringContaining('0 %'),
    ]);
    cluster.replicaSets.clear();
    cluster.settle();
    expect(cluster.pods(hashOf('1'))).toBe(6);
  });

  it('is followed again once it is put back', () => {
    const cluster = settledCanary();
    const good = structuredClone(cluster.rollout['spec']);
    changeBoth(cluster);
    cluster.settle();
    cluster.edit(spec => Object.assign(spec, good));
    cluster.settle();
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it('is taken as declared before anything is stable: nobody is served yet', () => {
    const cluster = emptyCluster(canarySpec());
    cluster.pass();
    changeBoth(cluster);
    expect(cluster.decide().because.reason).not.toBe('InvalidSpec');
  });
});

it('labels of a template that the selector does not ask for keep nothing else from going on', () => {
  const cluster = canaryOnTrial();
  cluster.edit(spec => {
    spec['template'] = { ...templateOf('3'), metadata: { labels: { app: 'typo' } } };
    spec['replicas'] = 6;
  });
  cluster.problems = [{ kind: 'TemplateRejected', name: 'shop-x', message: 'selector does not match template labels' }];
  const known = [...cluster.replicaSets.keys()];
  for (let pass = 0; pass < 20; pass += 1) {
    cluster.pass();
    // As the API server does with the set that is refused.
    for (const name of cluster.replicaSets.keys()) if (!known.includes(name)) cluster.replicaSets.delete(name);
    cluster.react();
  }
  expect([cluster.pods(hashOf('1')), cluster.canaryWeight()]).toEqual([6, 0]);
  expect(cluster.status['message']).toContain('selector does not match template labels');
});
