import { describe, expect, it } from 'vitest';
import {
  canaryNow,
  canaryOnTrial,
  conditionOf,
  hashOf,
  push,
  send,
  settledCanary,
  stateOf,
  wait,
} from '../support/sim-stories.ts';

const TEN = { replicas: 10 };

describe('an abort', () => {
  const steps = [
    { setWeight: 20 },
    { pause: {} },
    { setCanaryScale: { replicas: 4 } },
    { setWeight: 60 },
    { pause: {} },
    { setCanaryScale: { matchTrafficWeight: true } },
    { pause: {} },
  ];
  it.each([0, 1, 2])('after %i promotes sends all traffic to stable with its very first action', promotes => {
    const cluster = canaryOnTrial({ ...TEN, steps });
    for (let i = 0; i < promotes; i++) send(cluster, 'promote');
    cluster.command('abort now', 'ada');
    const [first] = cluster.pass().actions;
    expect(first).toMatchObject({ type: 'PatchRoute', canaryWeight: 0 });
    expect(cluster.status['abort']).toMatchObject({ cause: 'AbortedByCommand', message: 'aborted by command by ada' });
  });

  it('during the promotion, after the stable Service moved, moves the Service back first and then the weight', () => {
    const moved = settledCanary({ ...TEN, steps: [{ setWeight: 20 }, { pause: {} }] });
    push(moved, '2');
    moved.settle();
    moved.command('promote go');
    for (
      let i = 0;
      moved.services.get('stable')?.['spec'].selector['sluice.dev/pod-template-hash'] !== hashOf('2');
      i++
    ) {
      if (i > 30) throw new Error('the stable Service never moved');
      moved.react();
      moved.pass();
    }
    expect([moved.status['stable'].podTemplateHash, moved.canaryWeight()]).toEqual([hashOf('1'), 100]);
    moved.command('abort late');
    const plan = moved.pass();
    expect(plan.actions[0]).toEqual({ type: 'SelectRevision', service: 'stable', podTemplateHash: hashOf('1') });
    moved.settle();
    expect([stateOf(moved), moved.canaryWeight()]).toEqual(['Aborted AbortedByCommand', 0]);
  });

  it('whose verdict was not stored, because the process died behind the first write, names the weight that users had', () => {
    const cluster = canaryOnTrial(TEN);
    cluster.command('abort now');
    cluster.pass(1);
    expect([cluster.canaryWeight(), cluster.status['abort']]).toEqual([0, undefined]);
    cluster.settle();
    expect([cluster.status['abort'].weight, cluster.status['history'][0].weightReached]).toEqual([20, 20]);
  });

  it('when stable is current changes nothing', () => {
    const cluster = settledCanary();
    expect(send(cluster, 'abort')).toBe('nothing to abort: no revision is on trial');
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it('with a fifth of stable unready takes all traffic back: as many pods may be missing as a rolling update takes', () => {
    const cluster = canaryOnTrial(TEN);
    cluster.behaviour.set(hashOf('1'), { available: 8 });
    send(cluster, 'abort');
    expect(cluster.canaryWeight()).toBe(0);
  });

  it('with half of stable unready leaves on the canary what stable cannot carry, but never more than it had', () => {
    const cluster = canaryOnTrial(TEN);
    send(cluster, 'promote');
    cluster.behaviour.set(hashOf('1'), { available: 5 });
    send(cluster, 'abort');
    expect(cluster.canaryWeight()).toBe(50);
    cluster.behaviour.set(hashOf('1'), { available: 3 });
    cluster.settle();
    expect(cluster.canaryWeight()).toBe(50);
    cluster.behaviour.clear();
    cluster.settle();
    expect(cluster.canaryWeight()).toBe(0);
  });

  it('does not wait for pods that an autoscaler has just asked for', () => {
    const cluster = canaryOnTrial(TEN);
    cluster.behaviour.set(hashOf('1'), { available: 10 });
    cluster.edit(spec => Object.assign(spec, { replicas: 20 }));
    cluster.settle();
    expect([cluster.pods(hashOf('1')), cluster.status['weights'].replicas]).toEqual([20, 10]);
    send(cluster, 'abort');
    expect(cluster.canaryWeight()).toBe(0);
  });

  it('waits for pods that an autoscaler asked for and got, when they are gone again', () => {
    const cluster = canaryOnTrial(TEN);
    cluster.edit(spec => Object.assign(spec, { replicas: 20 }));
    cluster.settle();
    send(cluster, 'promote');
    cluster.behaviour.set(hashOf('1'), { available: 10 });
    send(cluster, 'abort');
    expect([cluster.status['weights'].replicas, cluster.canaryWeight()]).toEqual([20, 50]);
  });

  it('lets pods of the failed revision go as their traffic does, where stable waits for their room', () => {
    const cluster = canaryOnTrial({
      ...TEN,
      canary: { dynamicStableScale: true },
      steps: [{ setWeight: 50 }, { pause: {} }],
    });
    cluster.behaviour.set(hashOf('1'), { available: 7 });
    send(cluster, 'abort');
    expect(canaryNow(cluster)).toBe('3 pods, 30 %');
    cluster.behaviour.clear();
    cluster.settle();
    expect([canaryNow(cluster), cluster.status['scaleDowns']?.length]).toEqual(['3 pods, 0 %', 1]);
  });

  it('takes home no more than stable carries when dynamicStableScale kept it small while an autoscaler grew both', () => {
    const steps = [{ setWeight: 75 }, { pause: {} }];
    const cluster = canaryOnTrial({ replicas: 4, steps, canary: { dynamicStableScale: true } });
    cluster.edit(spec => Object.assign(spec, { replicas: 20 }));
    cluster.settle();
    expect([cluster.pods(hashOf('1')), canaryNow(cluster)]).toEqual([5, '15 pods, 75 %']);
    cluster.behaviour.set(hashOf('1'), { available: 5 });
    send(cluster, 'abort');
    expect(cluster.canaryWeight()).toBe(75);
    cluster.behaviour.clear();
    cluster.settle();
    expect(cluster.canaryWeight()).toBe(0);
  });

  it('takes users home at once when an autoscaler has only just asked for more pods, also with dynamicStableScale', () => {
    const cluster = canaryOnTrial({ ...TEN, canary: { dynamicStableScale: true } });
    expect([cluster.pods(hashOf('1')), canaryNow(cluster)]).toEqual([8, '2 pods, 20 %']);
    cluster.behaviour.set(hashOf('1'), { available: 8 });
    cluster.behaviour.set(hashOf('2'), { available: 2 });
    cluster.edit(spec => Object.assign(spec, { replicas: 13 }));
    cluster.settle();
    send(cluster, 'abort');
    expect(cluster.canaryWeight()).toBe(0);
  });

  it('takes home no more than stable carries when dynamicStableScale is switched off', () => {
    const cluster = canaryOnTrial({ ...TEN, canary: { dynamicStableScale: true } });
    send(cluster, 'promote');
    expect(cluster.pods(hashOf('1'))).toBe(4);
    cluster.behaviour.set(hashOf('1'), { available: 4 });
    cluster.edit(spec => delete spec['strategy'].canary.dynamicStableScale);
    send(cluster, 'abort');
    expect(cluster.canaryWeight()).toBe(60);
    cluster.behaviour.clear();
    cluster.settle();
    expect(cluster.canaryWeight()).toBe(0);
  });

  it('with no ready stable pod keeps what serves, and says what users get', () => {
    const cluster = canaryOnTrial(TEN);
    cluster.behaviour.set(hashOf('1'), { available: 0 });
    send(cluster, 'abort');
    expect([stateOf(cluster), canaryNow(cluster), conditionOf(cluster, 'Serving')]).toEqual([
      'Aborted AbortedByCommand',
      '2 pods, 20 %',
      'False NoReadyPods',
    ]);
    wait(cluster, 3600);
    expect(canaryNow(cluster)).toBe('2 pods, 20 %');
    cluster.behaviour.clear();
    cluster.settle();
    expect([cluster.canaryWeight(), conditionOf(cluster, 'Serving')]).toEqual([0, 'True StableServes']);
  });

  it('keeps the pods for abortScaleDownDelaySeconds, writes nothing meanwhile, then lets them go', () => {
    const cluster = canaryOnTrial({ ...TEN, canary: { abortScaleDownDelaySeconds: 60 } });
    send(cluster, 'abort');
    expect([cluster.decide().actions, cluster.decide().wakeAt]).toEqual([[], cluster.now + 60_000]);
    const writes = cluster.log.length;
    wait(cluster, 59);
    expect([canaryNow(cluster), cluster.log.length]).toEqual(['2 pods, 0 %', writes]);
    wait(cluster, 1);
    expect(canaryNow(cluster)).toBe('0 pods, 0 %');
  });

  it('with abortScaleDownDelaySeconds 0 keeps the pods for good', () => {
    const cluster = canaryOnTrial({ ...TEN, canary: { abortScaleDownDelaySeconds: 0 } });
    send(cluster, 'abort');
    wait(cluster, 86_400);
    expect(canaryNow(cluster)).toBe('2 pods, 0 %');
  });

  it('freezes the canary: an autoscaler moves stable alone', () => {
    const cluster = canaryOnTrial({ ...TEN, canary: { abortScaleDownDelaySeconds: 0 } });
    send(cluster, 'abort');
    cluster.edit(spec => Object.assign(spec, { replicas: 20 }));
    cluster.settle();
    expect([canaryNow(cluster), cluster.pods(hashOf('1'))]).toEqual(['2 pods, 0 %', 20]);
  });

  it('does not grow the failed canary when the stable ReplicaSet is lost too', () => {
    for (const router of [true, false]) {
      const cluster = canaryOnTrial({ ...TEN, router });
      cluster.behaviour.set(hashOf('1'), { available: 0 });
      cluster.command('abort now');
      cluster.pass();
      cluster.replicaSets.delete(`shop-${hashOf('1')}`);
      const grown = cluster
        .decide()
        .actions.filter(action => action.type === 'ScaleReplicaSet' && action.to > action.from);
      expect(grown).toEqual([]);
    }
  });

  it('leaves the spec untouched and says so until Git or a command changes it', () => {
    const cluster = canaryOnTrial(TEN);
    send(cluster, 'abort');
    wait(cluster, 3600);
    expect(cluster.rollout['spec'].template.spec.containers[0].image).toBe('shop:2');
    expect(cluster.status['message']).toBe('revision 2 was aborted: aborted by command; revision 1 serves');
    expect([cluster.status['display'].next, cluster.status['display'].canary]).toEqual(['change Git, or retry', '2']);
    expect(send(cluster, 'abort')).toBe('already aborted');
    expect(send(cluster, 'promote')).toBe('refused: the revision was aborted; send retry to try it again');
    expect(send(cluster, 'promote-full')).toBe('refused: the revision was aborted; send retry to try it again');
  });

  it('is undone by retry: the same template from step 0 with pods that were planned to leave', () => {
    const cluster = canaryOnTrial(TEN);
    send(cluster, 'promote');
    send(cluster, 'abort');
    cluster.command('retry again', 'ada');
    const { facts } = cluster.pass();
    cluster.settle();
    expect([stateOf(cluster), canaryNow(cluster), cluster.status['attempt']]).toEqual([
      'Paused PauseStep',
      '2 pods, 20 %',
      2,
    ]);
    expect(facts.map(f => f.note)).toContain('revision 2 is tried again by ada');
    expect(cluster.status['scaleDowns']).toBeUndefined();
    expect(cluster.status['quarantine']).toBeUndefined();
    expect(send(cluster, 'retry')).toBe('nothing to retry: the revision was not aborted');
  });
});

describe('the first-aid of a failed canary', () => {
  const crashing = (restarts: number, waiting?: string) => {
    const cluster = settledCanary(TEN);
    cluster.behaviour.set(hashOf('2'), { available: 1 });
    push(cluster, '2');
    cluster.settle();
    cluster.inspection = {
      podTemplateHash: hashOf('2'),
      at: cluster.now,
      pods: [
        { name: 'good', ready: true, restarts: 0 },
        { name: 'bad', ready: false, restarts, ...(waiting ? { waiting } : {}) },
      ],
    };
    return cluster;
  };

  it('looks at the pods only while some are not ready, at most every five seconds', () => {
    const cluster = crashing(0);
    expect(cluster.decide().actions).toEqual([]);
    expect(cluster.decide().wakeAt).toBe(cluster.now + 5000);
    cluster.advance(5000);
    expect(cluster.decide().actions).toMatchObject([{ type: 'InspectPods', podTemplateHash: hashOf('2') }]);
  });

  it('looks at them again when a clock that was set back makes the last look one of the future', () => {
    const cluster = crashing(9, 'CrashLoopBackOff');
    cluster.advance(-3_600_000);
    const { actions, status } = cluster.decide();
    expect(actions).toMatchObject([{ type: 'InspectPods', podTemplateHash: hashOf('2') }]);
    expect(status?.abort).toBeUndefined();
  });

  it('tolerates the declared number of restarts', () => {
    const cluster = crashing(3, 'CrashLoopBackOff');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Progressing WaitingForPods');
    expect(cluster.status['message']).toContain('pod bad waits: CrashLoopBackOff');
  });

  it.each([
    ['CrashLoopBackOff', 'pod bad restarted 4 times (CrashLoopBackOff), 3 allowed'],
    [undefined, 'pod bad restarted 4 times, 3 allowed'],
  ])('aborts with one more (%s)', (waiting, message) => {
    const cluster = crashing(4, waiting);
    cluster.settle();
    expect([stateOf(cluster), cluster.status['abort'].message]).toEqual(['Aborted CanaryCrashLooping', message]);
  });

  it('obeys canaryRestartLimit', () => {
    const cluster = crashing(1);
    cluster.edit(spec => Object.assign(spec, { canaryRestartLimit: 0 }));
    cluster.settle();
    expect(stateOf(cluster)).toBe('Aborted CanaryCrashLooping');
  });

  it('does not hold restarts of an earlier attempt against a retry', () => {
    const cluster = crashing(9);
    cluster.settle();
    wait(cluster, 60);
    cluster.behaviour.clear();
    send(cluster, 'retry');
    expect(stateOf(cluster)).toBe('Paused PauseStep');
  });
});
