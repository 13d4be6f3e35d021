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
  settledCanary,
  stateOf,
  wait,
  waitWithoutData,
} from '../support/sim-stories.ts';

const OTHER = { templates: [{ templateName: 'latency' }] };

describe('a gate is about the revision and the steps of now', () => {
  it('a revision that supersedes another gets an analysis that names its own ReplicaSet', () => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE });
    push(cluster, '3');
    for (let i = 0; i < 30; i++) {
      cluster.pass();
      cluster.react();
    }
    const runs = [...cluster.runs.values()].filter(run => run.metadata.name.includes(hashOf('3')));
    expect(runs).toHaveLength(1);
    const args = runs[0]?.['spec'].args as { name: string; value?: string }[];
    expect(args.find(arg => arg.name === 'canary-replicaset')?.value).toBe(`shop-${hashOf('3')}`);
  });

  it('steps that are edited in the middle of a trial are measured anew, also where the numbers are the same', () => {
    const cluster = settledCanary({ steps: [{ setWeight: 20 }, { analysis: SUCCESS_RATE }, { pause: {} }] });
    cluster.addTemplate('latency', {
      metrics: [{ name: 'latency', count: 1, threshold: { max: 1 }, provider: { prometheus: { query: 'up' } } }],
    });
    push(cluster, '2');
    cluster.settle();
    cluster.measure(runNamed(cluster, '-1'), 'success', 'Successful', true);
    cluster.settle();
    expect(stateOf(cluster)).toBe('Paused PauseStep');
    cluster.edit(spec => {
      spec['strategy'].canary.steps = [{ setWeight: 20 }, { analysis: OTHER }, { setWeight: 90 }, { pause: {} }];
    });
    cluster.settle();
    expect([stateOf(cluster), canaryNow(cluster)]).toEqual(['Progressing GateRunning', '1 pods, 20 %']);
    expect(cluster.status['attempt']).toBe(2);
  });

  it('the weight rises only when the background analysis has passed at the weight of now', () => {
    const steps = [{ setWeight: 20 }, { pause: { duration: '5s' } }, { setWeight: 60 }, { pause: {} }];
    const cluster = canaryOnTrial({ steps, analysis: SUCCESS_RATE });
    const run = runNamed(cluster, '-bg');
    wait(cluster, 6);
    expect([canaryNow(cluster).split(', ')[1], stateOf(cluster)]).toEqual(['20 %', 'Progressing GateRunning']);
    cluster.measure(run, 'success', 'Successful');
    cluster.settle();
    expect([cluster.canaryWeight(), stateOf(cluster)]).toEqual([60, 'Paused PauseStep']);
  });

  it('data that comes back after its deadline leaves the decision to the person who was asked', () => {
    const metric = { noDataDeadline: '60s', noDataAction: 'Pause' };
    const cluster = canaryOnTrial(
      { analysis: SUCCESS_RATE, steps: [{ setWeight: 20 }, { setWeight: 60 }, { pause: {} }] },
      metric,
    );
    const run = runNamed(cluster, '-bg');
    cluster.measure(run, 'success', 'NoData');
    cluster.settle();
    wait(cluster, 61);
    expect(stateOf(cluster)).toBe('Paused NoDataDeadline');
    cluster.measure(run, 'success', 'Successful');
    cluster.settle();
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Paused NoDataDeadline', 20]);
    expect(send(cluster, 'promote')).toBe('promoted');
    expect(cluster.canaryWeight()).toBe(60);
  });
});

describe('data that does not come while a person is waited for', () => {
  const steps = [{ setWeight: 20 }, { pause: {} }, { setWeight: 60 }, { pause: {} }];
  const overdue = () => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE, steps }, { noDataDeadline: '60s', noDataAction: 'Pause' });
    const run = runNamed(cluster, '-bg');
    cluster.measure(run, 'success', 'Successful');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Paused PauseStep');
    for (let i = 0; i < 3; i++) cluster.measure(run, 'success', 'NoData');
    cluster.settle();
    cluster.advance(61_000);
    const { facts } = cluster.pass();
    cluster.settle();
    return { cluster, told: facts.map(({ reason }) => reason) };
  };

  it('is told when its deadline is over: it is another question than the one that was asked', () => {
    const { cluster, told } = overdue();
    expect([told.filter(reason => reason === 'Paused').length, stateOf(cluster)]).toEqual([1, 'Paused NoDataDeadline']);
  });

  it('names only ways out that are open', () => {
    const { cluster } = overdue();
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Successful');
    cluster.settle();
    expect(cluster.status['message']).toMatch(/there was no data until the deadline; promote or abort$/);
  });

  it('stays the question when data comes back, and the route was away meanwhile', () => {
    const { cluster } = overdue();
    const routes = new Map(cluster.routes);
    cluster.routes.clear();
    cluster.settle();
    for (const [name, route] of routes) cluster.routes.set(name, route);
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Successful');
    cluster.settle();
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Paused NoDataDeadline', 20]);
  });
});

describe('a promotion past missing data', () => {
  const noData = (cluster: SimCluster, run: string) => waitWithoutData(cluster, run, 61);
  const DEADLINE = { noDataDeadline: '60s', noDataAction: 'Pause' };
  /** A canary whose background analysis has data again, after its deadline. */
  const hasDataAgain = (steps: Record<string, unknown>[]) => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE, steps }, DEADLINE);
    const run = runNamed(cluster, '-bg');
    noData(cluster, run);
    cluster.measure(run, 'success', 'Successful');
    cluster.settle();
    return { cluster, run };
  };

  it('does not promote past the pause as well', () => {
    const steps = [{ setWeight: 20 }, { pause: {} }, { setWeight: 60 }, { pause: {} }];
    const { cluster } = hasDataAgain(steps);
    expect(stateOf(cluster)).toBe('Paused NoDataDeadline');
    expect(send(cluster, 'promote')).toBe('promoted');
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Paused PauseStep', 20]);
    expect(send(cluster, 'promote')).toBe('promoted');
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Paused PauseStep', 60]);
  });

  it('nor past the next one, where the analysis has passed meanwhile', () => {
    const steps = [{ setWeight: 20 }, { analysis: SUCCESS_RATE }, { pause: {} }, { setWeight: 60 }, { pause: {} }];
    const cluster = canaryOnTrial({ steps }, DEADLINE);
    const run = runNamed(cluster, '-1-1');
    noData(cluster, run);
    cluster.measure(run, 'success', 'Successful', true);
    cluster.settle();
    expect(stateOf(cluster)).toBe('Paused NoDataDeadline');
    send(cluster, 'promote');
    expect([stateOf(cluster), cluster.status['step'].index, cluster.canaryWeight()]).toEqual([
      'Paused PauseStep',
      2,
      20,
    ]);
  });

  it('passes the analysis that has none', () => {
    const steps = [{ setWeight: 20 }, { analysis: SUCCESS_RATE }, { pause: {} }];
    const cluster = canaryOnTrial({ steps }, DEADLINE);
    noData(cluster, runNamed(cluster, '-1-1'));
    expect(stateOf(cluster)).toBe('Paused NoDataDeadline');
    send(cluster, 'promote');
    expect([stateOf(cluster), cluster.status['step'].index]).toEqual(['Paused PauseStep', 2]);
  });

  it('is carried out though data had come back and is away again', () => {
    const steps = [{ setWeight: 20 }, { pause: {} }, { setWeight: 60 }, { pause: {} }];
    const { cluster, run } = hasDataAgain(steps);
    for (let times = 0; times < 3; times++) cluster.measure(run, 'success', 'NoData');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Paused NoDataDeadline');
    expect(send(cluster, 'promote')).toBe('promoted');
    expect([cluster.status['analysis'].background, cluster.canaryWeight()]).toEqual([runNamed(cluster, '-bg-2'), 20]);
  });

  it('is not asked for by other gates that Git declares meanwhile', () => {
    const steps = [{ setWeight: 20 }, { pause: {} }];
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE, steps }, DEADLINE);
    noData(cluster, runNamed(cluster, '-bg'));
    expect(stateOf(cluster)).toBe('Paused NoDataDeadline');
    cluster.edit(spec => {
      spec['strategy'].canary.steps = [{ setWeight: 20 }, { setWeight: 60 }, { pause: {} }];
    });
    cluster.settle();
    expect(stateOf(cluster)).toBe('Progressing GateRunning');
  });
});

describe('the first answers of a run', () => {
  it('that are empty hold it without a word: new pods have to be scraped first', () => {
    const cluster = canaryOnTrial({
      analysis: SUCCESS_RATE,
      steps: [{ setWeight: 20 }, { pause: { duration: '1h' } }],
    });
    const run = runNamed(cluster, '-bg');
    cluster.measure(run, 'success', 'NoData');
    expect(cluster.pass().facts).toEqual([]);
    expect(stateOf(cluster)).toBe('Progressing GateRunning');
    cluster.measure(run, 'success', 'NoData');
    cluster.measure(run, 'success', 'NoData');
    expect(cluster.pass().facts.map(fact => fact.reason)).toEqual(['NoData']);
  });
});

describe('a command means what its sender saw', () => {
  it('promote and promote-full of one revision do not pass gates of the next', () => {
    const cluster = canaryOnTrial({ steps: [{ pause: {} }, { setWeight: 50 }, { pause: {} }] });
    cluster.command('promote p');
    push(cluster, '3');
    cluster.settle();
    expect(cluster.status['lastCommand'].outcome).toBe(
      'refused: Git declares another revision by now; look at it and send a new command',
    );
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Paused PauseStep', 0]);
  });

  it('with the id of another verb is a new command', () => {
    const cluster = canaryOnTrial();
    cluster.command('pause 17');
    cluster.settle();
    cluster.command('abort 17');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Aborted AbortedByCommand');
  });

  it('retry with the id of the abort before it is told as a retry', () => {
    const cluster = canaryOnTrial();
    cluster.command('abort 17');
    cluster.settle();
    cluster.command('retry 17');
    expect(cluster.pass().facts.map(fact => fact.reason)).toContain('RetryRequested');
  });

  it('promote-full of a paused rollout is refused with what to do', () => {
    const cluster = canaryOnTrial();
    send(cluster, 'pause');
    expect(send(cluster, 'promote-full')).toBe('refused: the rollout is paused by command; send resume');
    expect(cluster.canaryWeight()).toBe(20);
  });

  it.each(['Failed', 'Error'] as const)('promote-full does not hide a verdict that came first (%s)', verdict => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE });
    cluster.measure(runNamed(cluster, '-bg'), 'success', verdict);
    expect(send(cluster, 'promote-full')).toBe(
      'refused: an analysis of this revision has failed; send retry to try it again',
    );
    expect([cluster.status['phase'], cluster.canaryWeight()]).toEqual(['Aborted', 0]);
  });

  it('promote-full is carried out after a failure past which a person had promoted', () => {
    const steps = [{ setWeight: 20 }, { analysis: SUCCESS_RATE }, { pause: {} }];
    const cluster = canaryOnTrial({ steps }, { noDataDeadline: '60s' });
    const run = runNamed(cluster, '-1-1');
    waitWithoutData(cluster, run, 61);
    send(cluster, 'promote');
    Object.assign(cluster.runs.get(run)?.['status'] ?? {}, { phase: 'Failed' });
    send(cluster, 'promote-full');
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it('promote-full is carried out after a retry, whatever failed before', () => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE });
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Failed');
    cluster.settle();
    send(cluster, 'retry');
    send(cluster, 'promote-full');
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it('that cannot be read is told once', () => {
    const cluster = canaryOnTrial();
    cluster.command('promot p');
    const { facts } = cluster.pass();
    expect(facts.map(fact => [fact.reason, fact.warning])).toEqual([['CommandIgnored', true]]);
    expect(facts[0]?.note).toContain('unknown verb "promot"');
    expect(cluster.pass().facts).toEqual([]);
  });

  it('is answered although the spec cannot be read', () => {
    const cluster = canaryOnTrial();
    cluster.edit(spec => Object.assign(spec, { replicas: 'many' }));
    send(cluster, 'abort');
    expect(cluster.status).toMatchObject({
      phase: 'Invalid',
      lastCommand: { verb: 'abort', outcome: expect.stringContaining('refused: spec cannot be read') },
    });
  });
});

describe('what is stored', () => {
  it('stable is not forgotten when one of its fields cannot be read', () => {
    const cluster = canaryOnTrial();
    const { status } = cluster;
    status['stable'] = { ...status['stable'], images: 7, verifiedAt: 12 };
    cluster.settle();
    expect(cluster.status['stable'].podTemplateHash).toBe(hashOf('1'));
    expect(stateOf(cluster)).toBe('Paused PauseStep');
  });

  it('an abort names the commit that declared the revision', () => {
    const cluster = settledCanary();
    cluster.source = { provider: 'GitSync', revision: 'main@sha1:abc' };
    push(cluster, '2');
    cluster.settle();
    send(cluster, 'abort');
    expect(cluster.status['abort'].source.revision).toBe('main@sha1:abc');
  });

  it('a quarantined revision that comes back is not blamed for what another one did', () => {
    const cluster = canaryOnTrial();
    send(cluster, 'abort');
    push(cluster, '3');
    cluster.settle();
    send(cluster, 'abort');
    push(cluster, '2');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Aborted Quarantined');
  });
});
