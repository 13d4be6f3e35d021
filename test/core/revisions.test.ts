import { describe, expect, it } from 'vitest';
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
} from '../support/sim-stories.ts';

const promoteAll = (cluster: ReturnType<typeof settledCanary>) => {
  for (let i = 0; i < 5 && stateOf(cluster) !== 'Healthy Healthy'; i++) {
    if (cluster.status['pause']) send(cluster, 'promote');
    wait(cluster, 31);
  }
  expect(stateOf(cluster)).toBe('Healthy Healthy');
};
const deliver = (cluster: ReturnType<typeof settledCanary>, tag: string) => {
  push(cluster, tag);
  cluster.settle();
  promoteAll(cluster);
};
const outcomes = (cluster: ReturnType<typeof settledCanary>) =>
  (cluster.status['history'] as { outcome: string; revision: number }[]).map(h => `${h.revision} ${h.outcome}`);

describe('a template that failed', () => {
  it('is in quarantine: when Git brings it back after something else it is not tried again', () => {
    const cluster = canaryOnTrial();
    send(cluster, 'abort');
    push(cluster, '1');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Healthy Healthy');
    push(cluster, '2');
    cluster.settle();
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Aborted Quarantined', 0]);
    expect(cluster.status['message']).toContain('this pod template failed before');
    wait(cluster, 60);
    expect(cluster.pods(hashOf('2'))).toBe(0);
  });

  it.each(['retry', 'release-quarantine'])('leaves the quarantine by %s, and that is told', verb => {
    const cluster = canaryOnTrial();
    send(cluster, 'abort');
    push(cluster, '1');
    cluster.settle();
    push(cluster, '2');
    cluster.settle();
    cluster.command(`${verb} go`);
    const { facts } = cluster.pass();
    cluster.settle();
    expect([stateOf(cluster), facts.map(f => f.reason)]).toEqual([
      'Paused PauseStep',
      expect.arrayContaining(['RetryRequested']),
    ]);
  });

  it('has nothing to release when it is not held', () => {
    expect(send(canaryOnTrial(), 'release-quarantine')).toBe('nothing to release: the revision is not in quarantine');
  });

  it('is left behind by a fix with another hash', () => {
    const cluster = canaryOnTrial();
    send(cluster, 'abort');
    push(cluster, '3');
    cluster.settle();
    expect([stateOf(cluster), cluster.status['canary'].revision, cluster.status['quarantine'].length]).toEqual([
      'Paused PauseStep',
      3,
      1,
    ]);
  });

  it('ends the trial of another revision when Git goes back to it, so that this one starts over later', () => {
    const cluster = canaryOnTrial();
    send(cluster, 'abort');
    push(cluster, '3');
    cluster.settle();
    send(cluster, 'promote');
    expect(cluster.canaryWeight()).toBe(60);
    push(cluster, '2');
    cluster.settle();
    expect([stateOf(cluster), cluster.canaryWeight(), cluster.status['canary'], cluster.status['pause']]).toEqual([
      'Aborted Quarantined',
      0,
      undefined,
      undefined,
    ]);
    expect(outcomes(cluster)).toEqual(['3 Superseded', '2 Aborted', '1 FirstDeploy']);
    push(cluster, '3');
    cluster.settle();
    expect([stateOf(cluster), canaryNow(cluster, '3')]).toEqual(['Paused PauseStep', '1 pods, 20 %']);
  });

  it('leaves the quarantine alone: others stay in', () => {
    const cluster = canaryOnTrial();
    send(cluster, 'abort');
    push(cluster, '3');
    cluster.settle();
    send(cluster, 'abort');
    send(cluster, 'retry');
    expect(cluster.status['quarantine']).toMatchObject([{ podTemplateHash: hashOf('2') }]);
  });

  it('gets no pods and no ReplicaSet while it is held', () => {
    const cluster = canaryOnTrial();
    send(cluster, 'abort');
    push(cluster, '1');
    cluster.settle();
    cluster.replicaSets.delete(`shop-${hashOf('2')}`);
    push(cluster, '2');
    cluster.settle();
    expect([stateOf(cluster), cluster.replicaSets.size]).toEqual(['Aborted Quarantined', 1]);
  });

  it('keeps at most twenty entries in quarantine', () => {
    const cluster = settledCanary();
    for (let tag = 100; tag < 123; tag++) {
      push(cluster, String(tag));
      cluster.settle();
      send(cluster, 'abort');
    }
    expect([cluster.status['quarantine'].length, cluster.status['history'].length]).toEqual([20, 10]);
  });
});

describe('a change of mind in Git', () => {
  it('back to stable in the middle of a trial returns at once and is Healthy, without analysis', () => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE });
    push(cluster, '1');
    const [first] = cluster.pass().actions;
    expect(first).toMatchObject({ type: 'PatchRoute', canaryWeight: 0 });
    cluster.settle();
    expect([stateOf(cluster), cluster.status['canary'], cluster.status['stable'].revision]).toEqual([
      'Healthy Healthy',
      undefined,
      1,
    ]);
    expect(outcomes(cluster)).toEqual(['2 ReturnedToStable', '1 FirstDeploy']);
    wait(cluster, 31);
    expect(cluster.pods(hashOf('2'))).toBe(0);
  });

  it('to a third revision takes the weight to 0 before the canary Service changes, and drains the second', () => {
    const cluster = canaryOnTrial();
    cluster.log.length = 0;
    push(cluster, '3');
    cluster.settle();
    const story = cluster.log.flatMap<string | number>(a =>
      a.type === 'PatchRoute' ? [a.canaryWeight] : a.type === 'SelectRevision' ? [a.podTemplateHash ?? 'none'] : [],
    );
    expect(story).toEqual([0, hashOf('3'), 20]);
    expect([cluster.pods(hashOf('2')), canaryNow(cluster, '3'), cluster.status['step'].index]).toEqual([
      0,
      '1 pods, 20 %',
      1,
    ]);
    expect(outcomes(cluster)[0]).toBe('2 Superseded');
    send(cluster, 'abort');
    expect([cluster.status['stable'].revision, cluster.canaryWeight()]).toEqual([1, 0]);
  });

  it('of the steps alone restarts at step 0, and never gives more than the new step says', () => {
    const cluster = canaryOnTrial();
    send(cluster, 'promote');
    cluster.edit(spec => {
      (spec['strategy'].canary as { steps: unknown }).steps = [{ setWeight: 30 }, { pause: {} }];
    });
    cluster.settle();
    expect([cluster.status['step'].index, cluster.canaryWeight()]).toEqual([1, 30]);
  });

  it('of replicas keeps weights and ratio and disturbs nothing else', () => {
    const cluster = canaryOnTrial({ replicas: 10, analysis: SUCCESS_RATE });
    const before = { step: cluster.status['step'], run: runNamed(cluster, '-bg') };
    cluster.edit(spec => Object.assign(spec, { replicas: 20 }));
    cluster.settle();
    expect([canaryNow(cluster), cluster.pods(hashOf('1'))]).toEqual(['4 pods, 20 %', 20]);
    expect({ step: cluster.status['step'], run: cluster.status['analysis'].background }).toEqual(before);
  });

  it('to no replicas lets every pod go and comes back on the declared revision', () => {
    const cluster = settledCanary();
    cluster.edit(spec => Object.assign(spec, { replicas: 0 }));
    cluster.settle();
    expect([cluster.pods(hashOf('1')), stateOf(cluster)]).toEqual([0, 'Healthy Healthy']);
    cluster.edit(spec => Object.assign(spec, { replicas: 3 }));
    cluster.settle();
    expect([cluster.pods(hashOf('1')), stateOf(cluster)]).toEqual([3, 'Healthy Healthy']);
  });
});

describe('going back to an older verified revision', () => {
  const third = (rollbackWindow?: object) => {
    const cluster = settledCanary(rollbackWindow ? { spec: { rollbackWindow } } : {});
    deliver(cluster, '2');
    deliver(cluster, '3');
    push(cluster, '1');
    cluster.settle();
    return cluster;
  };

  it('inside the rollback window skips steps and analysis, under a new number', () => {
    const cluster = third();
    expect([stateOf(cluster), cluster.status['stable'].revision, outcomes(cluster)[0]]).toEqual([
      'Healthy Healthy',
      4,
      '4 FastPromoted',
    ]);
    const [set] = [...cluster.replicaSets.values()].filter(s => s.metadata.name.endsWith(hashOf('1')));
    expect(set?.metadata.annotations?.['sluice.dev/revision']).toBe('4');
  });

  it.each([[{ revisions: 1 }], [{ revisions: 0 }]])('outside of it (%j) takes all steps', window => {
    expect(stateOf(third(window))).toBe('Paused PauseStep');
  });

  it('counts only revisions that were verified', () => {
    const cluster = settledCanary({ spec: { rollbackWindow: { revisions: 1 } } });
    push(cluster, '9');
    cluster.settle();
    deliver(cluster, '2');
    push(cluster, '9');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Paused PauseStep');
    push(cluster, '1');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it('can be aborted as long as it is not done', () => {
    const cluster = settledCanary();
    deliver(cluster, '2');
    cluster.behaviour.set(hashOf('1'), { available: 1 });
    push(cluster, '1');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Progressing WaitingForPods');
    send(cluster, 'abort');
    expect([stateOf(cluster), cluster.status['stable'].podTemplateHash]).toEqual([
      'Aborted AbortedByCommand',
      hashOf('2'),
    ]);
  });
});

describe('where a revision came from', () => {
  it('is attributed to the commit that changed the template, not to later ones', () => {
    const cluster = settledCanary();
    cluster.source = { provider: 'Flux', repository: 'https://git/shop', revision: 'main@sha1:aaa' };
    push(cluster, '2');
    cluster.settle();
    cluster.source = { provider: 'Flux', repository: 'https://git/shop', revision: 'main@sha1:bbb' };
    cluster.settle();
    expect([cluster.status['desired'].source.revision, cluster.status['display'].git]).toEqual([
      'main@sha1:aaa',
      'main@sha1:aaa',
    ]);
    send(cluster, 'abort');
    expect(cluster.status['quarantine'][0].source.revision).toBe('main@sha1:aaa');
  });

  it('is filled in when the first look knew nothing', () => {
    const cluster = settledCanary();
    cluster.source = { provider: 'None' };
    push(cluster, '2');
    cluster.settle();
    cluster.source = { provider: 'GitSync', revision: 'main@sha1:ccc' };
    cluster.settle();
    expect(cluster.status['canary'].source.revision).toBe('main@sha1:ccc');
  });
});

describe('the number of a revision whose first status was lost', () => {
  it.each([1, 2])('is the one that its ReplicaSet carries, after a crash behind write %i', writes => {
    const cluster = settledCanary();
    push(cluster, '2');
    cluster.pass(writes);
    expect(cluster.status['desired'].revision).toBe(1);
    cluster.settle();
    const [set] = [...cluster.replicaSets.values()].filter(s => s.metadata.name.endsWith(hashOf('2')));
    expect([cluster.status['desired'].revision, set?.metadata.annotations?.['sluice.dev/revision']]).toEqual([2, '2']);
  });
});
