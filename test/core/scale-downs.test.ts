import { describe, expect, it } from 'vitest';
import { toTime } from '../../src/api/time.ts';
import type { SimCluster } from '../support/sim-cluster.ts';
import { canaryOnTrial, hashOf, push, send, settledBlueGreen, wait } from '../support/sim-stories.ts';

const SHORT = { steps: [{ setWeight: 50 }] };

/** What status says will be scaled to 0: the end of a set's name, and when, in seconds from now. */
function planned(cluster: SimCluster): string[] {
  const all = (cluster.status['scaleDowns'] ?? []) as { replicaSet: string; at: string }[];
  return all.map(({ replicaSet, at }) => {
    const tag = ['1', '2', '3'].find(one => replicaSet.endsWith(hashOf(one)));
    return `${tag} in ${(Date.parse(at) - cluster.now) / 1000} s`;
  });
}

describe('sets that carry nobody any more', () => {
  it('leave after the delay that begins when traffic is at rest', () => {
    const cluster = canaryOnTrial(SHORT);
    expect(planned(cluster)).toEqual(['1 in 30 s']);
    wait(cluster, 29);
    expect([planned(cluster), cluster.pods(hashOf('1'))]).toEqual([['1 in 1 s'], 4]);
    wait(cluster, 1);
    expect([cluster.status['scaleDowns'], cluster.pods(hashOf('1'))]).toEqual([undefined, 0]);
  });

  it('are not planned to while the gateway still sends them users', () => {
    const cluster = canaryOnTrial({ steps: [{ setWeight: 50 }, { pause: {} }] });
    cluster.command('promote go');
    for (let i = 0; i < 12; i++) {
      cluster.reactPods();
      cluster.reactEndpoints();
      if (cluster.status['stable'].revision === 1) cluster.reactGateway();
      cluster.pass();
    }
    expect([cluster.status['stable'].revision, planned(cluster)]).toEqual([2, []]);
    cluster.settle();
    expect(planned(cluster)).toEqual(['1 in 30 s']);
  });

  it.each([
    ['promoted', () => canaryOnTrial(SHORT)],
    ['aborted', () => canaryOnTrial({ steps: [{ setWeight: 50 }, { pause: {} }] })],
    ['switched', () => settledBlueGreen()],
  ])('cost one write of their ReplicaSet: %s', (how, start) => {
    const cluster = start();
    if (how === 'aborted') send(cluster, 'abort');
    if (how === 'switched') push(cluster, '2');
    cluster.settle();
    wait(cluster, 31);
    const set = how === 'aborted' ? '2' : '1';
    const targets = cluster.log.flatMap(action =>
      (action.type === 'ScaleReplicaSet' && action.to === 0) || action.type === 'AnnotateReplicaSet'
        ? [action.target.name]
        : [],
    );
    expect(targets).toHaveLength(1);
    expect(targets[0]).toMatch(new RegExp(`${hashOf(set)}$`));
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

  it('do not stay for longer when the plan was made by a clock that was ahead', () => {
    const cluster = canaryOnTrial(SHORT);
    const [plan] = cluster.status['scaleDowns'] as { at: string }[];
    if (plan) plan.at = toTime(cluster.now + 3_600_000);
    cluster.settle();
    expect(planned(cluster)).toEqual(['1 in 30 s']);
  });
});
