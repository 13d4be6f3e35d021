import { describe, expect, it } from 'vitest';
import type { SimCluster } from '../support/sim-cluster.ts';
import {
  canaryNow,
  canaryOnTrial,
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

const GONE = { templates: [{ templateName: 'gone' }] };
const LATER = { templates: [{ templateName: 'later' }] };
const METRICS = {
  metrics: [{ name: 'm', count: 1, threshold: { min: 1 }, provider: { prometheus: { query: 'up' } } }],
};
const start = (cluster: SimCluster) => {
  push(cluster, '2');
  cluster.settle();
  return cluster;
};

describe('before any traffic moves, every analysis of the trial must be buildable', () => {
  it.each([
    ['a background analysis', { analysis: GONE }],
    ['an analysis that starts at a later step', { analysis: { ...GONE, startingStep: 2 } }],
    ['the analysis of a later step', { steps: [{ setWeight: 20 }, { pause: {} }, { analysis: GONE }] }],
  ])('%s whose template does not exist holds the canary at 0', (_what, options) => {
    const cluster = start(settledCanary(options));
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Progressing TemplateMissing', 0]);
    expect(cluster.status['message']).toContain(
      'analysis template gone does not exist; create it or change the reference',
    );
  });

  it('a template that cannot be read holds it too', () => {
    const cluster = settledCanary({ analysis: LATER });
    cluster.addTemplate('later', { metrics: [{ name: 'm' }] });
    start(cluster);
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Progressing TemplateInvalid', 0]);
  });

  it('it goes on as soon as the template is there', () => {
    const cluster = settledCanary({ analysis: LATER });
    start(cluster);
    cluster.addTemplate('later', METRICS);
    cluster.settle();
    expect(canaryNow(cluster)).toBe('1 pods, 20 %');
  });

  it('blue-green does not switch either', () => {
    const cluster = start(settledBlueGreen({ postPromotionAnalysis: GONE }));
    expect([
      stateOf(cluster),
      cluster.services.get('active')?.['spec'].selector['sluice.dev/pod-template-hash'],
    ]).toEqual(['Progressing TemplateMissing', hashOf('1')]);
  });

  it('promote-full goes without analysis, and so without its templates', () => {
    const cluster = start(settledCanary({ analysis: GONE }));
    send(cluster, 'promote-full');
    expect(cluster.status['stable'].podTemplateHash).toBe(hashOf('2'));
  });
});

describe('what is missing ends with the progress deadline', () => {
  it('Degraded and told while no user is behind the revision: it is not to blame', () => {
    const cluster = settledCanary({ analysis: GONE, spec: { progressDeadlineSeconds: 100 } });
    start(cluster);
    wait(cluster, 99);
    expect(stateOf(cluster)).toBe('Progressing TemplateMissing');
    cluster.advance(1000);
    const { facts } = cluster.pass();
    expect(facts.map(fact => [fact.reason, fact.notice])).toEqual([['ProgressDeadlineExceeded', 'Degraded']]);
    expect(stateOf(cluster)).toBe('Degraded ProgressDeadlineExceeded');
    expect(cluster.status['quarantine']).toBeUndefined();
    cluster.addTemplate('gone', METRICS);
    cluster.settle();
    expect(canaryNow(cluster)).toBe('1 pods, 20 %');
  });

  it('aborted when users are: a canary that can no longer be judged is not left with them', () => {
    const cluster = canaryOnTrial({
      steps: [{ setWeight: 20 }, { pause: {} }, { analysis: LATER }],
      spec: { progressDeadlineSeconds: 100 },
      analysis: undefined,
    });
    expect(stateOf(cluster)).toBe('Progressing TemplateMissing');
    cluster.addTemplate('later', METRICS);
    cluster.settle();
    expect(canaryNow(cluster)).toBe('1 pods, 20 %');
    cluster.templates.delete('later');
    cluster.settle();
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Progressing TemplateMissing', 20]);
    wait(cluster, 100);
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Aborted ProgressDeadlineExceeded', 0]);
    expect(cluster.status['abort'].message).toContain('analysis template later does not exist');
  });

  it('and a template that vanishes while its run measures changes nothing: the run has its own copy', () => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE });
    const run = runNamed(cluster, '-bg');
    cluster.templates.delete('success-rate');
    cluster.settle();
    cluster.measure(run, 'success', 'Failed');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Aborted AnalysisFailed');
  });
});
