import { describe, expect, it } from 'vitest';
import { KINDS } from '../../src/api/kinds.ts';
import type { Fact } from '../../src/core/decision.ts';
import { alertsOf } from '../../src/notifiers/alertmanager.ts';
import { canarySpec } from '../support/rollout-builder.ts';
import type { SimCluster } from '../support/sim-cluster.ts';
import {
  canaryOnTrial,
  conditionOf,
  emptyCluster,
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

function subscribe(cluster: SimCluster, name: string, spec: object = {}): void {
  cluster.notifiers.push({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'Notifier',
    metadata: { name, namespace: 'demo' },
    spec: { webhook: { url: 'https://hooks.example/x' }, ...spec },
  });
}

const ALL = ['Aborted', 'Promoted', 'Paused', 'Recovered', 'Started', 'Invalid', 'Degraded', 'StableLost'];
const events = (cluster: SimCluster) =>
  ((cluster.status['notices'] ?? []) as { event: string }[]).map(notice => notice.event);

/** Facts of every pass until the world is at rest; each pass is decided twice, as after a lost write. */
function factsUntilRest(cluster: SimCluster): Fact[] {
  const facts: Fact[] = [];
  for (let i = 0; i < 60; i++) {
    const before = cluster.fingerprint();
    cluster.react();
    facts.push(...cluster.pass().facts);
    cluster.react();
    if (cluster.fingerprint() === before) return facts;
  }
  throw new Error('no rest');
}
const reasons = (facts: readonly Fact[]) => facts.map(fact => fact.reason);

describe('facts', () => {
  it('tell a delivery once each, in order', () => {
    const cluster = settledCanary({ steps: [{ setWeight: 20 }, { pause: {} }] });
    push(cluster, '2');
    expect(reasons(factsUntilRest(cluster))).toEqual(['RevisionDetected', 'StepCompleted', 'Paused']);
    cluster.command('promote it');
    const facts = factsUntilRest(cluster);
    expect(reasons(facts)).toEqual(['Resumed', 'WeightChanged', 'Promoted']);
    expect(facts.find(f => f.reason === 'Promoted')?.note).toBe('revision 2 is stable (shop:2)');
    expect(factsUntilRest(cluster)).toEqual([]);
  });

  it('tell an abort once each, in order', () => {
    const cluster = canaryOnTrial();
    cluster.command('abort it');
    const facts = factsUntilRest(cluster);
    expect(facts.map(f => [f.reason, f.warning])).toEqual([
      ['Aborted', true],
      ['Quarantined', true],
      ['Reverted', false],
    ]);
    expect(facts[0]?.note).toBe('revision 2 aborted at step 2/4 pause until promoted, weight 20: aborted by command');
    expect(facts.at(-1)?.note).toBe('all traffic is back on revision 1, away from 2');
  });

  describe('of pods that somebody else asked for or took away, in the middle of a canary', () => {
    const pausedAt40 = () => {
      const cluster = settledCanary({ steps: [{ setWeight: 40 }, { pause: {} }] });
      push(cluster, '2');
      factsUntilRest(cluster);
      return cluster;
    };

    const setOf = (cluster: SimCluster, image: string) =>
      [...cluster.replicaSets.values()].find(({ metadata }) => metadata.name.endsWith(hashOf(image)))!;

    it.each([
      ['more of the canary', '2', 5, 2],
      ['fewer of the canary', '2', 1, 2],
      ['fewer of stable', '1', 1, 4],
      ['more of stable', '1', 9, 4],
    ])('are told once: %s', (_what, image, asked, right) => {
      const cluster = pausedAt40();
      const set = setOf(cluster, image);
      set['spec'] = { ...set['spec'], replicas: asked };
      const { name } = set.metadata;
      expect(factsUntilRest(cluster).map(({ reason, note }) => [reason, note])).toEqual([
        ['ReplicaSetScaled', `ReplicaSet ${name}: ${asked} -> ${right} pods, since somebody else had scaled it`],
      ]);
      expect(set['spec'].replicas).toBe(right);
      expect(factsUntilRest(cluster)).toEqual([]);
    });

    it('are told once when the whole ReplicaSet was deleted', () => {
      const cluster = pausedAt40();
      const { name } = setOf(cluster, '2').metadata;
      cluster.replicaSets.delete(name);
      const told = factsUntilRest(cluster).filter(({ reason }) => reason === 'ReplicaSetScaled');
      expect(told.map(({ note }) => note)).toEqual([`ReplicaSet ${name} was deleted; it is made again`]);
    });

    it('are not told of a ReplicaSet that was made before anybody wrote down what was asked for', () => {
      const cluster = pausedAt40();
      const set = setOf(cluster, '2');
      set.metadata = { ...set.metadata, annotations: { 'sluice.dev/revision': '2' } };
      set['spec'] = { ...set['spec'], replicas: 4 };
      expect(factsUntilRest(cluster)).toEqual([]);
      expect(set['spec'].replicas).toBe(2);
    });
  });

  it('name the commit a revision came from', () => {
    const cluster = emptyCluster(canarySpec());
    cluster.source = { provider: 'Flux', revision: 'main@sha1:abc' };
    expect(cluster.pass().facts[0]?.note).toBe('revision 1 (shop:1) from main@sha1:abc');
  });
});

describe('alerts', () => {
  it('go to every subscriber of the event, for all Rollouts or for this one', () => {
    const cluster = canaryOnTrial();
    subscribe(cluster, 'default');
    subscribe(cluster, 'promotions', { events: ['Promoted'] });
    subscribe(cluster, 'ours', { rollouts: ['shop'] });
    subscribe(cluster, 'theirs', { rollouts: ['cart'] });
    send(cluster, 'abort');
    expect(cluster.status['notices']).toMatchObject([{ event: 'Aborted', pending: ['demo/default', 'demo/ours'] }]);
  });

  it('are owed until each subscriber has them, and then forgotten', () => {
    const cluster = canaryOnTrial();
    subscribe(cluster, 'a');
    subscribe(cluster, 'b');
    send(cluster, 'abort');
    const [{ id }] = cluster.status['notices'];
    cluster.delivered.push(`${id}|demo/a`);
    cluster.settle();
    wait(cluster, 3600);
    expect(cluster.status['notices']).toMatchObject([{ id, pending: ['demo/b'] }]);
    cluster.delivered.push(`${id}|demo/b`);
    cluster.settle();
    expect(cluster.status['notices']).toBeUndefined();
  });

  it('are owed to a Notifier that cannot be read, as to one that names neither events nor Rollouts', () => {
    const cluster = canaryOnTrial();
    subscribe(cluster, 'torn', { events: 7 });
    subscribe(cluster, 'aborts', { events: ['Aborted'] });
    send(cluster, 'abort');
    expect(cluster.status['notices']).toMatchObject([{ event: 'Aborted', pending: ['demo/torn', 'demo/aborts'] }]);
  });

  it('are not owed to a Notifier that is gone', () => {
    const cluster = canaryOnTrial();
    subscribe(cluster, 'a');
    send(cluster, 'abort');
    cluster.notifiers.length = 0;
    cluster.settle();
    expect(cluster.status['notices']).toBeUndefined();
  });

  it('of an abort say everything that a person on call asks', () => {
    const cluster = settledCanary({ analysis: SUCCESS_RATE });
    cluster.source = { provider: 'Flux', repository: 'https://git/shop', revision: 'main@sha1:abc', path: 'apps/shop' };
    subscribe(cluster, 'ops');
    push(cluster, '2');
    cluster.settle();
    const run = runNamed(cluster, '-bg');
    cluster.measure(run, 'success', 'Failed');
    cluster.settle();
    const content = cluster.status['notices'].at(-1).content;
    expect(content).toMatchObject({
      namespace: 'demo',
      rollout: 'shop',
      event: 'Aborted',
      severity: 'critical',
      cause: 'AnalysisFailed',
      summary:
        'revision 2 aborted at step 2/4 pause until promoted, weight 20: success 0.5 (wanted: >= 0.95); 1 failed, 0 allowed',
      metric: 'success',
      measured: '0.5',
      threshold: '>= 0.95',
      query: 'up',
      analysisRun: run,
      failures: 1,
      failuresAllowed: 0,
      step: '2/4 pause until promoted',
      weight: 20,
      revision: 2,
      images: ['shop:2'],
      repository: 'https://git/shop',
      commit: 'main@sha1:abc',
      path: 'apps/shop',
      serving: 'revision 1 (shop:1), 4/4 pods ready',
    });
    expect(content.next).toContain(
      'kubectl -n demo annotate --overwrite rollouts.sluice.dev shop sluice.dev/command="retry $(date +%s)"',
    );
  });

  it('are one for each transition of a whole story', () => {
    const cluster = settledCanary({ steps: [{ setWeight: 20 }, { pause: {} }] });
    subscribe(cluster, 'all', { events: ALL });
    push(cluster, '2');
    cluster.settle();
    send(cluster, 'abort');
    push(cluster, '1');
    cluster.settle();
    cluster.replicaSets.delete(`shop-${hashOf('1')}`);
    cluster.settle();
    push(cluster, '3');
    cluster.settle();
    send(cluster, 'promote');
    const strategy = structuredClone(cluster.rollout['spec'].strategy);
    cluster.edit(spec => Object.assign(spec, { strategy: {} }));
    cluster.settle();
    cluster.edit(spec => Object.assign(spec, { strategy }));
    cluster.settle();
    expect(events(cluster)).toEqual([
      'Started',
      'Paused',
      'Aborted',
      'Started',
      'Recovered',
      'StableLost',
      'Recovered',
      'Started',
      'Paused',
      'Promoted',
      'Invalid',
      'Recovered',
    ]);
    for (const { content } of cluster.status['notices']) expect(content.next.length).toBeGreaterThan(5);
  });

  it('tell a recovery though the way back to health leads over other phases', () => {
    const cluster = settledCanary();
    const told: string[] = [];
    const go = () => {
      for (let times = 0; times < 4; times++) {
        cluster.react();
        told.push(...cluster.pass().facts.flatMap(({ notice }) => notice ?? []));
      }
    };
    cluster.behaviour.set(hashOf('1'), { available: 1 });
    go();
    cluster.advance(700_000);
    go();
    cluster.behaviour.set(hashOf('1'), { available: 3 });
    go();
    expect(cluster.status['troubledSince']).toBeDefined();
    cluster.behaviour.clear();
    go();
    expect([stateOf(cluster), told]).toEqual(['Healthy Healthy', ['Degraded', 'Recovered']]);
    expect(cluster.status['troubledSince']).toBeUndefined();
  });

  it('of an Alertmanager are all ended once the Rollout is healthy, whatever events it asked for', () => {
    const cluster = settledCanary({ steps: [{ setWeight: 20 }, { pause: {} }] });
    subscribe(cluster, 'pager', { webhook: undefined, alertmanager: { url: 'http://alerts' } });
    const firing = () => {
      const open = new Set<string>();
      for (const notice of cluster.status['notices'] ?? [])
        for (const { endsAt, labels } of alertsOf(notice, { url: '' }, cluster.now))
          open[Date.parse(endsAt) > cluster.now ? 'add' : 'delete'](labels['alertname'] ?? '');
      return [...open];
    };
    push(cluster, '2');
    cluster.settle();
    expect(firing()).toEqual(['SluiceRolloutPaused']);
    send(cluster, 'abort');
    expect(firing()).toEqual(['SluiceRolloutAborted']);
    push(cluster, '3');
    cluster.settle();
    expect(firing()).toEqual(['SluiceRolloutAborted', 'SluiceRolloutPaused']);
    send(cluster, 'promote');
    wait(cluster, 60);
    expect([stateOf(cluster), firing()]).toEqual(['Healthy Healthy', []]);
    push(cluster, '4');
    cluster.settle();
    push(cluster, '3');
    cluster.settle();
    expect([stateOf(cluster), firing()]).toEqual(['Healthy Healthy', []]);
  });

  it('are kept to the last twenty', () => {
    const cluster = settledCanary();
    subscribe(cluster, 'all', { events: ['Started'] });
    for (let tag = 100; tag < 125; tag++) {
      push(cluster, String(tag));
      cluster.settle();
    }
    expect(events(cluster)).toHaveLength(20);
  });
});

describe('conditions, as the table of the contract has them', () => {
  const paused = () => canaryOnTrial();
  const progressing = () => canaryOnTrial({ steps: [{ setWeight: 20 }, { pause: { duration: '1h' } }] });
  const aborted = () => {
    const cluster = canaryOnTrial();
    send(cluster, 'abort');
    return cluster;
  };
  const invalid = () => {
    const cluster = settledCanary();
    cluster.edit(spec => delete spec['strategy']);
    cluster.settle();
    return cluster;
  };
  const degraded = () => {
    const cluster = settledCanary({ spec: { progressDeadlineAbort: false } });
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    push(cluster, '2');
    cluster.settle();
    wait(cluster, 601);
    return cluster;
  };
  const firstDeploy = () => {
    const cluster = emptyCluster(canarySpec());
    cluster.pass();
    return cluster;
  };
  const inconclusive = () => {
    const cluster = canaryOnTrial({ analysis: SUCCESS_RATE });
    cluster.measure(runNamed(cluster, '-bg'), 'success', 'Inconclusive');
    cluster.settle();
    return cluster;
  };

  it.each([
    ['first deploy', firstDeploy, 'Progressing', 'Unknown FirstDeploy', 'True FirstDeploy', undefined],
    ['stepping', progressing, 'Progressing', 'Unknown PauseStep', 'True PauseStep', undefined],
    ['waiting for a person', paused, 'Paused', 'Unknown PauseStep', 'True PauseStep', undefined],
    [
      'inconclusive analysis',
      inconclusive,
      'Paused',
      'Unknown InconclusiveAnalysis',
      'True InconclusiveAnalysis',
      undefined,
    ],
    ['fully promoted', settledCanary, 'Healthy', 'True Healthy', undefined, undefined],
    ['blue-green at rest', settledBlueGreen, 'Healthy', 'True Healthy', undefined, undefined],
    ['aborted', aborted, 'Aborted', 'False AbortedByCommand', undefined, 'True AbortedByCommand'],
    ['invalid', invalid, 'Invalid', 'False InvalidSpec', undefined, 'True InvalidSpec'],
    [
      'deadline over',
      degraded,
      'Degraded',
      'False ProgressDeadlineExceeded',
      undefined,
      'True ProgressDeadlineExceeded',
    ],
  ] as const)('%s', (_, story, phase, ready, reconciling, stalled) => {
    const cluster = story();
    expect([
      cluster.status['phase'],
      conditionOf(cluster, 'Ready'),
      conditionOf(cluster, 'Reconciling'),
      conditionOf(cluster, 'Stalled'),
    ]).toEqual([phase, ready, reconciling, stalled]);
    for (const condition of cluster.status['conditions']) {
      if (['Ready', 'Reconciling', 'Stalled'].includes(condition.type))
        expect(condition.observedGeneration).toBe(cluster.rollout.metadata.generation);
      expect(condition.message).not.toMatch(/\d{4}-\d\d-\d\dT/);
    }
  });

  it('Serving stays True after an abort, Aborted and Paused say what they are', () => {
    const cluster = aborted();
    expect(['Serving', 'Aborted', 'Paused', 'Progressing'].map(type => conditionOf(cluster, type))).toEqual([
      'True StableServes',
      'True AbortedByCommand',
      'False AbortedByCommand',
      'False AbortedByCommand',
    ]);
    expect(cluster.status['conditions'].find((c: { type: string }) => c.type === 'Serving').message).toBe(
      'revision 1, 4/4 pods ready',
    );
  });

  it('keep the time of their last transition while only their text changes', () => {
    const cluster = progressing();
    const at = () =>
      cluster.status['conditions'].find((c: { type: string }) => c.type === 'Reconciling').lastTransitionTime;
    const before = at();
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    wait(cluster, 60);
    expect([stateOf(cluster), at()]).toEqual(['Progressing WaitingForPods', before]);
  });
});

describe('the columns of kubectl get', () => {
  it('are filled from status.display, whose every field is a column', () => {
    const cluster = canaryOnTrial();
    expect(cluster.status['display']).toEqual({
      step: '2/4',
      weight: '20%',
      stable: '1',
      canary: '2',
      reason: 'PauseStep',
      next: 'promote, or abort',
      ready: '5/4',
    });
    const paths = KINDS.find(k => k.kind === 'Rollout')?.columns.map(c => c.jsonPath) ?? [];
    for (const field of Object.keys(cluster.status['display'])) expect(paths).toContain(`.status.display.${field}`);
  });

  it('show when a timed pause goes on, and counts for the scale subresource', () => {
    const cluster = canaryOnTrial({ steps: [{ setWeight: 20 }, { pause: { duration: '1h' } }] });
    expect(cluster.status['display'].next).toBe(`continues at ${cluster.status['pause'].until}`);
    expect(cluster.status).toMatchObject({
      replicas: 5,
      updatedReplicas: 1,
      readyReplicas: 5,
      availableReplicas: 5,
      selector: 'app=shop',
    });
  });
});
