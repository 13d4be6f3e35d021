import { describe, expect, it } from 'vitest';
import { HASH_LABEL } from '../../src/api/names.ts';
import { toTime } from '../../src/api/time.ts';
import type { SimCluster } from '../support/sim-cluster.ts';
import { canaryOnTrial, hashOf, push, send, settledBlueGreen, wait } from '../support/sim-stories.ts';

const SHORT = { steps: [{ setWeight: 50 }] };
const HELD = { steps: [{ setWeight: 50 }, { pause: {} }] };

function aborted(): SimCluster {
  const cluster = canaryOnTrial(HELD);
  send(cluster, 'abort');
  return cluster;
}

function onNextTrial(): SimCluster {
  const cluster = canaryOnTrial(HELD);
  send(cluster, 'promote');
  push(cluster, '3');
  cluster.settle();
  return cluster;
}

const inAnHour = (now: number) => toTime(now + 3_600_000);

function switched(): SimCluster {
  const cluster = settledBlueGreen();
  push(cluster, '2');
  cluster.settle();
  return cluster;
}

/** What status says will be scaled to 0: the end of a set's name, and when, in seconds from now. */
function planned(cluster: SimCluster): string[] {
  const all = (cluster.status['scaleDowns'] ?? []) as { replicaSet: string; at: string }[];
  return all.map(({ replicaSet, at }) => {
    const tag = ['1', '2', '3'].find(one => replicaSet.endsWith(hashOf(one)));
    return `${tag} in ${(Date.parse(at) - cluster.now) / 1000} s`;
  });
}

describe('sets that carry nobody any more', () => {
  it('leave after the delay that begins when another one takes over', () => {
    const cluster = canaryOnTrial(SHORT);
    expect(planned(cluster)).toEqual(['1 in 30 s']);
    wait(cluster, 29);
    expect([planned(cluster), cluster.pods(hashOf('1'))]).toEqual([['1 in 1 s'], 4]);
    wait(cluster, 1);
    expect([cluster.status['scaleDowns'], cluster.pods(hashOf('1'))]).toEqual([undefined, 0]);
  });

  it('are planned to by the status that tells of the promotion, and by no other', () => {
    const cluster = canaryOnTrial(HELD);
    cluster.command('promote go');
    const seen: string[] = [];
    for (let i = 0; i < 12; i++) {
      cluster.reactPods();
      cluster.reactEndpoints();
      cluster.pass();
      const plan = JSON.stringify(cluster.status['scaleDowns']);
      if (plan !== undefined && !seen.includes(plan)) seen.push(plan);
      if (cluster.status['stable'].revision === 1) {
        expect(plan).toBeUndefined();
        cluster.reactGateway();
      }
    }
    expect([cluster.status['stable'].revision, planned(cluster), seen.length]).toEqual([2, ['1 in 30 s'], 1]);
  });

  it('keep their delay when the next revision comes before the gateway has taken up the promotion', () => {
    const cluster = canaryOnTrial(HELD);
    cluster.command('promote go');
    for (let i = 0; i < 12 && cluster.status['stable'].revision === 1; i++) {
      cluster.react();
      cluster.pass();
    }
    push(cluster, '3');
    cluster.settle();
    expect([cluster.status['stable'].revision, planned(cluster), cluster.pods(hashOf('1'))]).toEqual([
      2,
      ['1 in 30 s'],
      4,
    ]);
    wait(cluster, 30);
    expect(cluster.pods(hashOf('1'))).toBe(0);
  });

  it('keep their delay when Git returns to stable and goes on before the gateway has', () => {
    const cluster = canaryOnTrial(HELD);
    push(cluster, '1');
    cluster.pass();
    push(cluster, '3');
    cluster.settle();
    expect([planned(cluster), cluster.pods(hashOf('2'))]).toEqual([['2 in 30 s'], 2]);
  });

  it('stay whole when the next revision comes before the gateway has taken up an abort', () => {
    const cluster = canaryOnTrial(HELD);
    cluster.command('abort now');
    cluster.pass();
    push(cluster, '3');
    const without = () => {
      for (let i = 0; i < 12; i++) {
        cluster.reactPods();
        cluster.reactEndpoints();
        cluster.pass();
      }
    };
    without();
    expect([cluster.canaryWeight(), cluster.pods(hashOf('2'))]).toEqual([0, 2]);
    cluster.settle();
    expect(cluster.pods(hashOf('2'))).toBe(0);
  });

  it('stay while the gateway has not taken up that Git returned to stable, however long', () => {
    const cluster = canaryOnTrial(HELD);
    cluster.gatewayAway = true;
    push(cluster, '1');
    cluster.settle();
    wait(cluster, 120);
    expect([cluster.canaryWeight(), cluster.pods(hashOf('2'))]).toEqual([0, 2]);
    cluster.gatewayAway = false;
    cluster.settle();
    expect([cluster.status['phase'], cluster.pods(hashOf('2'))]).toEqual(['Healthy', 0]);
  });

  it('keep the delay of their promotion when the next revision is aborted', () => {
    const cluster = canaryOnTrial({ ...HELD, canary: { scaleDownDelaySeconds: 300 } });
    send(cluster, 'promote');
    push(cluster, '3');
    cluster.settle();
    send(cluster, 'abort');
    expect(planned(cluster)).toEqual(['3 in 30 s', '1 in 300 s']);
  });

  it('stay when abortScaleDownDelaySeconds 0 is declared in the delay', () => {
    const cluster = canaryOnTrial({ ...HELD, canary: { abortScaleDownDelaySeconds: 10 } });
    send(cluster, 'abort');
    expect(planned(cluster)).toEqual(['2 in 10 s']);
    cluster.rollout.spec.strategy.canary.abortScaleDownDelaySeconds = 0;
    wait(cluster, 60);
    expect([cluster.status['scaleDowns'], cluster.pods(hashOf('2'))]).toEqual([undefined, 2]);
  });

  it('come in the order in which they leave, however they are seen', () => {
    const cluster = canaryOnTrial(HELD);
    send(cluster, 'promote');
    cluster.advance(5_000);
    push(cluster, '3');
    cluster.settle();
    send(cluster, 'abort');
    const before = planned(cluster);
    for (const [name, set] of [...cluster.replicaSets].reverse()) {
      cluster.replicaSets.delete(name);
      cluster.replicaSets.set(name, set);
    }
    const { status } = cluster.decide();
    expect([before, status?.scaleDowns]).toEqual([['1 in 25 s', '3 in 30 s'], cluster.status['scaleDowns']]);
  });

  it.each([
    ['promoted', '1', () => canaryOnTrial(SHORT)],
    ['aborted', '2', aborted],
    ['switched', '1', switched],
  ])('cost one write of their ReplicaSet: %s', (_, set, start) => {
    const cluster = start();
    wait(cluster, 31);
    const targets = cluster.log.flatMap(action =>
      (action.type === 'ScaleReplicaSet' && action.to === 0) || action.type === 'AnnotateReplicaSet'
        ? [action.target.name]
        : [],
    );
    expect(targets).toHaveLength(1);
    expect(targets[0]).toMatch(new RegExp(`${hashOf(set)}$`));
  });

  it.each([
    ['promoted', '1', 'stable', () => canaryOnTrial(SHORT)],
    ['switched', '1', 'preview', switched],
    ['aborted', '2', 'canary', aborted],
  ])('leave whole when an old list still has a Service point at them: %s', (_, tag, service, start) => {
    const cluster = start();
    cluster.services.get(service)!['spec'].selector[HASH_LABEL] = hashOf(tag);
    const refs = cluster.routes.get('shop')?.['spec'].rules[0].backendRefs ?? [];
    if (service === 'stable') [refs[0].weight, refs[1].weight] = [0, 100];
    wait(cluster, 30);
    const steps = cluster.log.flatMap(action =>
      action.type === 'ScaleReplicaSet' && action.target.name.endsWith(hashOf(tag)) && action.to < action.from
        ? [action.to]
        : [],
    );
    expect([steps, cluster.pods(hashOf(tag)), cluster.status['scaleDowns']]).toEqual([[0], 0, undefined]);
  });

  it('stay when they are wanted again, and have their whole delay the next time', () => {
    const cluster = canaryOnTrial(SHORT);
    wait(cluster, 20);
    push(cluster, '1');
    cluster.settle();
    expect([cluster.status['stable'].revision, planned(cluster)]).toEqual([3, ['2 in 30 s']]);
    push(cluster, '2');
    cluster.settle();
    expect([cluster.status['stable'].revision, planned(cluster)]).toEqual([4, ['1 in 30 s']]);
  });

  it.each([
    ['at rest', () => canaryOnTrial(SHORT), inAnHour],
    ['in the trial of the next one', onNextTrial, inAnHour],
    // In UTC its year has five digits, which no API server takes: nothing of the trial would be stored any more.
    ['in a trial, at the end of time', onNextTrial, () => '9999-12-31T23:59:59-01:00'],
  ])('do not stay for longer when the plan was made by a clock that was ahead: %s', (_, start, at) => {
    const cluster = start();
    const [plan] = cluster.status['scaleDowns'] as { at: string }[];
    if (plan) plan.at = at(cluster.now);
    cluster.settle();
    expect(planned(cluster)).toEqual(['1 in 30 s']);
  });
});
