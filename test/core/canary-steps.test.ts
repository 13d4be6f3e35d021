import { describe, expect, it } from 'vitest';
import { HASH_LABEL } from '../../src/api/names.ts';
import {
  canaryNow,
  canaryOnTrial,
  hashOf,
  push,
  send,
  settledCanary,
  stateOf,
  wait,
  weightsOf,
} from '../support/sim-stories.ts';

describe('the steps of a canary', () => {
  it('are taken in order, each with its weight and the pods for it', () => {
    const cluster = canaryOnTrial({
      replicas: 10,
      steps: [{ setWeight: 5 }, { pause: {} }, { setWeight: 50 }, { pause: { duration: '2m' } }],
    });
    expect([canaryNow(cluster), stateOf(cluster)]).toEqual(['1 pods, 5 %', 'Paused PauseStep']);
    send(cluster, 'promote');
    expect([canaryNow(cluster), stateOf(cluster)]).toEqual(['5 pods, 50 %', 'Progressing PauseStep']);
    wait(cluster, 120);
    wait(cluster, 31);
    expect([canaryNow(cluster), stateOf(cluster)]).toEqual(['10 pods, 0 %', 'Healthy Healthy']);
    expect(weightsOf(cluster)).toEqual([5, 50, 100, 0]);
    expect(cluster.pods(hashOf('1'))).toBe(0);
    expect(cluster.status['history'][0]).toMatchObject({ outcome: 'Promoted', weightReached: 100 });
  });

  it('that Git replaces while a promotion of those before is on its way are not passed by it, and that is said', () => {
    const cluster = canaryOnTrial({ steps: [{ setWeight: 20 }, { pause: {} }, { setWeight: 60 }, { pause: {} }] });
    cluster.command('promote p-1');
    cluster.edit(spec => {
      spec['strategy'].canary.steps = [{ setWeight: 20 }, { pause: {} }, { setWeight: 90 }, { pause: {} }];
    });
    cluster.settle();
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Paused PauseStep', 20]);
    expect(cluster.status['lastCommand'].outcome).toBe(
      'refused: Git declares other steps or analyses by now; look at them, and send promote again when the phase is Paused',
    );
    send(cluster, 'promote');
    expect(cluster.canaryWeight()).toBe(90);
  });

  it('scale before weight on the way up', () => {
    const cluster = canaryOnTrial();
    const order = cluster.log.map(action => action.type);
    expect(order.lastIndexOf('ScaleReplicaSet')).toBeLessThan(order.indexOf('PatchRoute'));
  });

  it.each(['9999999999h', '99999999999999'])('a pause of a million years is a pause (%s)', duration => {
    const cluster = canaryOnTrial({ steps: [{ setWeight: 20 }, { pause: { duration } }, { setWeight: 60 }] });
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Progressing PauseStep', 20]);
    send(cluster, 'abort');
    expect(cluster.canaryWeight()).toBe(0);
  });

  it('wait at a timed pause exactly as long as declared, and wake then', () => {
    const cluster = canaryOnTrial({
      steps: [{ setWeight: 20 }, { pause: { duration: '90s' } }, { setWeight: 60 }, { pause: {} }],
    });
    const until = Date.parse(cluster.status['pause'].until);
    expect(cluster.decide().wakeAt).toBe(until);
    cluster.now = until - 1;
    cluster.settle();
    expect(cluster.canaryWeight()).toBe(20);
    cluster.now = until;
    cluster.settle();
    expect(cluster.canaryWeight()).toBe(60);
    expect(cluster.status['display'].next).toBe('promote, or abort');
  });

  it('end a timed pause early when somebody promotes', () => {
    const cluster = canaryOnTrial({
      steps: [{ setWeight: 20 }, { pause: { duration: 3600 } }, { setWeight: 60 }, { pause: {} }],
    });
    expect(send(cluster, 'promote', 'ada')).toBe('promoted');
    expect(canaryNow(cluster)).toBe('3 pods, 60 %');
    expect(cluster.status['lastCommand']).toMatchObject({ verb: 'promote', by: 'ada' });
    expect(send(cluster, 'promote')).toBe('promoted');
    expect(send(cluster, 'promote')).toBe('nothing to promote: no revision is on trial');
  });

  it('refuse promote while waiting for pods, not for a person', () => {
    const cluster = settledCanary();
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    push(cluster, '2');
    expect(send(cluster, 'promote')).toBe('nothing to promote: the rollout is not waiting for a person');
  });

  it('may be left out altogether', () => {
    const cluster = settledCanary();
    cluster.edit(spec => delete spec['strategy'].canary.steps);
    push(cluster, '2');
    cluster.settle();
    expect(cluster.status['stable'].podTemplateHash).toBe(hashOf('2'));
  });

  it('pass one pause only with one promote', () => {
    const cluster = canaryOnTrial({
      steps: [{ setWeight: 20 }, { pause: {} }, { pause: {} }, { setWeight: 60 }, { pause: {} }],
    });
    send(cluster, 'promote');
    expect([cluster.status['step'].index, cluster.canaryWeight()]).toEqual([2, 20]);
  });

  it('are all there is: without steps the new revision takes over as soon as it is available', () => {
    const cluster = canaryOnTrial({ steps: [] });
    expect([cluster.status['stable'].podTemplateHash, cluster.canaryWeight()]).toEqual([hashOf('2'), 0]);
  });
});

describe('promote-full', () => {
  it('holds the weight while the canary scales, then jumps once', () => {
    const cluster = canaryOnTrial({ replicas: 10 });
    cluster.behaviour.set(hashOf('2'), { available: 6 });
    send(cluster, 'promote-full', 'ada');
    expect(canaryNow(cluster)).toBe('10 pods, 20 %');
    cluster.behaviour.clear();
    cluster.settle();
    expect(weightsOf(cluster)).toEqual([20, 100, 0]);
    expect(cluster.status['history'][0]).toMatchObject({ outcome: 'FastPromoted', promotedBy: 'ada' });
  });

  it('can still be aborted', () => {
    const cluster = canaryOnTrial({ replicas: 10 });
    cluster.behaviour.set(hashOf('2'), { available: 6 });
    send(cluster, 'promote-full');
    send(cluster, 'abort');
    expect([stateOf(cluster), cluster.canaryWeight(), cluster.status['promoteFull']]).toEqual([
      'Aborted AbortedByCommand',
      0,
      undefined,
    ]);
  });
});

describe('pausing', () => {
  it('by spec.paused stops progress and not scaling', () => {
    const cluster = canaryOnTrial();
    cluster.edit(spec => Object.assign(spec, { paused: true, replicas: 10 }));
    cluster.settle();
    expect([stateOf(cluster), canaryNow(cluster), cluster.pods(hashOf('1'))]).toEqual([
      'Paused PausedBySpec',
      '2 pods, 20 %',
      10,
    ]);
    expect(send(cluster, 'promote')).toBe('refused: spec.paused is declared in Git; change it there');
    expect(send(cluster, 'resume')).toBe('refused: spec.paused is declared in Git; change it there');
    expect(cluster.status['step'].index).toBe(1);
    expect(cluster.status['display'].next).toBe('clear spec.paused in Git');
    cluster.edit(spec => delete spec['paused']);
    expect(send(cluster, 'promote')).toBe('promoted');
  });

  it('by spec.paused makes no pods for a template that changes meanwhile', () => {
    const cluster = settledCanary({ spec: { paused: true } });
    push(cluster, '2');
    cluster.settle();
    expect([stateOf(cluster), cluster.replicaSets.size]).toEqual(['Paused PausedBySpec', 1]);
    cluster.edit(spec => delete spec['paused']);
    cluster.settle();
    expect(canaryNow(cluster)).toBe('1 pods, 20 %');
  });

  it('by command holds until resume, and promote says so instead of doing nothing', () => {
    const cluster = canaryOnTrial({
      steps: [{ setWeight: 20 }, { pause: { duration: '1m' } }, { setWeight: 60 }, { pause: {} }],
    });
    expect(send(cluster, 'pause')).toBe('paused');
    expect(send(cluster, 'pause')).toBe('already paused');
    wait(cluster, 600);
    expect([stateOf(cluster), cluster.canaryWeight(), cluster.status['display'].next]).toEqual([
      'Paused PausedByCommand',
      20,
      'resume',
    ]);
    expect(send(cluster, 'promote')).toBe('refused: the rollout is paused by command; send resume');
    expect(send(cluster, 'resume')).toBe('resumed');
    expect(send(cluster, 'resume')).toBe('not paused');
    expect(cluster.canaryWeight()).toBe(60);
  });

  it('does not stop an abort', () => {
    const cluster = canaryOnTrial({ spec: { paused: false } });
    cluster.edit(spec => Object.assign(spec, { paused: true }));
    send(cluster, 'abort');
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Aborted AbortedByCommand', 0]);
  });
});

describe('setCanaryScale', () => {
  const at = (scale: object) =>
    canaryOnTrial({
      replicas: 10,
      steps: [{ setCanaryScale: scale }, { setWeight: 20 }, { pause: {} }, { setWeight: 40 }, { pause: {} }],
    });

  it.each([
    ['replicas', { replicas: 3 }, '3 pods, 20 %'],
    ['weight, in percent of replicas', { weight: 70 }, '7 pods, 20 %'],
    ['matchTrafficWeight', { matchTrafficWeight: true }, '2 pods, 20 %'],
  ])('sizes the canary by %s', (_, scale, expected) => {
    expect(canaryNow(at(scale))).toBe(expected);
  });

  it('is sticky: the next setWeight leaves the pods alone', () => {
    const cluster = at({ replicas: 5 });
    send(cluster, 'promote');
    expect(canaryNow(cluster)).toBe('5 pods, 40 %');
  });

  it('may shrink the canary below what its weight suggests, never to nothing', () => {
    const cluster = canaryOnTrial({
      replicas: 10,
      steps: [
        { setWeight: 60 },
        { pause: {} },
        { setCanaryScale: { replicas: 2 } },
        { pause: {} },
        { setCanaryScale: { replicas: 0 } },
        { pause: {} },
      ],
    });
    expect(canaryNow(cluster)).toBe('6 pods, 60 %');
    send(cluster, 'promote');
    expect(canaryNow(cluster)).toBe('2 pods, 60 %');
    send(cluster, 'promote');
    expect(canaryNow(cluster)).toBe('1 pods, 60 %');
  });

  it('ends with the steps: everything is scaled before all traffic moves', () => {
    const cluster = at({ replicas: 5 });
    send(cluster, 'promote');
    send(cluster, 'promote');
    expect([cluster.pods(hashOf('2')), stateOf(cluster)]).toEqual([10, 'Healthy Healthy']);
  });
});

describe('dynamicStableScale', () => {
  it('shrinks stable as its traffic leaves, never before', () => {
    const cluster = canaryOnTrial({ replicas: 10, canary: { dynamicStableScale: true } });
    expect([cluster.pods(hashOf('1')), canaryNow(cluster)]).toEqual([8, '2 pods, 20 %']);
    send(cluster, 'promote');
    expect([cluster.pods(hashOf('1')), canaryNow(cluster)]).toEqual([4, '6 pods, 60 %']);
  });

  it('keeps the pods of stable until the gateway has taken up that its traffic leaves', () => {
    const cluster = canaryOnTrial({ replicas: 10, canary: { dynamicStableScale: true } });
    cluster.command('promote go');
    for (let i = 0; i < 12; i++) {
      cluster.reactPods();
      cluster.reactEndpoints();
      cluster.pass();
    }
    expect([cluster.pods(hashOf('1')), canaryNow(cluster)]).toEqual([8, '6 pods, 60 %']);
    cluster.settle();
    expect([cluster.pods(hashOf('1')), canaryNow(cluster)]).toEqual([4, '6 pods, 60 %']);
  });

  it('brings users of a superseded revision home before the steps of the next one count', () => {
    const cluster = canaryOnTrial({
      replicas: 10,
      canary: { dynamicStableScale: true },
      steps: [{ setWeight: 50 }, { pause: {} }],
    });
    expect([cluster.pods(hashOf('1')), canaryNow(cluster)]).toEqual([5, '5 pods, 50 %']);
    push(cluster, '3');
    cluster.log.length = 0;
    cluster.settle();
    expect(weightsOf(cluster)).toEqual([0, 50]);
    expect(cluster.services.get('canary')?.['spec'].selector[HASH_LABEL]).toBe(hashOf('3'));
    expect([canaryNow(cluster, '3'), cluster.pods(hashOf('1')), stateOf(cluster)]).toEqual([
      '5 pods, 50 %',
      5,
      'Paused PauseStep',
    ]);
  });

  it('tells that users of another revision return first', () => {
    const cluster = canaryOnTrial({
      replicas: 10,
      canary: { dynamicStableScale: true },
      steps: [{ setWeight: 50 }, { pause: {} }],
    });
    cluster.behaviour.set(hashOf('1'), { available: 5 });
    push(cluster, '3');
    cluster.settle();
    expect([cluster.canaryWeight(), stateOf(cluster), cluster.status['message']]).toEqual([
      50,
      'Progressing ShiftingTraffic',
      'step 1/2 at 50%: weight 50 of another revision returns to stable first',
    ]);
  });

  it('does not let a rollback to a verified revision wait for a canary that stable cannot take over from', () => {
    const cluster = canaryOnTrial({ replicas: 10, canary: { dynamicStableScale: true } });
    send(cluster, 'promote-full');
    wait(cluster, 60);
    push(cluster, '3');
    cluster.settle();
    send(cluster, 'promote');
    expect([cluster.status['stable'].podTemplateHash, canaryNow(cluster, '3')]).toEqual([hashOf('2'), '6 pods, 60 %']);
    push(cluster, '1');
    cluster.settle();
    expect([cluster.status['stable'].podTemplateHash, stateOf(cluster)]).toEqual([hashOf('1'), 'Healthy Healthy']);
  });

  it('takes users away from a canary whose pods are gone, and stable grows for them', () => {
    const cluster = canaryOnTrial({ replicas: 10, canary: { dynamicStableScale: true } });
    send(cluster, 'promote');
    expect([cluster.pods(hashOf('1')), canaryNow(cluster)]).toEqual([4, '6 pods, 60 %']);
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    cluster.settle();
    expect([cluster.pods(hashOf('1')), cluster.canaryWeight()]).toEqual([10, 0]);
  });

  it('gives weight back as stable grows again after an abort, and never takes it again', () => {
    const cluster = canaryOnTrial({ replicas: 10, canary: { dynamicStableScale: true } });
    send(cluster, 'promote');
    cluster.log.length = 0;
    cluster.behaviour.set(hashOf('1'), { available: 5 });
    send(cluster, 'abort');
    expect([cluster.canaryWeight(), cluster.pods(hashOf('1'))]).toEqual([50, 10]);
    cluster.behaviour.set(hashOf('1'), { available: 8 });
    cluster.settle();
    expect(weightsOf(cluster)).toEqual([50, 0]);
  });
});

describe('a canary without a router', () => {
  it('gives the weight as a share of pods, inside surge and unavailable, and needs no Service', () => {
    const cluster = canaryOnTrial({ replicas: 10, router: false });
    expect([cluster.pods(hashOf('2')), cluster.pods(hashOf('1')), cluster.status['weights'].actualCanary]).toEqual([
      2, 8, 20,
    ]);
    send(cluster, 'promote');
    expect([cluster.pods(hashOf('2')), cluster.pods(hashOf('1'))]).toEqual([6, 4]);
    wait(cluster, 30);
    expect([cluster.pods(hashOf('2')), cluster.pods(hashOf('1')), stateOf(cluster)]).toEqual([
      10,
      0,
      'Healthy Healthy',
    ]);
  });

  it('is aborted by a rolling update back to stable', () => {
    const cluster = canaryOnTrial({ replicas: 10, router: false });
    send(cluster, 'promote');
    send(cluster, 'abort');
    expect([cluster.pods(hashOf('2')), cluster.pods(hashOf('1')), stateOf(cluster)]).toEqual([
      0,
      10,
      'Aborted AbortedByCommand',
    ]);
  });

  it('drains a superseded revision before a step of the next one counts as done', () => {
    const cluster = canaryOnTrial({ replicas: 10, router: false });
    send(cluster, 'promote');
    cluster.behaviour.set(hashOf('3'), { available: 0 });
    push(cluster, '3');
    cluster.settle();
    expect(cluster.status['step'].index).toBe(0);
    cluster.behaviour.clear();
    cluster.settle();
    expect([
      cluster.pods(hashOf('3')),
      cluster.pods(hashOf('2')),
      cluster.pods(hashOf('1')),
      cluster.status['step'].index,
    ]).toEqual([2, 0, 8, 1]);
  });

  it('lets go of a trial that Git took back, and says so until the last pod has left', () => {
    const cluster = canaryOnTrial({ replicas: 10, router: false });
    send(cluster, 'promote');
    push(cluster, '1');
    const reasons = new Set<unknown>();
    for (let i = 0; i < 12; i++) {
      cluster.pass();
      cluster.react();
      reasons.add(cluster.status['display'].reason);
    }
    expect([...reasons]).toEqual(['ScalingStable', 'Healthy']);
    expect([cluster.pods(hashOf('2')), cluster.pods(hashOf('1'))]).toEqual([0, 10]);
  });

  it('may have Services that follow stable and canary', () => {
    const cluster = canaryOnTrial({
      replicas: 10,
      router: false,
      canary: { stableService: 'stable', canaryService: 'canary' },
    });
    const selects = (name: string) => cluster.services.get(name)?.['spec'].selector['sluice.dev/pod-template-hash'];
    expect([selects('stable'), selects('canary')]).toEqual([hashOf('1'), hashOf('2')]);
    send(cluster, 'abort');
    expect([selects('stable'), selects('canary'), cluster.pods(hashOf('2'))]).toEqual([hashOf('1'), hashOf('1'), 0]);
  });
});
