import { describe, expect, it } from 'vitest';
import type { RolloutStatus } from '../../src/api/rollout-status.ts';
import { newDraft } from '../../src/core/draft.ts';
import type { World } from '../../src/core/world.ts';
import {
  canaryOnTrial,
  hashOf,
  push,
  SUCCESS_RATE,
  send,
  settledBlueGreen,
  settledCanary,
  stateOf,
  wait,
} from '../support/sim-stories.ts';

const stuck = (spec: Record<string, unknown> = {}) => {
  const cluster = settledCanary({ replicas: 10, spec: { progressDeadlineSeconds: 100, ...spec } });
  cluster.behaviour.set(hashOf('2'), { available: 0 });
  push(cluster, '2');
  cluster.settle();
  return cluster;
};

describe('the progress deadline', () => {
  it('aborts by default', () => {
    const cluster = stuck();
    wait(cluster, 99);
    expect(stateOf(cluster)).toBe('Progressing WaitingForPods');
    wait(cluster, 1);
    expect(stateOf(cluster)).toBe('Aborted ProgressDeadlineExceeded');
    expect(cluster.status['abort'].message).toBe('no progress for 100s: 0 of 2 canary pods are available');
  });

  it('wakes the operator when it ends', () => {
    const cluster = settledCanary({ spec: { progressDeadlineSeconds: 100 } });
    push(cluster, '2');
    for (let i = 0; i < 12; i++) {
      cluster.reactPods();
      cluster.reactGateway();
      cluster.pass();
    }
    expect([stateOf(cluster), cluster.decide().wakeAt]).toEqual([
      'Progressing WaitingForEndpoints',
      cluster.now + 100_000,
    ]);
  });

  it('with progressDeadlineAbort false is only said, and the trial goes on when pods come', () => {
    const cluster = stuck({ progressDeadlineAbort: false });
    wait(cluster, 100);
    expect(stateOf(cluster)).toBe('Degraded ProgressDeadlineExceeded');
    cluster.behaviour.clear();
    cluster.settle();
    expect(stateOf(cluster)).toBe('Paused PauseStep');
  });

  it('is refreshed by pods that become available, and not by ones that flap', () => {
    const cluster = stuck();
    wait(cluster, 90);
    cluster.behaviour.set(hashOf('2'), { available: 1 });
    cluster.settle();
    wait(cluster, 90);
    expect(stateOf(cluster)).toBe('Progressing WaitingForPods');
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    wait(cluster, 5);
    cluster.behaviour.set(hashOf('2'), { available: 1 });
    wait(cluster, 5);
    expect(stateOf(cluster)).toBe('Aborted ProgressDeadlineExceeded');
  });

  it('does not run during a pause, and a pod that is lost in a long pause gets its whole time', () => {
    const cluster = canaryOnTrial({ replicas: 10, spec: { progressDeadlineSeconds: 100 } });
    wait(cluster, 86_400);
    expect(stateOf(cluster)).toBe('Paused PauseStep');
    cluster.behaviour.set(hashOf('2'), { available: 1 });
    cluster.settle();
    expect(stateOf(cluster)).toBe('Progressing WaitingForPods');
    wait(cluster, 99);
    expect(stateOf(cluster)).toBe('Progressing WaitingForPods');
    wait(cluster, 1);
    expect(stateOf(cluster)).toBe('Aborted ProgressDeadlineExceeded');
  });

  const analysing = () =>
    canaryOnTrial({
      replicas: 10,
      spec: { progressDeadlineSeconds: 100 },
      steps: [{ setWeight: 20 }, { analysis: SUCCESS_RATE }],
    });

  it('gives a pod that is lost in the middle of a long analysis its whole time', () => {
    const cluster = analysing();
    wait(cluster, 3600);
    cluster.behaviour.set(hashOf('2'), { available: 1 });
    cluster.settle();
    expect(stateOf(cluster)).toBe('Progressing WaitingForPods');
    wait(cluster, 100);
    expect(stateOf(cluster)).toBe('Aborted ProgressDeadlineExceeded');
  });

  it('is not refreshed by pods that are well for less than a minute', () => {
    const cluster = analysing();
    wait(cluster, 3600);
    for (let i = 0; i < 4 && cluster.status['phase'] !== 'Aborted'; i++) {
      cluster.behaviour.set(hashOf('2'), { available: 1 });
      wait(cluster, 20);
      cluster.behaviour.clear();
      wait(cluster, 20);
    }
    expect(stateOf(cluster)).toBe('Aborted ProgressDeadlineExceeded');
  });

  it('aborts a blue-green whose preview never becomes available', () => {
    const cluster = settledBlueGreen();
    cluster.behaviour.set(hashOf('2'), { available: 1 });
    push(cluster, '2');
    cluster.settle();
    wait(cluster, 600);
    expect(stateOf(cluster)).toBe('Aborted ProgressDeadlineExceeded');
  });
});

describe('a stable revision that is disturbed long after its delivery', () => {
  it.each(['a lost pod', 'more replicas'])('(%s) is Progressing first, and Degraded only after the deadline', what => {
    const cluster = settledCanary({ spec: { progressDeadlineSeconds: 100 } });
    wait(cluster, 86_400);
    cluster.behaviour.set(hashOf('1'), { available: 3 });
    if (what === 'more replicas') cluster.edit(spec => Object.assign(spec, { replicas: 8 }));
    cluster.settle();
    expect(stateOf(cluster)).toBe('Progressing ScalingStable');
    wait(cluster, 100);
    expect(stateOf(cluster)).toBe('Degraded ProgressDeadlineExceeded');
    cluster.behaviour.clear();
    const before = cluster.settle();
    expect([stateOf(cluster), before.facts]).toEqual(['Healthy Healthy', []]);
    wait(cluster, 3600);
    cluster.behaviour.set(hashOf('1'), { available: 3 });
    cluster.settle();
    expect(stateOf(cluster)).toBe('Progressing ScalingStable');
  });

  it('is restored by an abort only as far as the abort is concerned', () => {
    const cluster = canaryOnTrial();
    send(cluster, 'abort');
    cluster.behaviour.set(hashOf('1'), { available: 3 });
    wait(cluster, 3600);
    expect(stateOf(cluster)).toBe('Aborted AbortedByCommand');
  });
});

describe('a clock that is set back by an hour', () => {
  it('does not make a pause longer than twice what is declared', () => {
    const cluster = canaryOnTrial({ steps: [{ setWeight: 20 }, { pause: { duration: '30s' } }] });
    wait(cluster, 10);
    cluster.now -= 3_600_000;
    cluster.settle();
    wait(cluster, 29);
    expect(stateOf(cluster)).toBe('Progressing PauseStep');
    wait(cluster, 2);
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it('has what began in the future begin now, and leaves the past as it is', () => {
    const now = Date.parse('2026-11-21T12:00:00Z');
    const status = (at: string) =>
      ({
        phase: 'Paused',
        trialStartedAt: at,
        switchedAt: at,
        step: { index: 1, total: 2, description: 'pause', startedAt: at, stepsHash: 'x' },
        pause: { reason: 'PauseStep', startedAt: at },
        progress: { at, podTemplateHash: 'h', available: 1, calmSince: at },
      }) as RolloutStatus;
    const drafted = (at: string) => newDraft({ stored: status(at), now } as World).status;
    expect(drafted('2026-11-21T13:00:00.000Z')).toEqual(status('2026-11-21T12:00:00.000Z'));
    for (const at of ['2026-11-21T11:00:00.000Z', '2026-11-21T12:00:30.000Z']) expect(drafted(at)).toEqual(status(at));
  });
});
