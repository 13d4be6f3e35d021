import { describe, expect, it } from 'vitest';
import type { RolloutStatus } from '../../src/api/rollout-status.ts';
import { statusWaitMs } from '../../src/core/status-urgency.ts';
import type { SimCluster } from '../support/sim-cluster.ts';
import { canaryOnTrial, push, SUCCESS_RATE, send, settledCanary } from '../support/sim-stories.ts';

const STEPS = ['setWeight 20', 'pause 30s', 'setWeight 60', 'pause until promoted', 'setWeight 80'];
const at = (index: number, more: Partial<RolloutStatus> = {}): RolloutStatus => ({
  phase: 'Progressing',
  observedGeneration: 2,
  step: {
    index,
    total: STEPS.length,
    description: STEPS[index] ?? '',
    startedAt: `2026-01-01T00:00:0${index}Z`,
    stepsHash: 'h',
  },
  ...more,
});

const gate = (value: string): Partial<RolloutStatus> => ({ display: { gate: `success-rate ${value} (≥ 0.95)` } });

const leaving = (...names: string[]): Partial<RolloutStatus> => ({
  scaleDowns: names.map(replicaSet => ({ replicaSet, at: '2026-01-01T00:00:30Z' })),
});

describe('a status may wait a moment to be stored', () => {
  it.each<[string, RolloutStatus, RolloutStatus, number]>([
    ['nothing differs', at(0), at(0), 10_000],
    ['a gate said something else', at(0, gate('0.99')), at(0, gate('0.98')), 10_000],
    ['a gate said something else, and a pod came', at(0, gate('0.99')), at(0, { ...gate('0.98'), replicas: 2 }), 2_000],
    ['a gate said something for the first time', at(0), at(0, gate('0.99')), 10_000],
    ['there is no gate any more', at(0, gate('0.99')), at(0), 10_000],
    ['counts and texts differ', at(0, { readyReplicas: 1, message: 'a' }), at(0, { readyReplicas: 2 }), 2_000],
    ['a setWeight was passed', at(0), at(1), 0],
    ['a timed pause ended', at(1), at(2), 2_000],
    ['a timed pause and a setWeight were passed', at(1), at(3), 0],
    ['a person ended a pause', at(3), at(4), 0],
    ['the phase differs', at(0), at(0, { phase: 'Paused' }), 0],
    ['a new generation was seen', at(0), at(0, { observedGeneration: 3 }), 0],
    ['an alert is owed', at(0), at(0, { notices: [] }), 0],
    [
      'the ReplicaSet of the canary was seen',
      at(0, { canary: { revision: 2, podTemplateHash: 'h' } }),
      at(0, { canary: { revision: 2, podTemplateHash: 'h', replicaSet: 'shop-h' } }),
      2_000,
    ],
    ['a set is to leave', at(0), at(0, leaving('shop-a')), 0],
    ['one more set is to leave', at(0, leaving('shop-a')), at(0, leaving('shop-a', 'shop-b')), 0],
    ['a set has left', at(0, leaving('shop-a', 'shop-b')), at(0, leaving('shop-b')), 2_000],
    ['the last set has left', at(0, leaving('shop-a')), at(0), 2_000],
    ['the deadline clock moved', at(0), at(0, { progress: { at: 'x', podTemplateHash: 'h', available: 1 } }), 2_000],
    [
      'the members come in another order',
      at(0, { stable: { revision: 1, podTemplateHash: 'h' } }),
      at(0, { stable: { podTemplateHash: 'h', revision: 1 } }),
      10_000,
    ],
  ])('%s: %#', (_what, before, after, expected) => {
    expect(statusWaitMs(before, after, STEPS, false)).toBe(expected);
  });

  it('a condition that flips may not wait, one that changes its words may', () => {
    const ready = (status: 'True' | 'Unknown', message: string) =>
      at(0, { conditions: [{ type: 'Ready', status, reason: 'R', message, lastTransitionTime: 't' }] });
    expect(statusWaitMs(ready('Unknown', 'a'), ready('Unknown', 'b'), STEPS, false)).toBe(2_000);
    expect(statusWaitMs(ready('Unknown', 'a'), ready('True', 'a'), STEPS, false)).toBe(0);
    // What is done now may flip it again.
    expect(statusWaitMs(ready('Unknown', 'a'), ready('True', 'a'), STEPS, true)).toBe(2_000);
  });

  it('what a decision rests on may not wait, whatever is done', () => {
    expect(statusWaitMs(at(0), at(1), STEPS, true)).toBe(0);
  });

  it('the first status of all may not wait', () => {
    expect(statusWaitMs(undefined, at(0), STEPS, false)).toBe(0);
  });

  it('traffic that comes home after an abort is stored at once', () => {
    const abort = { abort: { at: 'x' } } as unknown as Partial<RolloutStatus>;
    const weights = (actualCanary: number) => ({ ...abort, weights: { canary: 0, stable: 100, actualCanary } });
    expect(statusWaitMs(at(1, weights(20)), at(1, weights(0)), STEPS, false)).toBe(0);
  });
});

/** Passes until nothing moves, with a status kept waiting as long as it may be. @returns how often one was stored */
function settleLazily(cluster: SimCluster): number {
  const before = cluster.statusWrites;
  cluster.patience = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 40; i++) {
    cluster.react();
    cluster.pass();
  }
  cluster.patience = 0;
  return cluster.statusWrites - before;
}

describe('a canary whose status waits as long as it may', () => {
  it('goes the same way, with a third of the writes', () => {
    const cluster = settledCanary({
      steps: [20, 40, 60].flatMap(setWeight => [{ setWeight }, { pause: { duration: '30s' } }]),
    });
    push(cluster, '2');
    const weights: number[] = [];
    let writes = settleLazily(cluster);
    for (let i = 0; i < 4; i++) {
      weights.push(cluster.canaryWeight());
      cluster.advance(30_000);
      writes += settleLazily(cluster);
    }
    expect(weights).toEqual([20, 40, 60, 0]);
    expect([cluster.status['phase'], cluster.status['stable'].revision]).toEqual(['Healthy', 2]);
    expect(writes).toBeLessThanOrEqual(8);
  });

  // What takes over was once mistaken for a first revision, since that is the last of which the history tells.
  it('the second revision that takes over waits, too', () => {
    const cluster = settledCanary({ steps: [{ setWeight: 20 }, { pause: { duration: '30s' } }] });
    push(cluster, '2');
    settleLazily(cluster);
    cluster.advance(30_000);
    const waits: number[] = [];
    cluster.patience = Number.POSITIVE_INFINITY;
    // Looked at twice each time, as when a Service is switched and its endpoints are not there yet.
    for (let i = 0; i < 10; i++) {
      if (i % 2 === 0) cluster.react();
      const { because, statusWaitMs: waitMs, status } = cluster.pass();
      if (because.reason === 'Promoting' && status?.stable?.revision === 1) waits.push(waitMs);
    }
    expect(waits.length).toBeGreaterThan(1);
    expect(new Set(waits)).toEqual(new Set([2_000]));
  });

  it('an abort is stored in the pass that decides it', () => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE });
    cluster.command('abort x');
    const decision = cluster.decide();
    expect([decision.statusWaitMs, decision.status?.phase]).toEqual([0, 'Aborted']);
    send(cluster, 'abort');
  });
});
