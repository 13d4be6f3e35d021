import { describe, expect, it } from 'vitest';
import { judge } from '../../src/analysis/judge.ts';
import { recordMeasurement } from '../../src/analysis/record.ts';
import type { Metric } from '../../src/api/analysis-template.ts';
import { HASH_LABEL } from '../../src/api/names.ts';
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
  wait,
} from '../support/sim-stories.ts';

/** Takes one measurement with the operator's own judge and recorder; undefined: no data. */
function measure(cluster: SimCluster, name: string, value: number | undefined): void {
  const run = cluster.runs.get(name);
  const [metric] = (run?.['spec'].metrics ?? []) as Metric[];
  if (!run || !metric) throw new Error(`no run ${name}`);
  const judged = judge(metric, value === undefined ? { kind: 'NoSeries' } : { kind: 'Value', result: value });
  const times = { startedAt: cluster.now, finishedAt: cluster.now + 5 };
  run['status'] = recordMeasurement(run['spec'], run['status'], metric.name, judged, times);
  cluster.touch(run);
}

describe('nothing is promoted, and gets no more users, on what was measured before', () => {
  it('a template that comes back after Git returned to stable is measured anew by its steps', () => {
    const steps = [{ setWeight: 20 }, { analysis: SUCCESS_RATE }, { setWeight: 60 }, { pause: {} }];
    const cluster = canaryOnTrial({ steps }, { count: 5 });
    measure(cluster, runNamed(cluster, '-1'), 1);
    cluster.settle();
    push(cluster, '1');
    wait(cluster, 5);
    push(cluster, '2');
    cluster.settle();
    expect(canaryNow(cluster)).toBe('1 pods, 20 %');
    expect(cluster.status['canary'].revision).toBe(3);
  });

  it('a gate that Git adds to a blue-green trial is asked before the promotion', () => {
    const cluster = settledBlueGreen({ autoPromotionEnabled: false });
    push(cluster, '2');
    cluster.settle();
    cluster.edit(spec => {
      spec['strategy'].blueGreen.prePromotionAnalysis = SUCCESS_RATE;
    });
    expect(send(cluster, 'promote')).toMatch(/^refused: Git declares other steps or analyses by now/);
    send(cluster, 'promote');
    expect(cluster.status['stable'].revision).toBe(1);
    cluster.measure(runNamed(cluster, '-pre'), 'success', 'Successful', true);
    cluster.settle();
    send(cluster, 'promote');
    wait(cluster, 60);
    expect(cluster.status['stable'].revision).toBe(2);
  });

  it('another background analysis that Git declares in mid-trial is asked before the promotion', () => {
    const cluster = canaryOnTrial({ steps: [{ setWeight: 20 }, { pause: {} }], analysis: SUCCESS_RATE });
    const metric = { name: 'errors', interval: '10s', threshold: { max: 0 }, provider: { prometheus: { query: 'e' } } };
    cluster.addTemplate('strict', { metrics: [metric] });
    measure(cluster, runNamed(cluster, '-bg'), 1);
    cluster.settle();
    cluster.edit(spec => {
      spec['strategy'].canary.analysis = { templates: [{ templateName: 'strict' }] };
    });
    cluster.settle();
    expect(cluster.runs.get(runNamed(cluster, '-2-bg'))?.['spec'].metrics).toMatchObject([{ name: 'errors' }]);
    send(cluster, 'promote');
    expect(cluster.status['stable'].revision).toBe(1);
  });

  it('a return to a verified revision that was aborted is tried step by step when retry is sent', () => {
    const cluster = settledCanary({ steps: [{ setWeight: 20 }, { pause: {} }] });
    push(cluster, '2');
    cluster.settle();
    send(cluster, 'promote');
    wait(cluster, 60);
    cluster.behaviour.set(hashOf('1'), { available: 2 });
    push(cluster, '1');
    cluster.settle();
    expect(cluster.status['weights']).toMatchObject({ canary: 100 });
    send(cluster, 'abort');
    cluster.behaviour.clear();
    expect(send(cluster, 'retry')).toBe('trying the revision again from the first step');
    expect([stateOf(cluster), canaryNow(cluster)]).toEqual(['Paused PauseStep', expect.stringMatching(/ 20 %$/)]);
  });
});

describe('a retry that Git ends by going back to stable', () => {
  it('trusts the revision no more than before', () => {
    const cluster = settledCanary({ steps: [{ setWeight: 20 }, { pause: {} }] });
    const promoteTag = (tag: string) => {
      push(cluster, tag);
      cluster.settle();
      send(cluster, 'promote');
      wait(cluster, 60);
      expect(cluster.status['stable'].podTemplateHash).toBe(hashOf(tag));
    };
    promoteTag('2');
    cluster.behaviour.set(hashOf('1'), { available: 2 });
    push(cluster, '1');
    cluster.settle();
    send(cluster, 'abort');
    cluster.behaviour.clear();
    promoteTag('3');
    push(cluster, '1');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Aborted Quarantined');
    send(cluster, 'retry');
    expect(stateOf(cluster)).toBe('Paused PauseStep');
    push(cluster, '3');
    wait(cluster, 60);
    expect(cluster.status['history'][0].outcome).toBe('ReturnedToStable');
    push(cluster, '1');
    cluster.settle();
    expect([stateOf(cluster), canaryNow(cluster, '1')]).toEqual(['Paused PauseStep', '1 pods, 20 %']);
  });
});

describe('users rise only on what was measured at the weight of now', () => {
  const HOUR = { pause: { duration: '1h' } };
  const from = (startingStep: number) => ({ ...SUCCESS_RATE, startingStep });

  it.each(['25%', '100%'])(
    'also where the analysis begins with the step that was just passed, with a surge of %s',
    maxSurge => {
      const ten = { router: false, replicas: 10, canary: { maxSurge } };
      const steps = [{ setWeight: 10 }, { setWeight: 80 }, HOUR];
      expect(canaryNow(canaryOnTrial({ ...ten, analysis: from(1), steps }))).toBe('1 pods, 0 %');
      const asked = canaryOnTrial({ ...ten, analysis: from(2), steps: [{ setWeight: 10 }, { pause: {} }] });
      send(asked, 'promote');
      expect(asked.pods(hashOf('2'))).toBe(1);
    },
  );

  it.each([
    ['the promotion', []],
    ['the next weight', [{ setWeight: 90 }, { pause: {} }]],
  ])('over a route whose canary has its pods already, before %s', (_, rest) => {
    const steps = [{ setWeight: 10 }, { pause: {} }, ...rest];
    const cluster = canaryOnTrial({ replicas: 1, analysis: from(2), steps });
    send(cluster, 'promote');
    expect([cluster.canaryWeight(), cluster.runs.size]).toEqual([10, 1]);
  });

  it.each([true, false])('after pods that were not ready for a moment, too (router: %s)', router => {
    const steps = [{ setWeight: 10 }, { setWeight: 80 }, HOUR];
    const cluster = canaryOnTrial({ router, replicas: 10, analysis: SUCCESS_RATE, steps });
    const before = canaryNow(cluster);
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    cluster.settle();
    cluster.behaviour.clear();
    cluster.settle();
    expect(canaryNow(cluster)).toBe(before);
    measure(cluster, runNamed(cluster, '-bg'), 1);
    cluster.settle();
    expect(cluster.pods(hashOf('2'))).toBe(8);
  });

  it('so no weight rises on an answer that is minutes overdue', () => {
    const pause = { pause: { duration: '10m' } };
    const cluster = canaryOnTrial({ steps: [{ setWeight: 20 }, pause], analysis: SUCCESS_RATE });
    const run = runNamed(cluster, '-bg');
    wait(cluster, 60);
    measure(cluster, run, 1);
    cluster.settle();
    cluster.advance(660_000);
    cluster.samplesTaken.length = 0;
    cluster.settle();
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Progressing GateRunning', 20]);
    expect(cluster.samplesTaken).toContainEqual({ run, metric: 'success' });
    measure(cluster, run, 1);
    cluster.settle();
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it.each([
    ['after a failed one', { failureLimit: 1 }, [1, 0.1, 0.9]],
    ['after a good one', {}, [1, 0.9]],
    ['for which missing data counts', { onNoData: 'Inconclusive' }, [1, undefined]],
  ])('and not on an inconclusive answer %s', (_, limits, values) => {
    const conditions = { successCondition: 'result[0] >= 0.95', failureCondition: 'result[0] < 0.5' };
    const cluster = canaryOnTrial(
      { steps: [{ setWeight: 20 }, { pause: { duration: '60s' } }, { setWeight: 60 }, HOUR], analysis: SUCCESS_RATE },
      { threshold: undefined, ...conditions, inconclusiveLimit: 1, ...limits },
    );
    const run = runNamed(cluster, '-bg');
    for (const value of values) {
      measure(cluster, run, value);
      wait(cluster, 10);
    }
    wait(cluster, 40);
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Progressing GateRunning', 20]);
    measure(cluster, run, 1);
    cluster.settle();
    expect(cluster.canaryWeight()).toBe(60);
  });

  it('and not at all while somebody holds the canary', () => {
    const cluster = canaryOnTrial({ steps: [{ setWeight: 20 }, { setWeight: 60 }, HOUR], analysis: SUCCESS_RATE });
    expect(cluster.canaryWeight()).toBe(20);
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    cluster.settle();
    send(cluster, 'pause');
    cluster.behaviour.clear();
    cluster.settle();
    expect(cluster.canaryWeight()).toBe(0);
    send(cluster, 'resume');
    expect(cluster.canaryWeight()).toBe(20);
  });

  it('and a set that somebody deletes meanwhile comes back with a pod to be measured', () => {
    const steps = [{ setWeight: 10 }, { setWeight: 80 }, HOUR];
    const cluster = canaryOnTrial({ router: false, replicas: 10, analysis: SUCCESS_RATE, steps });
    cluster.replicaSets.delete(`shop-${hashOf('2')}`);
    cluster.settle();
    expect(cluster.pods(hashOf('2'))).toBe(1);
  });

  it('a blue-green trial that begins again with other gates had no users when it is aborted', () => {
    const cluster = settledBlueGreen({ postPromotionAnalysis: SUCCESS_RATE });
    push(cluster, '2');
    cluster.settle();
    cluster.edit(spec => {
      spec['strategy'].blueGreen.prePromotionAnalysis = SUCCESS_RATE;
    });
    cluster.settle();
    send(cluster, 'abort');
    expect([cluster.status['abort'].weight, cluster.status['history'][0].weightReached]).toEqual([0, 0]);
  });
});

describe('nothing stands still for ever without a word', () => {
  it('a background analysis that has ended well lets the canary go on, though its last measurement failed', () => {
    const pause = { pause: { duration: '60s' } };
    const steps = [{ setWeight: 20 }, pause, { setWeight: 60 }, pause];
    const cluster = canaryOnTrial({ steps, analysis: SUCCESS_RATE }, { count: 3, failureLimit: 1 });
    for (const value of [1, 1, 0.9]) {
      measure(cluster, runNamed(cluster, '-bg'), value);
      wait(cluster, 10);
    }
    expect(cluster.runs.get(runNamed(cluster, '-bg'))?.['status'].phase).toBe('Successful');
    wait(cluster, 61);
    wait(cluster, 7200);
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it.each([{ matchTrafficWeight: true }, { replicas: 0 }])('a canary of no weight passes setCanaryScale %o', scale => {
    const first = [{ setCanaryScale: { replicas: 3 } }, { pause: { duration: '30s' } }];
    const cluster = canaryOnTrial({ steps: [...first, { setCanaryScale: scale }, { pause: {} }] });
    wait(cluster, 31);
    wait(cluster, 7200);
    expect([stateOf(cluster), canaryNow(cluster)]).toEqual(['Paused PauseStep', '1 pods, 0 %']);
  });

  it('a canary of no pods that is tried again while those of its abort are still there', () => {
    const cluster = canaryOnTrial({ steps: [{ setCanaryScale: { replicas: 3 } }, { pause: {} }] });
    send(cluster, 'abort');
    // As in the moment between an abort and its Service's way home.
    cluster.services.get('canary')!['spec'].selector[HASH_LABEL] = hashOf('2');
    cluster.react();
    const steps = [{ setCanaryScale: { replicas: 0 } }, { pause: {} }];
    cluster.edit(spec => Object.assign(spec['strategy'].canary, { steps }));
    send(cluster, 'retry');
    expect(stateOf(cluster)).toBe('Paused PauseStep');
  });

  const refuseRuns = (cluster: SimCluster) => {
    const act = cluster.act.bind(cluster);
    cluster.act = action => {
      if (action.type !== 'CreateAnalysisRun') act(action);
      else cluster.problems = [{ kind: 'WriteRefused', name: action.object.metadata.name, message: 'forbidden' }];
    };
  };

  it('an analysis that may not be created is told, and ends the canary that has users at the deadline', () => {
    const cluster = settledCanary({
      steps: [{ setWeight: 20 }, { pause: { duration: '1h' } }],
      analysis: SUCCESS_RATE,
    });
    refuseRuns(cluster);
    push(cluster, '2');
    const told = Array.from({ length: 12 }).flatMap(() => {
      cluster.react();
      return cluster.pass().facts;
    });
    expect(told.map(({ reason }) => reason)).toEqual(['RevisionDetected', 'WriteRefused']);
    expect([stateOf(cluster), canaryNow(cluster)]).toEqual(['Progressing WriteRefused', '1 pods, 20 %']);
    wait(cluster, 601);
    expect(cluster.status['abort']).toMatchObject({
      cause: 'ProgressDeadlineExceeded',
      message: expect.stringMatching(/^no progress for 600s: analysis shop-\S+-bg cannot begin: forbidden$/),
    });
  });

  it('an analysis of a step that may not be created ends it as well', () => {
    const cluster = settledCanary({ steps: [{ setWeight: 20 }, { analysis: SUCCESS_RATE }, { setWeight: 60 }] });
    refuseRuns(cluster);
    push(cluster, '2');
    cluster.settle();
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Progressing WriteRefused', 20]);
    wait(cluster, 601);
    expect([cluster.status['abort'].cause, cluster.canaryWeight()]).toEqual(['ProgressDeadlineExceeded', 0]);
  });

  it('an analysis before a blue-green switch that may not be created is told, and waits for a person', () => {
    const cluster = settledBlueGreen({ prePromotionAnalysis: SUCCESS_RATE });
    refuseRuns(cluster);
    push(cluster, '2');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Progressing WriteRefused');
    wait(cluster, 7200);
    expect([stateOf(cluster), cluster.status['stable'].revision]).toEqual(['Degraded WriteRefused', 1]);
  });

  it('a clock that was ahead does not put off the deadline for data', () => {
    const steps = [{ setWeight: 20 }, { pause: { duration: '12h' } }];
    const deadline = { noDataAction: 'Abort', noDataDeadline: '1m' };
    const cluster = canaryOnTrial({ steps, analysis: SUCCESS_RATE }, deadline);
    const run = runNamed(cluster, '-bg');
    cluster.advance(86_400_000);
    measure(cluster, run, undefined);
    cluster.advance(-86_400_000);
    for (let times = 0; times < 4; times++) {
      wait(cluster, 30);
      measure(cluster, run, undefined);
    }
    cluster.settle();
    expect(stateOf(cluster)).toBe('Aborted NoDataDeadline');
  });

  it('a clock that was ahead does not keep pods beyond their delay', () => {
    const cluster = canaryOnTrial();
    cluster.advance(86_400_000);
    send(cluster, 'abort');
    cluster.advance(-86_400_000);
    wait(cluster, 1);
    wait(cluster, 31);
    expect(cluster.pods(hashOf('2'))).toBe(0);
  });
});

describe('without a router pods are traffic', () => {
  const steps = [{ setWeight: 20 }, { pause: {} }];
  const share = (cluster: SimCluster) => `${cluster.pods(hashOf('2'))} of ${cluster.pods(hashOf('1'))} others`;

  /** In the middle of the promotion, with 10 replicas. */
  const promoting = () => {
    const cluster = canaryOnTrial({ router: false, replicas: 10, steps });
    cluster.command('promote it');
    for (let times = 0; times < 2; times++) {
      cluster.react();
      cluster.pass();
    }
    return cluster;
  };

  it('so a pause holds them where they are, and the promotion goes on with resume', () => {
    const cluster = promoting();
    const before = share(cluster);
    expect(before).not.toMatch(/ 0 others/);
    send(cluster, 'pause');
    wait(cluster, 3600);
    expect([stateOf(cluster), share(cluster)]).toEqual(['Paused PausedByCommand', before]);
    send(cluster, 'resume');
    wait(cluster, 60);
    expect([stateOf(cluster), share(cluster)]).toEqual(['Healthy Healthy', '10 of 0 others']);
  });

  /** One pod of ten has users, 80 % are declared, and nothing was measured yet. */
  const unmeasured = (replicas = 10, maxSurge = '25%') =>
    canaryOnTrial({
      ...{ router: false, replicas, analysis: SUCCESS_RATE, canary: { maxSurge } },
      steps: [{ setWeight: 10 }, { setWeight: 80 }, { pause: { duration: '1h' } }],
    });

  it.each([
    [20, '2 of 18 others'],
    [5, '1 of 5 others'],
    [1, '1 of 1 others'],
  ])('and with another number of replicas meanwhile, %i, the canary keeps its share: %s', (replicas, wanted) => {
    const cluster = unmeasured();
    cluster.edit(spec => {
      spec['replicas'] = replicas;
    });
    wait(cluster, 60);
    expect(share(cluster)).toBe(wanted);
  });

  it('and half the replicas come down to that, however many more are allowed for a while', () => {
    const cluster = unmeasured(20, '100%');
    send(cluster, 'pause');
    cluster.edit(spec => {
      spec['replicas'] = 10;
    });
    wait(cluster, 60);
    expect(share(cluster)).toBe('1 of 10 others');
  });

  it('and pods of stable that somebody takes away make the canary no larger', () => {
    const cluster = unmeasured();
    const set = cluster.replicaSets.get(`shop-${hashOf('1')}`);
    Object.assign(set?.['spec'] ?? {}, { replicas: 2 });
    cluster.settle();
    expect(share(cluster)).toBe('1 of 9 others');
  });

  it('so they wait for the background analysis, as a weight does', () => {
    const cluster = unmeasured();
    expect([stateOf(cluster), share(cluster)]).toEqual(['Progressing GateRunning', '1 of 9 others']);
    measure(cluster, runNamed(cluster, '-bg'), 1);
    cluster.settle();
    expect([stateOf(cluster), share(cluster)]).toEqual(['Progressing PauseStep', '8 of 2 others']);
  });
});

describe('what users get is said as it is', () => {
  it('also where they cannot leave an aborted blue-green revision yet', () => {
    const cluster = settledBlueGreen({ postPromotionAnalysis: SUCCESS_RATE });
    push(cluster, '2');
    cluster.settle();
    cluster.behaviour.set(hashOf('1'), { available: 2 });
    cluster.settle();
    measure(cluster, runNamed(cluster, '-post'), 0.1);
    cluster.settle();
    expect(cluster.status['message']).toMatch(/; its users wait for enough ready pods of revision 1$/);
    expect(conditionOf(cluster, 'Serving')).toBe('True NewRevisionServes');
    cluster.behaviour.clear();
    cluster.settle();
    expect(cluster.status['message']).toMatch(/; revision 1 serves$/);
    expect(conditionOf(cluster, 'Serving')).toBe('True StableServes');
  });
});
