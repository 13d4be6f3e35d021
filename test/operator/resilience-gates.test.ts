import { describe, expect, it } from 'vitest';
import { recordMeasurement } from '../../src/analysis/record.ts';
import type { SimCluster } from '../support/sim-cluster.ts';
import {
  canaryOnTrial,
  hashOf,
  push,
  runNamed,
  SUCCESS_RATE,
  send,
  settledBlueGreen,
  settledCanary,
  wait,
} from '../support/sim-stories.ts';

const DAY_S = 86_400;
const STEPS = [{ setWeight: 20 }, { setWeight: 60 }];

/** Which tag users are on for good. */
function stableTag(cluster: SimCluster): string {
  const hash: unknown = cluster.status['stable'].podTemplateHash;
  return ['1', '2', '3'].find(tag => hashOf(tag) === hash) ?? 'unknown';
}

function expectNotPromoted(cluster: SimCluster): void {
  for (const seconds of [0, 10, 600, DAY_S]) {
    wait(cluster, seconds);
    expect(stableTag(cluster)).toBe('1');
  }
}

const finish = (cluster: SimCluster, ending: string, phase: string) => {
  const run = cluster.runs.get(runNamed(cluster, ending));
  if (!run) throw new Error(`no run ends with ${ending}`);
  run['status'] = { phase };
  cluster.touch(run);
};

describe('a canary with an analysis that has measured nothing is never promoted', () => {
  it.each([
    ['by its steps', { steps: STEPS }],
    ['without steps', { steps: [] }],
    ['without a router', { steps: STEPS, router: false }],
    ['with a dynamic stable scale', { steps: STEPS, canary: { dynamicStableScale: true } }],
    ['when the analysis starts at the last step', { steps: STEPS, analysis: { ...SUCCESS_RATE, startingStep: 1 } }],
    ['when the analysis starts after the last step', { steps: STEPS, analysis: { ...SUCCESS_RATE, startingStep: 2 } }],
    ['when the analysis gates a step', { steps: [{ setWeight: 20 }, { analysis: SUCCESS_RATE }], analysis: undefined }],
  ])('%s', (_, options) => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE, ...options });
    expectNotPromoted(cluster);
    cluster.measure([...cluster.runs.keys()].at(-1) ?? '', 'success', 'Successful', true);
    cluster.settle();
    expect(stableTag(cluster)).toBe('2');
  });

  it('when a person promotes past the pauses', () => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE, steps: [{ setWeight: 20 }, { pause: {} }, { pause: {} }] });
    send(cluster, 'promote');
    send(cluster, 'promote');
    expectNotPromoted(cluster);
  });

  it('when every answer was no data', () => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE, steps: STEPS });
    for (let i = 0; i < 100; i++) {
      const run = [...cluster.runs.keys()].at(-1) ?? '';
      if (cluster.runs.get(run)?.['status']?.phase !== 'Inconclusive') cluster.measure(run, 'success', 'NoData');
      wait(cluster, 10);
      expect(stableTag(cluster)).toBe('1');
    }
    expectNotPromoted(cluster);
  });

  it('when one of its two metrics has measured and the other has not', () => {
    const cluster = settledCanary({ analysis: SUCCESS_RATE, steps: STEPS });
    const template = cluster.templates.get('success-rate');
    const metrics = template?.['spec'].metrics ?? [];
    metrics.push({ ...metrics[0], name: 'latency' });
    push(cluster, '2');
    cluster.settle();
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Successful');
    expectNotPromoted(cluster);
    for (const metric of ['success', 'latency']) cluster.measure(runNamed(cluster, '-bg'), metric, 'Successful');
    cluster.settle();
    expect(stableTag(cluster)).toBe('2');
  });

  it('when its run was deleted and has begun anew', () => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE, steps: [{ setWeight: 20 }, { pause: {} }] });
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Successful');
    cluster.settle();
    cluster.runs.clear();
    send(cluster, 'promote');
    cluster.settle();
    expect(cluster.runs.size).toBe(1);
    expectNotPromoted(cluster);
  });

  // `readGate` in src/core/gate.ts takes a stored phase Successful at its word; `hasMeasured` is asked of background runs only.
  it('when its run was declared successful without one measurement', () => {
    const cluster = canaryOnTrial({ steps: [{ setWeight: 20 }, { analysis: SUCCESS_RATE }] });
    finish(cluster, '-1', 'Successful');
    expectNotPromoted(cluster);
  });

  // A background analysis begins when the step index reaches startingStep, and the index ends at the number of steps:
  // `backgroundRun` in src/core/canary-trial.ts. Nothing refuses such a startingStep, and the canary passes ungated.
  it('when startingStep is larger than the number of steps', () => {
    const cluster = canaryOnTrial({ analysis: { ...SUCCESS_RATE, startingStep: 7 }, steps: STEPS });
    expectNotPromoted(cluster);
  });
});

describe('a blue-green Rollout with an analysis that has measured nothing', () => {
  it('does not switch before the promotion', () => {
    const cluster = settledBlueGreen({ prePromotionAnalysis: SUCCESS_RATE });
    push(cluster, '2');
    cluster.settle();
    expectNotPromoted(cluster);
    expect(cluster.services.get('active')?.['spec'].selector['sluice.dev/pod-template-hash']).toBe(hashOf('1'));
  });

  it('does not become stable after the promotion', () => {
    const cluster = settledBlueGreen({ postPromotionAnalysis: SUCCESS_RATE });
    push(cluster, '2');
    cluster.settle();
    expectNotPromoted(cluster);
  });

  it('does not switch on a run that was declared successful without one measurement', () => {
    const cluster = settledBlueGreen({ prePromotionAnalysis: SUCCESS_RATE });
    push(cluster, '2');
    cluster.settle();
    finish(cluster, '-pre', 'Successful');
    expectNotPromoted(cluster);
  });
});

describe('a canary whose last pause is over and whose analysis has not measured yet', () => {
  const overdue = () => {
    const steps = [{ setWeight: 20 }, { pause: { duration: '30s' } }];
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE, steps });
    wait(cluster, 31);
    return cluster;
  };

  // `planCanaryTrial` in src/core/canary-trial.ts wakes at status.pause.until, which is over: the reconciler then passes
  // every millisecond until the first measurement is stored.
  it('never wakes in the past', () => {
    const cluster = overdue();
    expect(cluster.decide().wakeAt).toBeGreaterThan(cluster.now);
  });

  // `waitReason` there looks at the step before it looks at the measurement.
  it('says that it waits for the measurement', () => {
    expect(overdue().status['display'].reason).toBe('GateRunning');
  });
});

describe('a canary whose background analysis has seen failures only, fewer than allowed', () => {
  // `hasMeasured` in src/core/gate.ts counts decisive measurements, good or bad.
  it('is not promoted', () => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE, steps: STEPS }, { failureLimit: 3 });
    const run = cluster.runs.get(runNamed(cluster, '-bg'));
    if (!run) throw new Error('no run');
    const judged = { phase: 'Failed', value: '0.5', threshold: '>= 0.95', message: '0.5 < 0.95' } as const;
    const at = { startedAt: cluster.now, finishedAt: cluster.now };
    run['status'] = recordMeasurement(run['spec'], undefined, 'success', judged, at);
    expect(run['status']).toMatchObject({ phase: 'Running', metricResults: [{ failed: 1, successful: 0 }] });
    cluster.touch(run);
    expectNotPromoted(cluster);
  });
});
