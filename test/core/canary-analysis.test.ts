import { describe, expect, it } from 'vitest';
import type { ApiObject } from '../../src/api/object-meta.ts';
import { gateWake, readGate, viewRun } from '../../src/core/gate.ts';
import {
  canaryNow,
  canaryOnTrial,
  conditionOf,
  hashOf,
  push,
  runNamed,
  SUCCESS_RATE,
  send,
  settledCanary,
  stateOf,
  wait,
  waitWithoutData,
} from '../support/sim-stories.ts';

const watched = (metric: Record<string, unknown> = {}) => canaryOnTrial({ analysis: SUCCESS_RATE }, metric);
const gated = (metric: Record<string, unknown> = {}) =>
  canaryOnTrial({ steps: [{ setWeight: 20 }, { analysis: SUCCESS_RATE }, { setWeight: 60 }, { pause: {} }] }, metric);

describe('background analysis', () => {
  it('starts only when the canary has traffic', () => {
    const cluster = settledCanary({ analysis: SUCCESS_RATE });
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    push(cluster, '2');
    cluster.settle();
    expect(cluster.runs.size).toBe(0);
    // Named ahead, so that its creation needs no status of its own.
    expect(cluster.status['analysis']).toEqual({ background: `shop-${hashOf('2')}-2-1-bg` });
    cluster.behaviour.clear();
    cluster.settle();
    expect([cluster.canaryWeight(), [...cluster.runs.keys()]]).toEqual([20, [`shop-${hashOf('2')}-2-1-bg`]]);
    expect(cluster.status['analysis']).toEqual({ background: runNamed(cluster, '-bg') });
  });

  it('starts no earlier than startingStep', () => {
    const cluster = canaryOnTrial({ analysis: { ...SUCCESS_RATE, startingStep: 2 } });
    expect([cluster.runs.size, cluster.status['analysis']]).toEqual([0, undefined]);
    send(cluster, 'promote');
    expect(cluster.runs.size).toBe(1);
  });

  it('is told which pods it is about', () => {
    const cluster = watched();
    const args = cluster.runs.get(runNamed(cluster, '-bg'))?.['spec'].args;
    expect(args).toEqual(
      expect.arrayContaining([
        { name: 'canary-hash', value: hashOf('2') },
        { name: 'stable-hash', value: hashOf('1') },
      ]),
    );
  });

  it('is measured when a measurement is due, and the next pass is woken for the next one', () => {
    const cluster = watched();
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Successful');
    cluster.samplesTaken.length = 0;
    cluster.settle();
    expect([cluster.samplesTaken.length, cluster.decide().wakeAt]).toEqual([0, cluster.now + 10_000]);
    cluster.advance(10_000);
    cluster.pass();
    expect(cluster.samplesTaken).toEqual([{ run: runNamed(cluster, '-bg'), metric: 'success' }]);
  });

  it('that failed aborts in the same pass, weight 0 first, with the evidence', () => {
    const cluster = watched();
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Failed');
    const decision = cluster.pass();
    expect(decision.actions[0]).toMatchObject({ type: 'PatchRoute', canaryWeight: 0 });
    expect(cluster.canaryWeight()).toBe(0);
    expect(stateOf(cluster)).toBe('Aborted AnalysisFailed');
    expect(cluster.status['abort']).toMatchObject({
      cause: 'AnalysisFailed',
      revision: 2,
      step: '2/4 pause until promoted',
      weight: 20,
      message: 'success 0.5 (wanted: >= 0.95); 1 failed, 0 allowed',
      evidence: {
        analysisRun: runNamed(cluster, '-bg'),
        metric: 'success',
        measured: '0.5',
        threshold: '>= 0.95',
        query: 'up',
        failures: 1,
        limit: 0,
      },
    });
    expect(decision.facts.map(fact => fact.reason)).toEqual(['GateFailed', 'Aborted', 'Quarantined']);
  });

  it('names its query as evidence also when that is kept with another measurement', () => {
    const cluster = watched();
    const run = runNamed(cluster, '-bg');
    cluster.measure(run, 'success', 'Successful');
    cluster.measure(run, 'success', 'Failed');
    delete cluster.runs.get(run)?.['status'].metricResults[0].measurements[1].query;
    cluster.settle();
    expect(cluster.status['abort'].evidence).toMatchObject({ measured: '0.5', query: 'up' });
  });

  it('that failed in the very moment a pause ends does not count the pause as passed', () => {
    const cluster = canaryOnTrial({
      analysis: SUCCESS_RATE,
      steps: [{ setWeight: 20 }, { pause: { duration: 60 } }, { setWeight: 60 }, { pause: {} }],
    });
    cluster.advance(60_000);
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Failed');
    const decision = cluster.pass();
    expect(cluster.status['abort'].step).toBe('2/4 pause 60s');
    expect(decision.facts.map(fact => fact.reason)).not.toContain('StepCompleted');
  });

  it('that could not be evaluated aborts as AnalysisError with what went wrong', () => {
    const cluster = watched();
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Error');
    cluster.settle();
    expect(cluster.status['abort']).toMatchObject({
      cause: 'AnalysisError',
      message: 'success: the answer is no number',
    });
  });

  it('without data holds everything, neither failing nor passing, and says which query', () => {
    const cluster = canaryOnTrial({
      analysis: SUCCESS_RATE,
      steps: [{ setWeight: 20 }, { pause: { duration: 60 } }, { setWeight: 60 }, { pause: {} }],
    });
    for (let i = 0; i < 3; i++) cluster.measure(runNamed(cluster, '-bg'), 'success', 'NoData');
    wait(cluster, 120);
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Progressing NoData', 20]);
    expect(cluster.status['message']).toBe('step 2/4 at 20%: success: query returned no series');
    expect(conditionOf(cluster, 'Reconciling')).toBe('True NoData');
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Successful');
    cluster.settle();
    expect(cluster.canaryWeight()).toBe(60);
  });

  it('names an outage of the provider as such', () => {
    const cluster = watched();
    const run = runNamed(cluster, '-bg');
    for (let i = 0; i < 3; i++) cluster.measure(run, 'success', 'NoData');
    cluster.runs.get(run)!['status'].metricResults[0].noDataReason = 'ProviderError';
    const decision = cluster.pass();
    expect([stateOf(cluster), decision.facts.map(fact => fact.reason)]).toEqual([
      'Progressing ProviderError',
      ['NoData'],
    ]);
  });

  it('that has not answered yet keeps a pause for a person from being announced', () => {
    const cluster = watched();
    const run = runNamed(cluster, '-bg');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Progressing GateRunning');
    cluster.measure(run, 'success', 'NoData');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Progressing GateRunning');
    cluster.measure(run, 'success', 'Successful');
    expect(cluster.pass().facts.map(fact => fact.reason)).toEqual(['Paused']);
    cluster.measure(run, 'success', 'Successful');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Paused PauseStep');
  });

  it('without data until its deadline pauses for a person by default', () => {
    const cluster = watched({ noDataDeadline: '5m' });
    waitWithoutData(cluster, runNamed(cluster, '-bg'), 299);
    expect(stateOf(cluster)).toBe('Progressing NoData');
    wait(cluster, 1);
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Paused NoDataDeadline', 20]);
  });

  it('without data until its deadline aborts where that is declared', () => {
    const cluster = watched({ noDataDeadline: '5m', noDataAction: 'Abort' });
    waitWithoutData(cluster, runNamed(cluster, '-bg'), 300);
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Aborted NoDataDeadline', 0]);
  });

  it('whose deadline for data passed while nobody asked waits for the next answer, and no longer', () => {
    const cluster = watched({ noDataDeadline: '5m', noDataAction: 'Abort' });
    const run = runNamed(cluster, '-bg');
    cluster.measure(run, 'success', 'NoData');
    cluster.settle();
    wait(cluster, 3600);
    expect(cluster.canaryWeight()).toBe(20);
    cluster.measure(run, 'success', 'NoData');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Aborted NoDataDeadline');
  });

  it('of two metrics without data hears the one that aborts, though another one pauses first', () => {
    const cluster = settledCanary({ analysis: SUCCESS_RATE });
    const metric = { interval: '10s', threshold: { min: 0.95 }, provider: { prometheus: { query: 'up' } } };
    cluster.addTemplate('success-rate', {
      metrics: [
        { ...metric, name: 'pauses', noDataDeadline: '5m' },
        { ...metric, name: 'aborts', noDataDeadline: '10m', noDataAction: 'Abort' },
      ],
    });
    push(cluster, '2');
    cluster.settle();
    const run = runNamed(cluster, '-bg');
    for (let minutes = 0; minutes < 10; minutes++) {
      for (const name of ['pauses', 'aborts']) cluster.measure(run, name, 'NoData');
      wait(cluster, 60);
      if (minutes === 5) {
        expect(stateOf(cluster)).toBe('Paused NoDataDeadline');
        const view = viewRun(cluster.runs.get(run) as ApiObject);
        expect(gateWake(view && readGate(view, cluster.now))).toBe(cluster.now + 240_000);
      }
    }
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Aborted NoDataDeadline', 0]);
    expect(cluster.status['abort'].evidence.metric).toBe('aborts');
  });

  it('that is inconclusive pauses, and promote dismisses it for a fresh one', () => {
    const cluster = watched();
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Inconclusive');
    cluster.settle();
    expect([stateOf(cluster), conditionOf(cluster, 'Reconciling')]).toEqual([
      'Paused InconclusiveAnalysis',
      'True InconclusiveAnalysis',
    ]);
    expect(send(cluster, 'promote')).toBe('promoted');
    expect(cluster.status['analysis'].background).toBe(runNamed(cluster, '-bg-2'));
  });

  it('that is inconclusive at a pause costs a promotion of its own, and no weight is raised without one that measures', () => {
    const cluster = canaryOnTrial({
      analysis: SUCCESS_RATE,
      steps: [{ setCanaryScale: { weight: 100 } }, { setWeight: 20 }, { pause: {} }],
    });
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Successful');
    cluster.settle();
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Inconclusive', true);
    cluster.settle();
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Paused InconclusiveAnalysis', 20]);
    expect(send(cluster, 'promote')).toBe('promoted');
    cluster.settle();
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Progressing GateRunning', 20]);
    cluster.measure(runNamed(cluster, '-bg-2'), 'success', 'Successful');
    cluster.settle();
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Paused PauseStep', 20]);
    expect(send(cluster, 'promote')).toBe('promoted');
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it('whose data deadline passed is dismissed by promote too, though it still runs', () => {
    const cluster = watched({ noDataDeadline: '5m' });
    waitWithoutData(cluster, runNamed(cluster, '-bg'), 301);
    send(cluster, 'promote');
    expect(cluster.status['analysis'].background).toBe(runNamed(cluster, '-bg-2'));
    expect(stateOf(cluster)).not.toBe('Paused NoDataDeadline');
  });

  it('that failed counts, though the status that names it was lost', () => {
    const cluster = watched();
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Failed');
    delete cluster.status['analysis'];
    cluster.pass();
    expect([stateOf(cluster), [...cluster.runs.keys()]]).toEqual([
      'Aborted AnalysisFailed',
      [`shop-${hashOf('2')}-2-1-bg`],
    ]);
  });

  it('never lets a revision be promoted that was not measured once', () => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE, steps: [{ setWeight: 20 }] });
    expect([stateOf(cluster), canaryNow(cluster)]).toEqual(['Progressing GateRunning', '1 pods, 20 %']);
    expect(cluster.status['message']).toContain('waits for a good answer of the background analysis');
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Successful');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Healthy Healthy');
    expect(cluster.status['history'][0].verdicts).toEqual(['success 0.999 (>= 0.95)']);
  });

  it('waits for no metric that is only watched', () => {
    const metric = { interval: '10s', threshold: { min: 0.95 }, provider: { prometheus: { query: 'up' } } };
    const cluster = settledCanary({
      analysis: SUCCESS_RATE,
      steps: [{ setWeight: 20 }, { pause: { duration: 60 } }, { setWeight: 60 }, { pause: {} }],
    });
    cluster.addTemplate('success-rate', {
      metrics: [
        { ...metric, name: 'success' },
        { ...metric, name: 'watched', initialDelay: '1h' },
      ],
      dryRun: [{ metricName: 'watched' }],
    });
    push(cluster, '2');
    cluster.settle();
    wait(cluster, 61);
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Successful');
    cluster.settle();
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Paused PauseStep', 60]);
  });

  it('ends when the trial does', () => {
    const cluster = watched();
    send(cluster, 'abort');
    expect(cluster.runs.get(runNamed(cluster, '-bg'))?.['status'].phase).toBe('Inconclusive');
    expect(cluster.status['analysis']).toBeUndefined();
  });

  it('whose template is missing holds, and says which', () => {
    const cluster = settledCanary({ analysis: SUCCESS_RATE });
    cluster.templates.clear();
    push(cluster, '2');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Progressing TemplateMissing');
    expect(cluster.status['message']).toContain('analysis template success-rate does not exist');
  });

  it('shows its value in the columns while it runs', () => {
    const cluster = watched();
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Successful');
    cluster.settle();
    expect(cluster.status['display'].gate).toBe('success 0.999 (>= 0.95)');
  });
});

describe('an analysis step', () => {
  it('waits for its run, and passes with it', () => {
    const cluster = gated();
    expect([stateOf(cluster), cluster.status['analysis']]).toEqual([
      'Progressing GateRunning',
      { step: runNamed(cluster, '-1-1') },
    ]);
    cluster.measure(runNamed(cluster, '-1-1'), 'success', 'Successful', true);
    cluster.settle();
    expect(cluster.canaryWeight()).toBe(60);
  });

  it('passes though its dry-run metric has not answered yet', () => {
    const metric = { count: 1, threshold: { min: 0.95 }, provider: { prometheus: { query: 'up' } } };
    const cluster = settledCanary({ steps: [{ setWeight: 20 }, { analysis: SUCCESS_RATE }, { setWeight: 60 }] });
    cluster.addTemplate('success-rate', {
      metrics: [
        { ...metric, name: 'success' },
        { ...metric, name: 'watched' },
      ],
      dryRun: [{ metricName: 'watch*' }],
    });
    push(cluster, '2');
    cluster.settle();
    cluster.measure(runNamed(cluster, '-1-1'), 'success', 'Successful', true);
    cluster.settle();
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it('that failed aborts', () => {
    const cluster = gated();
    cluster.measure(runNamed(cluster, '-1-1'), 'success', 'Failed');
    cluster.settle();
    expect([stateOf(cluster), cluster.canaryWeight(), cluster.status['abort'].step]).toEqual([
      'Aborted AnalysisFailed',
      0,
      '2/4 analysis success-rate',
    ]);
  });

  it('that is inconclusive waits for a person, who may promote past it', () => {
    const cluster = gated();
    cluster.measure(runNamed(cluster, '-1-1'), 'success', 'Inconclusive');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Paused InconclusiveAnalysis');
    send(cluster, 'promote');
    expect(cluster.canaryWeight()).toBe(60);
  });

  it('is judged though a promotion takes back what another analysis waits for', () => {
    const cluster = canaryOnTrial({
      analysis: SUCCESS_RATE,
      steps: [{ setWeight: 20 }, { analysis: SUCCESS_RATE }, { setWeight: 60 }, { pause: {} }],
    });
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Inconclusive');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Paused InconclusiveAnalysis');
    expect(send(cluster, 'promote')).toBe('promoted');
    cluster.settle();
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Progressing GateRunning', 20]);
    cluster.measure(runNamed(cluster, '-1-1'), 'success', 'Failed');
    cluster.settle();
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Aborted AnalysisFailed', 0]);
  });

  it('without data holds with its deadline as the next wake-up at the latest', () => {
    const cluster = gated({ noDataDeadline: '5s' });
    for (let i = 0; i < 3; i++) cluster.measure(runNamed(cluster, '-1-1'), 'success', 'NoData');
    cluster.settle();
    expect([stateOf(cluster), cluster.decide().wakeAt]).toEqual(['Progressing NoData', cluster.now + 5000]);
  });
});
