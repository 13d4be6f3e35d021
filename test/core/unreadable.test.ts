import { describe, expect, it } from 'vitest';
import { needsOf } from '../../src/core/needs.ts';
import { blueGreenSpec, canarySpec, templateOf } from '../support/rollout-builder.ts';
import {
  canaryNow,
  canaryOnTrial,
  conditionOf,
  hashOf,
  push,
  runNamed,
  SUCCESS_RATE,
  send,
  settledCanary,
  stateOf,
  wait,
} from '../support/sim-stories.ts';

const notifier = (name: string, spec: object = {}) => ({
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Notifier',
  metadata: { name, namespace: 'demo' },
  spec: { webhook: { url: 'https://hooks.example/x' }, ...spec },
});

describe('a spec that cannot be read', () => {
  it('leaves the world as it is, names the field, and is told once', () => {
    const cluster = canaryOnTrial();
    cluster.edit(spec => {
      (spec['strategy'].canary.steps as unknown[]).push({ setWeight: 'half' });
    });
    const decision = cluster.pass();
    expect(decision.actions).toEqual([]);
    expect([stateOf(cluster), canaryNow(cluster)]).toEqual(['Invalid InvalidSpec', '1 pods, 20 %']);
    expect(cluster.status['message']).toMatch(/^spec\.strategy\.canary\.steps\[4\]\.setWeight: /);
    expect(decision.facts).toEqual([expect.objectContaining({ reason: 'SpecInvalid', warning: true })]);
    expect([
      conditionOf(cluster, 'Ready'),
      conditionOf(cluster, 'Stalled'),
      conditionOf(cluster, 'Reconciling'),
      conditionOf(cluster, 'Serving'),
    ]).toEqual(['False InvalidSpec', 'True InvalidSpec', undefined, 'True StableServes']);
    const { lastTransitionTime } = cluster.status['conditions'][0];
    wait(cluster, 60);
    expect(cluster.decide().facts).toEqual([]);
    expect(cluster.status['conditions'][0].lastTransitionTime).toBe(lastTransitionTime);
  });

  it('goes on where it was once it is mended', () => {
    const cluster = canaryOnTrial();
    const good = structuredClone(cluster.rollout['spec']);
    cluster.edit(spec => Object.assign(spec, { strategy: {} }));
    cluster.settle();
    cluster.edit(spec => Object.assign(spec, good));
    cluster.settle();
    expect([stateOf(cluster), canaryNow(cluster), cluster.status['step'].index]).toEqual([
      'Paused PauseStep',
      '1 pods, 20 %',
      1,
    ]);
  });

  it('is told to those who asked for it, and struck off when delivered', () => {
    const cluster = settledCanary();
    cluster.notifiers.push(notifier('ops', { events: ['Invalid'] }));
    cluster.edit(spec => delete spec['strategy']);
    cluster.settle();
    const [notice] = cluster.status['notices'];
    expect(notice).toMatchObject({
      event: 'Invalid',
      pending: ['demo/ops'],
      content: { severity: 'warning', serving: 'revision 1 (shop:1)' },
    });
    cluster.delivered.push(`${notice.id}|demo/ops`);
    cluster.settle();
    expect(cluster.status['notices']).toBeUndefined();
  });

  it('is told before there is anything to serve', () => {
    const cluster = settledCanary();
    cluster.notifiers.push(notifier('ops', { events: ['Invalid'] }));
    cluster.rollout = { ...cluster.rollout, spec: {}, status: undefined };
    expect(cluster.decide().status?.notices).toMatchObject([
      { event: 'Invalid', content: { next: expect.stringContaining('mend the spec in Git') } },
    ]);
  });

  it.each([[undefined], [null], ['text']])('is Invalid when it is %j, also for an object that was never seen', spec => {
    const cluster = settledCanary();
    cluster.rollout = { ...cluster.rollout, metadata: { name: 'shop' }, spec, status: undefined };
    expect(cluster.decide().status).toMatchObject({
      phase: 'Invalid',
      message: 'spec is missing',
      display: { reason: 'InvalidSpec' },
    });
  });
});

describe('a command that cannot be read', () => {
  it('changes nothing and is answered in the message', () => {
    const cluster = canaryOnTrial();
    cluster.command('promoet x');
    cluster.settle();
    expect(cluster.status['message']).toContain('the command is ignored: unknown verb "promoet"');
    expect([canaryNow(cluster), cluster.status['lastCommand']]).toEqual(['1 pods, 20 %', undefined]);
    send(cluster, 'promote');
    expect(cluster.status['message']).not.toContain('ignored');
  });

  it('restart is refused with what to do instead', () => {
    expect(send(settledCanary(), 'restart')).toContain('change the pod template in Git');
  });

  it('is carried out once, however often it is seen', () => {
    const cluster = canaryOnTrial({
      steps: [{ setWeight: 20 }, { pause: {} }, { setWeight: 40 }, { pause: {} }, { setWeight: 60 }, { pause: {} }],
    });
    cluster.command('promote once');
    cluster.settle();
    cluster.settle();
    expect(cluster.canaryWeight()).toBe(40);
  });
});

describe('a status of another version', () => {
  it('keeps what can be read: the stable revision is not forgotten because a reason is unknown', () => {
    const cluster = canaryOnTrial();
    cluster.rollout['status'].pause = { reason: 'PausedByTheMoon', startedAt: 'x' };
    cluster.rollout['status'].futureField = { a: 1 };
    cluster.settle();
    expect([cluster.status['stable'].podTemplateHash, canaryNow(cluster), stateOf(cluster)]).toEqual([
      hashOf('1'),
      '1 pods, 20 %',
      'Paused PauseStep',
    ]);
  });

  it('with an unknown phase is completed', () => {
    const cluster = settledCanary();
    cluster.rollout['status'].phase = 'Sleeping';
    cluster.settle();
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it.each([['text'], [{}], [{ phase: 3 }], [null]])('that is no status (%j) is built anew from the world', status => {
    const cluster = settledCanary();
    cluster.rollout['status'] = status;
    cluster.settle();
    expect([stateOf(cluster), cluster.status['stable'].podTemplateHash]).toEqual(['Healthy Healthy', hashOf('1')]);
  });
});

describe('objects that are odd', () => {
  it('a Rollout being deleted is left alone: no action, no status', () => {
    const cluster = canaryOnTrial();
    cluster.rollout = {
      ...cluster.rollout,
      metadata: { ...cluster.rollout.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
    };
    expect(cluster.decide()).toMatchObject({ actions: [], status: undefined, facts: [], wakeAt: undefined });
  });

  it('a ReplicaSet being deleted does not count', () => {
    const cluster = settledCanary();
    const [set] = [...cluster.replicaSets.values()];
    if (set) set.metadata = { ...set.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    cluster.pass();
    expect(stateOf(cluster)).toBe('Progressing StableLost');
  });

  it('an AnalysisRun that nobody could have written is ignored', () => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE });
    cluster.runs.set('alien', {
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'AnalysisRun',
      metadata: { name: 'alien' },
      spec: { metrics: 'none' },
    });
    cluster.settle();
    expect(stateOf(cluster)).toBe('Progressing GateRunning');
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Successful');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Paused PauseStep');
  });

  it('a template whose containers are no list has no images', () => {
    const cluster = settledCanary();
    cluster.edit(spec => {
      spec['template'] = { ...templateOf('2'), spec: { containers: 'none' } };
    });
    expect(cluster.decide().status?.desired?.images).toEqual([]);
    cluster.edit(spec => {
      spec['template'] = { ...templateOf('2'), spec: { containers: [null, { name: 'x' }, { image: 'a' }] } };
    });
    expect(cluster.decide().status?.desired?.images).toEqual(['a']);
  });

  it('two ReplicaSets of one revision: the one with pods is meant, then the younger', () => {
    const cluster = settledCanary();
    const [set] = [...cluster.replicaSets.values()];
    if (!set) throw new Error('no set');
    const twin = structuredClone(set);
    twin.metadata = { ...twin.metadata, name: 'twin', uid: 'twin', creationTimestamp: '2027-01-01T00:00:00Z' };
    twin['spec'].replicas = 0;
    cluster.replicaSets.set('twin', twin);
    expect(cluster.decide().status?.stable?.replicaSet).toBe(set.metadata.name);
    twin['spec'].replicas = 4;
    expect(cluster.decide().status?.stable?.replicaSet).toBe('twin');
  });
});

describe('what a snapshot must show', () => {
  const of = (spec: unknown) =>
    needsOf({ apiVersion: 'sluice.dev/v1alpha1', kind: 'Rollout', metadata: { name: 'shop' }, spec });

  it('for a canary: its Services, its route, each template once', () => {
    expect(
      of(
        canarySpec({
          analysis: SUCCESS_RATE,
          steps: [
            {
              analysis: {
                templates: [{ templateName: 'success-rate' }, { templateName: 'latency', clusterScope: true }],
              },
            },
          ],
        }),
      ),
    ).toEqual({
      services: ['stable', 'canary'],
      routes: [{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', name: 'shop' }],
      templates: [
        { name: 'success-rate', clusterScope: false },
        { name: 'latency', clusterScope: true },
      ],
    });
  });

  it('for a canary without a router, for a blue-green, and for a spec that cannot be read', () => {
    expect(of(canarySpec({ router: false }))).toEqual({ services: [], routes: [], templates: [] });
    expect(of(blueGreenSpec({ prePromotionAnalysis: SUCCESS_RATE, postPromotionAnalysis: SUCCESS_RATE }))).toEqual({
      services: ['active', 'preview'],
      routes: [],
      templates: [{ name: 'success-rate', clusterScope: false }],
    });
    expect(of({})).toEqual({ services: [], routes: [], templates: [] });
  });

  it('a template of the cluster is found under its own key', () => {
    const cluster = settledCanary({ analysis: { templates: [{ templateName: 'success-rate', clusterScope: true }] } });
    push(cluster, '2');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Progressing TemplateMissing');
  });
});
