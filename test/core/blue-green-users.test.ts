import { describe, expect, it } from 'vitest';
import { HASH_LABEL } from '../../src/api/names.ts';
import type { SimCluster } from '../support/sim-cluster.ts';
import { hashOf, push, runNamed, SUCCESS_RATE, send, settledBlueGreen, stateOf, wait } from '../support/sim-stories.ts';

const POST = { postPromotionAnalysis: SUCCESS_RATE };

/** Revision 2 has taken over and is measured. */
function switched(blueGreen: Record<string, unknown> = {}): SimCluster {
  const cluster = settledBlueGreen({ ...POST, ...blueGreen });
  push(cluster, '2');
  cluster.settle();
  return cluster;
}

const active = (cluster: SimCluster) => {
  const hash = cluster.services.get('active')?.['spec'].selector['sluice.dev/pod-template-hash'];
  return ['1', '2', '3'].find(tag => hashOf(tag) === hash);
};
const pods = (cluster: SimCluster) => ['1', '2', '3'].map(tag => cluster.pods(hashOf(tag)));
/** So many passes, each on what the world made of the one before. */
const step = (cluster: SimCluster, passes: number) => {
  for (let pass = 0; pass < passes; pass++) {
    cluster.react();
    cluster.pass();
  }
};

describe('pods that users of a blue-green were on', () => {
  it('stay for the delay when a third revision comes before the second is stable', () => {
    const cluster = switched();
    push(cluster, '3');
    step(cluster, 1);
    expect([active(cluster), pods(cluster)[1]]).toEqual(['1', 4]);
    step(cluster, 1);
    expect(pods(cluster)[1]).toBe(4);
    cluster.settle();
    wait(cluster, 29);
    expect(pods(cluster)).toEqual([4, 4, 4]);
    wait(cluster, 1);
    expect(pods(cluster)).toEqual([4, 0, 4]);
  });

  it('stay for the whole delay after them, however long stable needs to be able to carry them', () => {
    const cluster = switched();
    cluster.behaviour.set(hashOf('1'), { available: 1 });
    cluster.behaviour.set(hashOf('3'), { available: 0 });
    push(cluster, '3');
    for (let seconds = 0; seconds < 120; seconds += 10) wait(cluster, 10);
    expect([active(cluster), pods(cluster)[1]]).toEqual(['2', 4]);
    cluster.behaviour.clear();
    cluster.settle();
    expect(active(cluster)).toBe('3');
    // It was put off last when half of it was over.
    wait(cluster, 14);
    expect(pods(cluster)[1]).toBe(4);
    wait(cluster, 16);
    expect(pods(cluster)[1]).toBe(0);
  });

  it('stay for the whole delay after them when the third is aborted before stable can carry them', () => {
    const cluster = switched();
    cluster.behaviour.set(hashOf('1'), { available: 1 });
    cluster.behaviour.set(hashOf('3'), { available: 0 });
    push(cluster, '3');
    wait(cluster, 10);
    send(cluster, 'abort');
    for (let seconds = 0; seconds < 120; seconds += 10) wait(cluster, 10);
    expect(active(cluster)).toBe('2');
    cluster.behaviour.clear();
    cluster.settle();
    expect(active(cluster)).toBe('1');
    wait(cluster, 14);
    expect(pods(cluster)[1]).toBe(4);
    wait(cluster, 16);
    expect(pods(cluster)[1]).toBe(0);
  });

  it('stay for the delay when the pass that moved its users died before that was planned', () => {
    const cluster = switched();
    push(cluster, '3');
    cluster.react();
    cluster.pass(1);
    expect(active(cluster)).toBe('1');
    cluster.settle();
    expect(pods(cluster)[1]).toBe(4);
  });

  it('stay when an old list shows the active Service as it was before them', () => {
    const cluster = switched();
    cluster.services.get('active')!['spec'].selector[HASH_LABEL] = hashOf('1');
    push(cluster, '3');
    cluster.pass();
    expect(pods(cluster)[1]).toBe(4);
  });

  it('stay for the whole delay after them when Git returns to a stable that is not ready yet', () => {
    const cluster = switched();
    cluster.behaviour.set(hashOf('1'), { available: 1 });
    push(cluster, '1');
    for (let seconds = 0; seconds < 120; seconds += 10) wait(cluster, 10);
    expect([active(cluster), pods(cluster)]).toEqual(['2', [4, 4, 0]]);
    cluster.behaviour.clear();
    cluster.settle();
    expect(active(cluster)).toBe('1');
    wait(cluster, 14);
    expect(pods(cluster)[1]).toBe(4);
    wait(cluster, 16);
    expect([stateOf(cluster), pods(cluster)[1]]).toEqual(['Healthy Healthy', 0]);
  });

  it('with no delay leave as soon as their users have, and cost no writes until then', () => {
    const cluster = switched({ scaleDownDelaySeconds: 0, abortScaleDownDelaySeconds: 0 });
    cluster.behaviour.set(hashOf('1'), { available: 1 });
    cluster.behaviour.set(hashOf('3'), { available: 0 });
    push(cluster, '3');
    wait(cluster, 10);
    const writes = cluster.statusWrites;
    for (let seconds = 0; seconds < 60; seconds += 10) wait(cluster, 10);
    expect([cluster.statusWrites - writes, active(cluster), pods(cluster)[1]]).toEqual([0, '2', 4]);
    cluster.behaviour.clear();
    cluster.settle();
    expect([active(cluster), pods(cluster)[1]]).toEqual(['3', 0]);
  });

  it('stay when Git gives the trial another analysis, and the preview is to be small again', () => {
    const cluster = switched({ previewReplicaCount: 1 });
    cluster.edit(spec => {
      spec['strategy'].blueGreen.autoPromotionEnabled = false;
      spec['strategy'].blueGreen.prePromotionAnalysis = SUCCESS_RATE;
    });
    cluster.settle();
    expect([active(cluster), pods(cluster)]).toEqual(['1', [4, 4, 0]]);
  });
});

describe('a blue-green after the switch', () => {
  const pass = (cluster: SimCluster) => cluster.measure(runNamed(cluster, '-post'), 'success', 'Successful', true);

  it('is not promoted without all its pods', () => {
    const cluster = switched();
    cluster.behaviour.set(hashOf('2'), { available: 1 });
    pass(cluster);
    cluster.settle();
    expect([stateOf(cluster), cluster.status['stable'].revision]).toEqual(['Progressing WaitingForPods', 1]);
    cluster.behaviour.clear();
    cluster.settle();
    expect([stateOf(cluster), cluster.status['stable'].revision]).toEqual(['Healthy Healthy', 2]);
  });

  it('is not promoted without all its pods by a person either, who is asked again', () => {
    const cluster = switched();
    cluster.measure(runNamed(cluster, '-post'), 'success', 'Inconclusive');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Paused InconclusiveAnalysis');
    cluster.behaviour.set(hashOf('2'), { available: 1 });
    send(cluster, 'promote');
    expect(cluster.status['stable'].revision).toBe(1);
    cluster.behaviour.clear();
    cluster.settle();
    expect(stateOf(cluster)).toBe('Paused InconclusiveAnalysis');
    send(cluster, 'promote');
    expect(cluster.status['stable'].revision).toBe(2);
  });

  it('sends users home while none of its pods answers, and has them back when all do', () => {
    const cluster = switched();
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    cluster.settle();
    expect([active(cluster), stateOf(cluster)]).toEqual(['1', 'Progressing WaitingForPods']);
    cluster.behaviour.set(hashOf('2'), { available: 2 });
    cluster.settle();
    expect(active(cluster)).toBe('1');
    cluster.behaviour.clear();
    cluster.settle();
    expect(active(cluster)).toBe('2');
    pass(cluster);
    cluster.settle();
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it('is measured anew when it has had its users back: meanwhile they were those of stable', () => {
    const cluster = switched();
    const before = runNamed(cluster, '-post');
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    cluster.settle();
    expect(cluster.runs.get(before)?.['status']?.phase).toBe('Inconclusive');
    cluster.measure(before, 'success', 'Successful', true);
    cluster.behaviour.clear();
    cluster.settle();
    expect([stateOf(cluster), cluster.status['stable'].revision]).toEqual(['Progressing GateRunning', 1]);
    expect(runNamed(cluster, '-post')).not.toBe(before);
  });

  it('has its way home stored before its users are moved, so that a crash between leaves no analysis of stable', () => {
    const cluster = switched();
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    cluster.react();
    const { actions } = cluster.pass();
    expect(actions.filter(({ type }) => type === 'SelectRevision')).toEqual([]);
    expect([active(cluster), cluster.status['step'].index]).toEqual(['2', 3]);
    cluster.pass();
    expect(active(cluster)).toBe('1');
  });

  it('is aborted by a verdict that is there, though its pods are gone as well', () => {
    const cluster = switched();
    cluster.measure(runNamed(cluster, '-post'), 'success', 'Failed');
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    cluster.settle();
    expect([active(cluster), stateOf(cluster)]).toEqual(['1', 'Aborted AnalysisFailed']);
  });

  it('sends users home also when its ReplicaSet was deleted while it is paused', () => {
    const cluster = switched();
    send(cluster, 'pause');
    cluster.replicaSets.delete(`shop-${hashOf('2')}`);
    cluster.settle();
    expect(active(cluster)).toBe('1');
  });

  it('does not have users back that it sent home while it is paused', () => {
    const cluster = switched();
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    cluster.settle();
    send(cluster, 'pause');
    cluster.behaviour.clear();
    cluster.settle();
    expect([active(cluster), stateOf(cluster)]).toEqual(['1', 'Paused PausedByCommand']);
    send(cluster, 'resume');
    expect(active(cluster)).toBe('2');
  });

  it('keeps users where one pod answers still', () => {
    const cluster = switched();
    cluster.behaviour.set(hashOf('2'), { available: 1 });
    cluster.settle();
    expect([active(cluster), stateOf(cluster)]).toEqual(['2', 'Progressing WaitingForPods']);
  });

  it('is aborted at the progress deadline when its pods stay away', () => {
    const cluster = switched();
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    cluster.settle();
    wait(cluster, 601);
    expect([active(cluster), stateOf(cluster)]).toEqual(['1', 'Aborted ProgressDeadlineExceeded']);
  });

  it('of no replicas is promoted', () => {
    const cluster = switched();
    cluster.edit(spec => Object.assign(spec, { replicas: 0 }));
    pass(cluster);
    cluster.settle();
    expect(cluster.status['phase']).toBe('Healthy');
  });
});
