import { describe, expect, it } from 'vitest';
import type { SimCluster } from '../support/sim-cluster.ts';
import {
  hashOf,
  push,
  runNamed,
  SUCCESS_RATE,
  send,
  settledBlueGreen,
  stateOf,
  wait,
  waitWithoutData,
} from '../support/sim-stories.ts';

const onTrial = (blueGreen: Record<string, unknown> = {}) => {
  const cluster = settledBlueGreen(blueGreen);
  push(cluster, '2');
  cluster.settle();
  return cluster;
};
const selects = (cluster: SimCluster, service: string) => {
  const hash = cluster.services.get(service)?.['spec'].selector['sluice.dev/pod-template-hash'];
  return ['1', '2', '3'].find(tag => hashOf(tag) === hash);
};
const world = (cluster: SimCluster) =>
  `active ${selects(cluster, 'active')}, preview ${selects(cluster, 'preview')}, pods ${cluster.pods(hashOf('1'))}+${cluster.pods(hashOf('2'))}`;
const MANUAL = { autoPromotionEnabled: false };

describe('a blue-green trial', () => {
  it('shows the new revision behind the preview Service at preview size and waits for a person', () => {
    const cluster = onTrial({ ...MANUAL, previewReplicaCount: 1 });
    expect([world(cluster), stateOf(cluster)]).toEqual(['active 1, preview 2, pods 4+1', 'Paused AwaitingPromotion']);
    expect(cluster.status['display'].step).toBe('3/6');
  });

  it('tells a person once that it waits, whatever its pods do meanwhile', () => {
    const cluster = onTrial(MANUAL);
    const waiting = cluster.status['pause'];
    const told: string[] = [];
    for (const available of [3, 4, 2, 4]) {
      cluster.behaviour.set(hashOf('2'), { available });
      for (let passes = 0; passes < 3; passes++) {
        cluster.react();
        told.push(...cluster.pass().facts.map(({ reason }) => reason));
      }
      const isReady = available === 4;
      expect(stateOf(cluster)).toBe(isReady ? 'Paused AwaitingPromotion' : 'Progressing WaitingForPods');
      expect(cluster.status['pause']).toEqual(waiting);
    }
    expect(told.filter(reason => reason === 'Paused' || reason === 'Resumed')).toEqual([]);
  });

  it('scales up fully before the active Service moves, in one step, when promoted', () => {
    const cluster = onTrial({ ...MANUAL, previewReplicaCount: 1 });
    cluster.behaviour.set(hashOf('2'), { available: 3 });
    send(cluster, 'promote');
    expect([world(cluster), stateOf(cluster)]).toEqual(['active 1, preview 2, pods 4+4', 'Progressing WaitingForPods']);
    cluster.behaviour.clear();
    cluster.settle();
    expect([world(cluster), stateOf(cluster)]).toEqual(['active 2, preview 2, pods 4+4', 'Healthy Healthy']);
  });

  it('moves the preview Service only when the new set has ready pods', () => {
    const cluster = settledBlueGreen();
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    push(cluster, '2');
    cluster.settle();
    expect(world(cluster)).toBe('active 1, preview 1, pods 4+4');
  });

  it('waits for the endpoints of the preview Service', () => {
    const cluster = settledBlueGreen();
    push(cluster, '2');
    for (let i = 0; i < 8; i++) {
      cluster.reactPods();
      cluster.pass();
    }
    expect([stateOf(cluster), selects(cluster, 'preview')]).toEqual(['Progressing WaitingForEndpoints', '2']);
  });

  it('is promoted by itself by default, and the old set leaves after its delay', () => {
    const cluster = onTrial({ scaleDownDelaySeconds: 60 });
    expect(world(cluster)).toBe('active 2, preview 2, pods 4+4');
    wait(cluster, 59);
    expect(cluster.pods(hashOf('1'))).toBe(4);
    wait(cluster, 1);
    expect(cluster.pods(hashOf('1'))).toBe(0);
  });

  it('is promoted by itself after autoPromotionSeconds, to the second, or at once by a person', () => {
    const cluster = onTrial({ autoPromotionSeconds: 60 });
    expect([stateOf(cluster), cluster.decide().wakeAt]).toEqual([
      'Progressing AutoPromotionDelay',
      cluster.now + 60_000,
    ]);
    cluster.advance(59_999);
    cluster.settle();
    expect(selects(cluster, 'active')).toBe('1');
    cluster.advance(1);
    cluster.settle();
    expect(selects(cluster, 'active')).toBe('2');
    const other = onTrial({ autoPromotionSeconds: 60 });
    send(other, 'promote');
    expect(selects(other, 'active')).toBe('2');
  });

  it('works without a preview Service', () => {
    const cluster = onTrial({ previewService: undefined });
    expect(selects(cluster, 'active')).toBe('2');
  });

  it('follows a change of replicas without losing its place', () => {
    const cluster = onTrial({ ...MANUAL });
    cluster.edit(spec => Object.assign(spec, { replicas: 6 }));
    cluster.settle();
    expect([world(cluster), stateOf(cluster)]).toEqual(['active 1, preview 2, pods 6+6', 'Paused AwaitingPromotion']);
  });

  it('at rest follows a change of replicas both ways', () => {
    const cluster = settledBlueGreen();
    for (const replicas of [7, 2]) {
      cluster.edit(spec => Object.assign(spec, { replicas }));
      cluster.settle();
      expect([cluster.pods(hashOf('1')), stateOf(cluster)]).toEqual([replicas, 'Healthy Healthy']);
    }
  });

  it.each([
    ['spec', 'Paused PausedBySpec'],
    ['command', 'Paused PausedByCommand'],
  ])('holds while paused by %s', (by, expected) => {
    const cluster = onTrial({ autoPromotionSeconds: 60 });
    if (by === 'spec') cluster.edit(spec => Object.assign(spec, { paused: true }));
    else send(cluster, 'pause');
    wait(cluster, 600);
    expect([stateOf(cluster), selects(cluster, 'active')]).toEqual([expected, '1']);
  });

  it('goes through everything at once with promote-full', () => {
    const cluster = onTrial({
      ...MANUAL,
      previewReplicaCount: 1,
      prePromotionAnalysis: SUCCESS_RATE,
      postPromotionAnalysis: SUCCESS_RATE,
    });
    send(cluster, 'promote-full', 'ada');
    expect([world(cluster), stateOf(cluster)]).toEqual(['active 2, preview 2, pods 4+4', 'Healthy Healthy']);
    expect(cluster.status['history'][0]).toMatchObject({ outcome: 'FastPromoted', promotedBy: 'ada' });
  });

  it('at preview size 0 replicas asks for no more pods than there shall be', () => {
    const cluster = onTrial({ ...MANUAL, previewReplicaCount: 9 });
    expect(cluster.pods(hashOf('2'))).toBe(4);
  });

  it('waits for the active Service to reach the new pods before it goes on', () => {
    const cluster = onTrial({ ...MANUAL });
    cluster.command('promote go');
    for (let i = 0; i < 6; i++) cluster.pass();
    expect([stateOf(cluster), selects(cluster, 'active'), cluster.status['stable'].revision]).toEqual([
      'Progressing Promoting',
      '2',
      1,
    ]);
  });
});

describe('analysis around a blue-green promotion', () => {
  const PRE = { ...MANUAL, previewReplicaCount: 1, prePromotionAnalysis: SUCCESS_RATE };
  const POST = { postPromotionAnalysis: SUCCESS_RATE };

  it('before it runs at preview size, and must pass first', () => {
    const cluster = onTrial(PRE);
    expect([stateOf(cluster), world(cluster)]).toEqual(['Progressing GateRunning', 'active 1, preview 2, pods 4+1']);
    cluster.measure(runNamed(cluster, '-pre'), 'success', 'Successful', true);
    cluster.settle();
    expect(stateOf(cluster)).toBe('Paused AwaitingPromotion');
  });

  // On lists that are older than it, as after a crash between its creation and the status that says so.
  it('before it is not ended, and begun anew, by a look at pods that were not ready yet', () => {
    const cluster = onTrial(PRE);
    const run = runNamed(cluster, '-pre');
    Object.assign(cluster.status['step'], { index: 0, description: 'scale' });
    delete cluster.status['analysis'];
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    cluster.react();
    cluster.pass();
    expect([stateOf(cluster), cluster.runs.get(run)?.['status']?.phase]).toEqual([
      'Progressing WaitingForPods',
      undefined,
    ]);
    cluster.behaviour.clear();
    cluster.settle();
    expect([stateOf(cluster), [...cluster.runs.keys()]]).toEqual(['Progressing GateRunning', [run]]);
  });

  it('before it aborts when it fails, and users never notice', () => {
    const cluster = onTrial(PRE);
    cluster.measure(runNamed(cluster, '-pre'), 'success', 'Failed');
    cluster.settle();
    expect([stateOf(cluster), selects(cluster, 'active'), selects(cluster, 'preview')]).toEqual([
      'Aborted AnalysisFailed',
      '1',
      '1',
    ]);
  });

  it.each(['-pre', '-post'])('waits for a person when it is inconclusive (%s), and promote goes past it', which => {
    const cluster = onTrial(which === '-pre' ? PRE : POST);
    cluster.measure(runNamed(cluster, which), 'success', 'Inconclusive');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Paused InconclusiveAnalysis');
    send(cluster, 'promote');
    expect(stateOf(cluster)).toBe(which === '-pre' ? 'Paused AwaitingPromotion' : 'Healthy Healthy');
  });

  it('after it runs with the active Service moved and the old set at full size', () => {
    const cluster = onTrial(POST);
    expect([stateOf(cluster), world(cluster), cluster.status['stable'].revision]).toEqual([
      'Progressing GateRunning',
      'active 2, preview 2, pods 4+4',
      1,
    ]);
    expect(cluster.status['switchedAt']).toBeDefined();
    cluster.measure(runNamed(cluster, '-post'), 'success', 'Successful', true);
    cluster.settle();
    expect([stateOf(cluster), cluster.status['stable'].revision]).toEqual(['Healthy Healthy', 2]);
  });

  it('after it moves the active Service back when it fails, first of all and in the same pass', () => {
    const cluster = onTrial(POST);
    cluster.measure(runNamed(cluster, '-post'), 'success', 'Failed');
    const [first] = cluster.pass().actions;
    expect(first).toEqual({ type: 'SelectRevision', service: 'active', podTemplateHash: hashOf('1') });
    expect([stateOf(cluster), selects(cluster, 'active')]).toEqual(['Aborted AnalysisFailed', '1']);
  });

  it('without data holds, and the deadline is its wake-up', () => {
    const cluster = onTrial(POST);
    for (let i = 0; i < 3; i++) cluster.measure(runNamed(cluster, '-post'), 'success', 'NoData');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Progressing NoData');
    waitWithoutData(cluster, runNamed(cluster, '-post'), 600);
    expect(stateOf(cluster)).toBe('Paused NoDataDeadline');
    expect(cluster.status['message']).toContain('success: query returned no series');
  });
});

/** A promotion is sent while the active Service is away, and is refused. */
function promoteWithoutService(cluster: SimCluster): void {
  const active = cluster.services.get('active');
  if (!active) throw new Error('no Service');
  cluster.services.delete('active');
  expect(send(cluster, 'promote')).toMatch(/^refused: nothing moves now/);
  cluster.services.set('active', active);
  cluster.settle();
}

describe('data of a blue-green that comes back after its deadline', () => {
  const overdue = (which: '-pre' | '-post', blueGreen: Record<string, unknown>) => {
    const cluster = onTrial(blueGreen);
    const run = runNamed(cluster, which);
    waitWithoutData(cluster, run, 601);
    cluster.measure(run, 'success', 'Successful', true);
    cluster.settle();
    return cluster;
  };

  it('leaves the decision to the person', () => {
    const cluster = overdue('-post', { postPromotionAnalysis: SUCCESS_RATE });
    expect([stateOf(cluster), cluster.status['stable'].revision]).toEqual(['Paused NoDataDeadline', 1]);
    expect(send(cluster, 'promote')).toBe('promoted');
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it('is still the question when a promotion was refused, since a Service was away', () => {
    const cluster = overdue('-post', { postPromotionAnalysis: SUCCESS_RATE });
    promoteWithoutService(cluster);
    expect(stateOf(cluster)).toBe('Paused NoDataDeadline');
  });

  it('and promotes past nothing else', () => {
    const cluster = overdue('-pre', { ...MANUAL, prePromotionAnalysis: SUCCESS_RATE });
    expect([stateOf(cluster), selects(cluster, 'active')]).toEqual(['Paused NoDataDeadline', '1']);
    send(cluster, 'promote');
    expect([stateOf(cluster), selects(cluster, 'active')]).toEqual(['Paused AwaitingPromotion', '1']);
  });

  it('does not hold up an abort or a promotion in full', () => {
    const aborted = overdue('-post', { postPromotionAnalysis: SUCCESS_RATE });
    send(aborted, 'abort');
    expect(stateOf(aborted)).toBe('Aborted AbortedByCommand');
    const full = overdue('-pre', { ...MANUAL, prePromotionAnalysis: SUCCESS_RATE });
    send(full, 'promote-full');
    expect(stateOf(full)).toBe('Healthy Healthy');
  });

  it('aborts by itself when it is bad', () => {
    const cluster = onTrial({ postPromotionAnalysis: SUCCESS_RATE });
    waitWithoutData(cluster, runNamed(cluster, '-post'), 601);
    cluster.measure(runNamed(cluster, '-post'), 'success', 'Failed');
    cluster.settle();
    expect([stateOf(cluster), selects(cluster, 'active')]).toEqual(['Aborted AnalysisFailed', '1']);
  });
});

describe('a promotion of a blue-green', () => {
  it('is refused while a Service that it needs is away, and the wait goes on', () => {
    const cluster = onTrial(MANUAL);
    expect(stateOf(cluster)).toBe('Paused AwaitingPromotion');
    promoteWithoutService(cluster);
    expect(stateOf(cluster)).toBe('Paused AwaitingPromotion');
    expect(send(cluster, 'promote')).toBe('promoted');
  });
});

describe('the way back of a blue-green', () => {
  it('by abort before the switch keeps the preview pods for the delay', () => {
    const cluster = onTrial({ ...MANUAL, abortScaleDownDelaySeconds: 60 });
    send(cluster, 'abort');
    expect([stateOf(cluster), world(cluster)]).toEqual(['Aborted AbortedByCommand', 'active 1, preview 1, pods 4+4']);
    wait(cluster, 60);
    expect(world(cluster)).toBe('active 1, preview 1, pods 4+0');
  });

  it('by abort after the switch moves the active Service back', () => {
    const cluster = onTrial({ postPromotionAnalysis: SUCCESS_RATE });
    send(cluster, 'abort');
    expect(world(cluster)).toBe('active 1, preview 1, pods 4+4');
  });

  it('after the switch names the weight that users had, also when the process died before its verdict was stored', () => {
    const cluster = onTrial({ postPromotionAnalysis: SUCCESS_RATE });
    cluster.command('abort now');
    cluster.pass(1);
    expect([selects(cluster, 'active'), cluster.status['abort']]).toEqual(['1', undefined]);
    cluster.settle();
    expect([cluster.status['abort'].weight, cluster.status['history'][0].weightReached]).toEqual([100, 100]);
  });

  it('never leaves the active Service without ready pods', () => {
    const cluster = onTrial({ postPromotionAnalysis: SUCCESS_RATE });
    cluster.behaviour.set(hashOf('1'), { available: 0 });
    send(cluster, 'abort');
    expect([stateOf(cluster), selects(cluster, 'active'), cluster.pods(hashOf('2'))]).toEqual([
      'Aborted AbortedByCommand',
      '2',
      4,
    ]);
    cluster.behaviour.clear();
    cluster.settle();
    expect(selects(cluster, 'active')).toBe('1');
  });

  it('by Git inside the scale-down delay is instant: the old pods are still there', () => {
    const cluster = onTrial();
    wait(cluster, 10);
    push(cluster, '1');
    for (let i = 0; i < 3; i++) {
      cluster.react();
      cluster.pass();
    }
    expect(selects(cluster, 'active')).toBe('1');
    cluster.settle();
    expect([stateOf(cluster), cluster.status['stable'].revision]).toEqual(['Healthy Healthy', 3]);
    wait(cluster, 31);
    expect([cluster.pods(hashOf('1')), cluster.pods(hashOf('2'))]).toEqual([4, 0]);
  });

  it('by a third revision drains the second', () => {
    const cluster = onTrial(MANUAL);
    push(cluster, '3');
    cluster.settle();
    expect([selects(cluster, 'preview'), cluster.pods(hashOf('2')), cluster.pods(hashOf('3'))]).toEqual(['3', 0, 4]);
  });
});
