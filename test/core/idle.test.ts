import { describe, expect, it } from 'vitest';
import type { SimCluster } from '../support/sim-cluster.ts';
import {
  canaryNow,
  canaryOnTrial,
  conditionOf,
  hashOf,
  push,
  runNamed,
  SUCCESS_RATE,
  send,
  settledBlueGreen,
  settledCanary,
  stateOf,
} from '../support/sim-stories.ts';

const replicas = (cluster: SimCluster, count: number) => {
  cluster.edit(spec => Object.assign(spec, { replicas: count }));
  cluster.settle();
};

describe('a new template while no replicas are wanted', () => {
  const idle = () => {
    const cluster = settledCanary();
    replicas(cluster, 0);
    push(cluster, '2');
    cluster.settle();
    return cluster;
  };

  it('is neither tried nor trusted, and nobody waits for it', () => {
    const cluster = idle();
    expect(stateOf(cluster)).toBe('Healthy NoReplicas');
    expect(cluster.status['message']).toBe('no replicas are wanted; revision 2 is tried when there are');
    expect(conditionOf(cluster, 'Ready')).toBe('True NoReplicas');
    expect(cluster.status['stable'].podTemplateHash).toBe(hashOf('1'));
    expect(cluster.status['history']).toHaveLength(1);
  });

  it('is tried from its first step as soon as there are replicas', () => {
    const cluster = idle();
    replicas(cluster, 5);
    expect([canaryNow(cluster), stateOf(cluster)]).toEqual(['1 pods, 20 %', 'Paused PauseStep']);
    expect(cluster.pods(hashOf('1'))).toBe(5);
  });

  it('is dropped without a trace when Git goes back', () => {
    const cluster = idle();
    push(cluster, '1');
    replicas(cluster, 3);
    expect([cluster.pods(hashOf('1')), stateOf(cluster)]).toEqual([3, 'Healthy Healthy']);
  });

  it('goes straight through when it was verified before, inside the rollback window', () => {
    const cluster = settledCanary();
    push(cluster, '2');
    cluster.settle();
    send(cluster, 'promote-full');
    replicas(cluster, 0);
    push(cluster, '1');
    cluster.settle();
    expect(cluster.status['stable'].podTemplateHash).toBe(hashOf('1'));
  });

  it('waits in blue-green as well', () => {
    const cluster = settledBlueGreen();
    replicas(cluster, 0);
    push(cluster, '2');
    cluster.settle();
    expect([stateOf(cluster), cluster.status['stable'].podTemplateHash]).toEqual(['Healthy NoReplicas', hashOf('1')]);
    replicas(cluster, 2);
    expect([stateOf(cluster), cluster.status['stable'].podTemplateHash]).toEqual(['Healthy Healthy', hashOf('2')]);
  });
});

describe('replicas that go to none in the middle of a trial', () => {
  it('take traffic home and let every pod go, without a promotion', () => {
    const cluster = canaryOnTrial();
    replicas(cluster, 0);
    expect([canaryNow(cluster), cluster.pods(hashOf('1'))]).toEqual(['0 pods, 0 %', 0]);
    expect(cluster.status['stable'].podTemplateHash).toBe(hashOf('1'));
    expect(stateOf(cluster)).toBe('Healthy NoReplicas');
  });

  it('start the trial anew when they return: earlier measurements are of pods that are gone', () => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE });
    const before = runNamed(cluster, '-bg');
    replicas(cluster, 0);
    replicas(cluster, 10);
    expect(cluster.status['step'].index).toBe(1);
    expect(canaryNow(cluster)).toBe('2 pods, 20 %');
    expect(cluster.status['attempt']).toBe(2);
    expect(cluster.status['analysis'].background).not.toBe(before);
  });

  it('and another template in the meantime ends the first one as superseded', () => {
    const cluster = canaryOnTrial();
    replicas(cluster, 0);
    push(cluster, '3');
    cluster.settle();
    expect(cluster.status['history'][0]).toMatchObject({ outcome: 'Superseded', podTemplateHash: hashOf('2') });
    expect(cluster.status['canary']).toBeUndefined();
  });

  it('and another template after an abort leave the ended delivery as it ended', () => {
    const cluster = canaryOnTrial();
    send(cluster, 'abort');
    replicas(cluster, 0);
    push(cluster, '3');
    cluster.settle();
    const outcomes = (cluster.status['history'] as { outcome: string }[]).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(['Aborted', 'FirstDeploy']);
  });

  it('make a promote command do nothing', () => {
    const cluster = canaryOnTrial();
    replicas(cluster, 0);
    expect(send(cluster, 'promote-full')).toBe('nothing to promote: no revision is on trial');
  });
});
