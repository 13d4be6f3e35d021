import { describe, expect, it } from 'vitest';
import { restoredReplicaSet } from '../../src/core/children.ts';
import { blueGreenSpec, canarySpec } from '../support/rollout-builder.ts';
import { SimCluster } from '../support/sim-cluster.ts';
import {
  canaryNow,
  canaryOnTrial,
  conditionOf,
  emptyCluster,
  hashOf,
  push,
  SUCCESS_RATE,
  send,
  settledBlueGreen,
  settledCanary,
  stateOf,
  wait,
} from '../support/sim-stories.ts';

const lose = (cluster: SimCluster, tag: string, revisionToo = false) => {
  cluster.replicaSets.delete(`shop-${hashOf(tag)}`);
  if (revisionToo) cluster.revisions.delete(`shop-${hashOf(tag)}`);
};

describe('what a Rollout creates', () => {
  it('belongs to it and carries none of the metadata by which GitOps tools recognise their own', () => {
    const cluster = emptyCluster(canarySpec({ spec: { minReadySeconds: 5 } }));
    cluster.rollout.metadata = {
      ...cluster.rollout.metadata,
      labels: {
        team: 'a',
        'kustomize.toolkit.fluxcd.io/name': 'x',
        'argocd.argoproj.io/instance': 'x',
        'app.kubernetes.io/instance': 'x',
      },
    };
    cluster.settle();
    const [set] = [...cluster.replicaSets.values()];
    expect(set?.metadata.labels).toEqual({
      team: 'a',
      app: 'shop',
      'sluice.dev/rollout': 'shop',
      'sluice.dev/pod-template-hash': hashOf('1'),
    });
    expect(set?.['spec']).toMatchObject({
      minReadySeconds: 5,
      selector: { matchLabels: { app: 'shop', 'sluice.dev/pod-template-hash': hashOf('1') } },
    });
    expect(set?.metadata['ownerReferences']).toEqual([
      {
        apiVersion: 'sluice.dev/v1alpha1',
        kind: 'Rollout',
        name: 'shop',
        uid: 'rollout-uid',
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
  });

  it('takes the next name when its own is taken, and says so once', () => {
    const cluster = emptyCluster(canarySpec());
    cluster.problems = [{ kind: 'NameTaken', name: `shop-${hashOf('1')}`, message: 'exists' }];
    cluster.storeStatus(cluster.decide());
    expect(stateOf(cluster)).toBe('Progressing ReplicaSetCollision');
    cluster.storeStatus(cluster.decide());
    expect(cluster.status['collisionCount']).toBe(1);
    cluster.problems = [];
    cluster.settle();
    expect([...cluster.replicaSets.keys()]).toEqual([`shop-${hashOf('1')}-1`]);
    expect([...cluster.revisions.keys()]).toContain(`shop-${hashOf('1')}-1`);
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it('rebuilds a stable set whose ControllerRevision has another name than its hash suggests', () => {
    const cluster = emptyCluster(canarySpec());
    cluster.problems = [{ kind: 'NameTaken', name: `shop-${hashOf('1')}`, message: 'exists' }];
    cluster.storeStatus(cluster.decide());
    cluster.problems = [];
    cluster.settle();
    cluster.replicaSets.clear();
    cluster.settle();
    expect([cluster.pods(hashOf('1')), stateOf(cluster)]).toEqual([4, 'Healthy Healthy']);
  });

  it('shows what the API server says to a template that it refuses', () => {
    const problems = [
      { kind: 'TemplateRejected' as const, name: 'shop-x', message: 'spec.containers: Required value' },
    ];
    const firstTry = emptyCluster(canarySpec());
    firstTry.problems = problems;
    firstTry.storeStatus(firstTry.decide());
    expect([stateOf(firstTry), firstTry.status['message']]).toEqual([
      'Invalid ReplicaSetRejected',
      'the API server refuses spec.template: spec.containers: Required value',
    ]);
    const later = settledCanary();
    push(later, '2');
    later.problems = problems;
    const decision = later.decide();
    later.storeStatus(decision);
    expect([stateOf(later), decision.facts.map(f => f.reason)]).toEqual([
      'Progressing ReplicaSetRejected',
      ['RevisionDetected', 'SpecInvalid'],
    ]);
  });

  it('shows a write that the API server refuses', () => {
    const cluster = canaryOnTrial();
    cluster.problems = [{ kind: 'WriteRefused', name: 'shop', message: 'forbidden' }];
    cluster.storeStatus(cluster.decide());
    expect(cluster.status['message']).toContain('the API server refuses a write of shop: forbidden');
  });
});

describe('a lost stable ReplicaSet', () => {
  it('is an incident: it is rebuilt from its ControllerRevision, and nothing is promoted', () => {
    const cluster = canaryOnTrial();
    lose(cluster, '1');
    const decision = cluster.pass();
    expect(decision.actions).toContainEqual({
      type: 'RestoreReplicaSet',
      name: `shop-${hashOf('1')}`,
      revisionName: `shop-${hashOf('1')}`,
      replicas: 4,
    });
    expect(decision.facts).toContainEqual(expect.objectContaining({ reason: 'StableLost', notice: 'StableLost' }));
    expect(stateOf(cluster)).toBe('Progressing StableLost');
    cluster.settle();
    expect([stateOf(cluster), canaryNow(cluster), cluster.status['stable'].revision]).toEqual([
      'Paused PauseStep',
      '1 pods, 20 %',
      1,
    ]);
  });

  it.each([false, true])('of a Rollout at rest is rebuilt (ControllerRevision gone too: %s)', gone => {
    const cluster = settledCanary();
    lose(cluster, '1', gone);
    cluster.pass();
    expect(conditionOf(cluster, 'Serving')).toBe('False NoReadyPods');
    cluster.settle();
    expect([stateOf(cluster), cluster.pods(hashOf('1')), cluster.status['stable'].revision]).toEqual([
      'Healthy Healthy',
      4,
      1,
    ]);
  });

  it('that is there again holds the canary where it is until a pod of it is ready, or a person goes on', () => {
    for (const verb of ['wait', 'promote-full']) {
      const cluster = canaryOnTrial({ steps: [{ setWeight: 20 }, { pause: { duration: '5s' } }, { setWeight: 60 }] });
      lose(cluster, '1');
      cluster.behaviour.set(hashOf('1'), { available: 0 });
      cluster.settle();
      wait(cluster, 60);
      expect([stateOf(cluster), canaryNow(cluster)]).toEqual(['Progressing StableLost', '1 pods, 20 %']);
      if (verb === 'promote-full') send(cluster, verb);
      cluster.behaviour.clear();
      cluster.settle();
      wait(cluster, 60);
      expect([stateOf(cluster), cluster.status['stable'].revision]).toEqual(['Healthy Healthy', 2]);
    }
  });

  it('is rebuilt while the Rollout is paused', () => {
    const cluster = settledCanary({ spec: { paused: true } });
    lose(cluster, '1', true);
    cluster.settle();
    expect(cluster.pods(hashOf('1'))).toBe(4);
  });

  it('with its ControllerRevision gone too stops a trial until a person decides', () => {
    const cluster = canaryOnTrial();
    lose(cluster, '1', true);
    cluster.settle();
    expect([stateOf(cluster), canaryNow(cluster)]).toEqual(['Degraded StableLost', '1 pods, 20 %']);
    expect(cluster.status['message']).toContain(
      'declare its template in Git again, or send promote-full to go on without it',
    );
    send(cluster, 'promote-full');
    expect([stateOf(cluster), cluster.status['stable'].podTemplateHash]).toEqual(['Healthy Healthy', hashOf('2')]);
  });

  it('with its ControllerRevision gone too comes back when Git declares it again', () => {
    const cluster = canaryOnTrial();
    lose(cluster, '1', true);
    cluster.settle();
    push(cluster, '1');
    cluster.settle();
    expect([stateOf(cluster), cluster.pods(hashOf('1'))]).toEqual(['Healthy Healthy', 4]);
  });

  it('whose ControllerRevision turns out to be gone when it is read is Degraded', () => {
    const cluster = canaryOnTrial();
    lose(cluster, '1');
    cluster.problems = [{ kind: 'RevisionLost', name: 'shop-x', message: 'both are gone' }];
    cluster.storeStatus(cluster.decide());
    expect([stateOf(cluster), cluster.status['message']]).toEqual([
      'Degraded StableLost',
      expect.stringContaining('both are gone'),
    ]);
  });

  it('gives a canary without a router none of its pods while the rollout is paused', () => {
    const cluster = settledCanary({ router: false, analysis: SUCCESS_RATE });
    cluster.templates.clear();
    push(cluster, '2');
    cluster.settle();
    lose(cluster, '1');
    cluster.command('pause now');
    for (let pass = 0; pass < 3; pass++) cluster.pass();
    expect([cluster.pods(hashOf('1')), canaryNow(cluster)]).toEqual([4, '0 pods, 0 %']);
    cluster.settle();
    expect([stateOf(cluster), cluster.pods(hashOf('1')), cluster.pods(hashOf('2'))]).toEqual([
      'Paused PausedByCommand',
      4,
      0,
    ]);
  });

  it.each([true, false])(
    'of a canary with or without a router or of a blue-green lets nothing else move meanwhile (router: %s)',
    router => {
      for (const cluster of [canaryOnTrial({ router }), settledBlueGreen({ autoPromotionEnabled: false })]) {
        push(cluster, '2');
        cluster.settle();
        lose(cluster, '1');
        const plan = cluster.pass();
        expect(plan.actions.map(action => action.type)).toEqual(['RestoreReplicaSet']);
        cluster.settle();
        expect([cluster.status['phase'], cluster.status['stable'].revision]).toEqual(['Paused', 1]);
      }
    },
  );

  it('of the canary instead is created anew, and its ControllerRevision serves again', () => {
    const cluster = canaryOnTrial();
    lose(cluster, '2');
    cluster.log.length = 0;
    cluster.settle();
    expect(canaryNow(cluster)).toBe('1 pods, 20 %');
    expect(cluster.log.map(action => action.type)).not.toContain('CreateRevision');
  });

  it('is made again exactly as its ControllerRevision says', () => {
    const cluster = emptyCluster(canarySpec({ spec: { minReadySeconds: 7 } }));
    cluster.settle();
    const [revision] = [...cluster.revisions.values()];
    const [set] = [...cluster.replicaSets.values()];
    if (!revision || !set) throw new Error('nothing was created');
    const restored = restoredReplicaSet(revision, set.metadata.name, 3);
    expect(restored?.['spec']).toEqual({ ...set['spec'], replicas: 3 });
    expect(restored?.metadata['ownerReferences']).toEqual(set.metadata['ownerReferences']);
    expect(restored?.metadata.labels).toEqual(set.metadata.labels);
  });

  it.each([
    ['no data', { data: undefined }],
    ['no hash', { metadata: { name: 'r', labels: {} } }],
    ['no selector', { data: { template: {} } }],
  ])('cannot be made from a ControllerRevision with %s', (_, change) => {
    const revision = {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { name: 'r', labels: { 'sluice.dev/pod-template-hash': 'h' } },
      data: { template: {}, selector: {} },
      ...change,
    };
    expect(restoredReplicaSet(revision, 'x', 1)).toBeUndefined();
  });

  it('survives a ControllerRevision with the bare minimum', () => {
    const revision = {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { name: 'r', labels: { 'sluice.dev/pod-template-hash': 'h' } },
      data: { template: {}, selector: {} },
    };
    expect(restoredReplicaSet(revision, 'x', 1)).toMatchObject({
      metadata: { annotations: { 'sluice.dev/revision': '1' }, labels: { 'sluice.dev/pod-template-hash': 'h' } },
    });
  });
});

describe('Services', () => {
  it('that are missing stop everything before anything moves', () => {
    for (const cluster of [settledCanary(), settledBlueGreen()]) {
      const [name] = cluster.rollout['spec'].strategy.canary ? ['canary'] : ['preview'];
      cluster.services.delete(name ?? '');
      push(cluster, '2');
      cluster.settle();
      expect([stateOf(cluster), cluster.pods(hashOf('2'))]).toEqual(['Progressing ServiceMissing', 0]);
      expect(cluster.status['message']).toContain(
        `Service ${name} does not exist; create it, or give strategy serviceTemplate so that it is created`,
      );
      cluster.addService(name ?? '');
      cluster.settle();
      expect(stateOf(cluster)).not.toContain('ServiceMissing');
    }
  });

  it('are created and owned where serviceTemplate is given', () => {
    for (const spec of [
      canarySpec({ canary: { serviceTemplate: { ports: [{ port: 80 }] } } }),
      blueGreenSpec({ serviceTemplate: { ports: [{ port: 80 }] } }),
    ]) {
      const cluster = new SimCluster(spec);
      cluster.addRoute('shop', 'stable', 'canary');
      cluster.settle();
      expect(stateOf(cluster)).toBe('Healthy Healthy');
      const [service] = [...cluster.services.values()];
      expect(service?.['spec']).toMatchObject({ ports: [{ port: 80 }], selector: { app: 'shop' } });
      expect(service?.metadata['ownerReferences']).toHaveLength(1);
    }
  });

  it.each([
    ['lost our key', { app: 'shop' }],
    ['was emptied', {}],
    ['points elsewhere', { 'sluice.dev/pod-template-hash': 'other' }],
  ])('whose selector %s are mended at once', (_, selector) => {
    const cluster = settledCanary();
    const stable = cluster.services.get('stable');
    if (stable) stable['spec'] = { selector };
    cluster.pass();
    expect(stable?.['spec'].selector['sluice.dev/pod-template-hash']).toBe(hashOf('1'));
    cluster.settle();
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it('of the canary are mended under live weight too', () => {
    const cluster = canaryOnTrial();
    const canary = cluster.services.get('canary');
    if (canary) canary['spec'] = { selector: { app: 'shop' } };
    cluster.settle();
    expect([canary?.['spec'].selector['sluice.dev/pod-template-hash'], cluster.canaryWeight()]).toEqual([
      hashOf('2'),
      20,
    ]);
  });
});

describe('garbage', () => {
  const generations = (limit?: number) => {
    const cluster = settledCanary({
      steps: [],
      ...(limit === undefined ? {} : { spec: { revisionHistoryLimit: limit } }),
    });
    for (let tag = 2; tag < 16; tag++) {
      push(cluster, String(tag));
      cluster.settle();
      cluster.advance(31_000);
      cluster.settle();
    }
    return cluster;
  };

  it.each([
    [undefined, 11],
    [2, 3],
    [0, 1],
  ])('with revisionHistoryLimit %s leaves %i ReplicaSets with their ControllerRevisions', (limit, expected) => {
    const cluster = generations(limit);
    expect([cluster.replicaSets.size, cluster.revisions.size]).toEqual([expected, expected]);
    expect(cluster.pods(hashOf('15'))).toBe(4);
  });

  it('keeps ten finished runs, the newest, and the one that is evidence of an abort', () => {
    const cluster = canaryOnTrial({ analysis: { templates: [{ templateName: 'success-rate' }] } });
    const [name] = cluster.runs.keys();
    if (!name) throw new Error('no run');
    cluster.measure(name, 'success', 'Failed');
    for (let i = 0; i < 14; i++) {
      const run = structuredClone(cluster.runs.get(name));
      if (!run) throw new Error('no run');
      run.metadata = { ...run.metadata, name: `old-${i}`, uid: `old-${i}` };
      run['status'].completedAt = new Date(cluster.now - 1000 * i).toISOString();
      cluster.runs.set(`old-${i}`, run);
    }
    cluster.settle();
    expect([...cluster.runs.keys()].sort()).toEqual([name, ...Array.from({ length: 10 }, (_, i) => `old-${i}`)].sort());
  });
});

describe('minReadySeconds alone makes no revision', () => {
  const waiting = (cluster: SimCluster) => [...cluster.replicaSets.values()].map(set => set['spec'].minReadySeconds);

  it('and is changed in the ReplicaSet that there is, once', () => {
    const cluster = settledCanary();
    cluster.edit(spec => Object.assign(spec, { minReadySeconds: 30 }));
    expect(cluster.pass().actions).toEqual([
      { type: 'SetMinReadySeconds', target: expect.objectContaining({ name: `shop-${hashOf('1')}` }), seconds: 30 },
    ]);
    expect([waiting(cluster), cluster.pass().actions, stateOf(cluster)]).toEqual([[30], [], 'Healthy Healthy']);
    cluster.edit(spec => delete spec['minReadySeconds']);
    cluster.settle();
    expect(waiting(cluster)).toEqual([0]);
  });

  it('holds for the revision on trial: the stable one stays as it was declared', () => {
    const cluster = canaryOnTrial();
    cluster.edit(spec => Object.assign(spec, { minReadySeconds: 30 }));
    cluster.settle();
    expect(waiting(cluster)).toEqual([undefined, 30]);
  });

  it('is not fought for: who sets it otherwise is asked once for each value', () => {
    const cluster = settledCanary();
    const [set] = [...cluster.replicaSets.values()];
    const override = () => set && Object.assign(set['spec'], { minReadySeconds: 10 });
    cluster.edit(spec => Object.assign(spec, { minReadySeconds: 30 }));
    cluster.pass();
    override();
    expect(cluster.pass().actions).toEqual([]);
    cluster.edit(spec => Object.assign(spec, { minReadySeconds: 40 }));
    cluster.pass();
    override();
    cluster.edit(spec => Object.assign(spec, { minReadySeconds: 30 }));
    expect(cluster.pass().actions).toEqual([expect.objectContaining({ type: 'SetMinReadySeconds', seconds: 30 })]);
  });

  it('waits a pass for what is more urgent of the same set', () => {
    const cluster = settledCanary();
    cluster.edit(spec => Object.assign(spec, { minReadySeconds: 30, replicas: 6 }));
    expect(cluster.pass().actions.map(({ type }) => type)).toEqual(['ScaleReplicaSet']);
    expect(cluster.pass().actions.map(({ type }) => type)).toEqual(['SetMinReadySeconds']);
  });
});

describe('pods that the controller cannot make', () => {
  const message = 'pods "shop-x" is forbidden: exceeded quota: team, requested: pods=1, used: pods=4, limited: pods=4';
  const refuse = (cluster: SimCluster, status = 'True') => {
    const set = [...cluster.replicaSets.values()].find(({ metadata }) => metadata.name === `shop-${hashOf('2')}`);
    if (set) set['status'] = { ...set['status'], conditions: [null, { type: 'ReplicaFailure', status, message }] };
  };
  const lacking = () => {
    const cluster = settledCanary({ replicas: 10, spec: { progressDeadlineSeconds: 100 } });
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    push(cluster, '2');
    cluster.settle();
    return cluster;
  };

  it('are told with the reason, as long as it holds', () => {
    const cluster = lacking();
    refuse(cluster);
    expect(cluster.decide().status?.message).toContain(
      `0 of 2 canary pods are available; pods cannot be made: ${message}`,
    );
    refuse(cluster, 'False');
    expect(cluster.decide().status?.message).not.toContain('cannot be made');
  });

  it('are told with the reason where stable grows, which is where most of them are', () => {
    const cluster = settledCanary({ replicas: 2 });
    cluster.behaviour.set(hashOf('1'), { available: 2 });
    cluster.edit(spec => Object.assign(spec, { replicas: 4 }));
    cluster.settle();
    const [set] = [...cluster.replicaSets.values()];
    if (set) set['status'] = { ...set['status'], conditions: [{ type: 'ReplicaFailure', status: 'True', message }] };
    expect(cluster.decide().status?.message).toBe(`2 of 4 stable pods are available; pods cannot be made: ${message}`);
  });

  it('are the evidence of the abort that they end in', () => {
    const cluster = lacking();
    refuse(cluster);
    cluster.now += 101_000;
    expect(cluster.decide().status?.abort?.message).toContain('exceeded quota: team');
  });
});

describe('a Service whose selector somebody led astray', () => {
  it.each(['stable', 'canary'])('%s: is set back to what all pods carry, and that is told', name => {
    const cluster = canaryOnTrial();
    const service = cluster.services.get(name);
    const hash = service?.['spec'].selector['sluice.dev/pod-template-hash'];
    Object.assign(service?.['spec'].selector, { app: 'somebody-else' });
    const { actions, facts } = cluster.pass();
    expect(actions).toContainEqual({
      type: 'SelectRevision',
      service: name,
      podTemplateHash: hash,
      mend: { app: 'shop' },
    });
    expect(facts).toContainEqual(expect.objectContaining({ reason: 'AutomationConflict' }));
    expect(service?.['spec'].selector).toEqual({ app: 'shop', 'sluice.dev/pod-template-hash': hash });
    expect(cluster.pass().actions).toEqual([]);
  });

  it('keeps keys that are not of the Rollout', () => {
    const cluster = settledCanary();
    Object.assign(cluster.services.get('stable')?.['spec'].selector, { tier: 'web' });
    expect(cluster.pass().actions).toEqual([]);
  });
});
