import { describe, expect, it } from 'vitest';
import { blueGreenSpec, canarySpec } from '../support/rollout-builder.ts';
import { canaryNow, emptyCluster, hashOf, push, send, stateOf, wait } from '../support/sim-stories.ts';

const first = (canary: Record<string, unknown> = {}) => emptyCluster(canarySpec({ canary }));

/** How often this process has pointed Services at the first revision. */
const pointedOnce = (cluster: ReturnType<typeof first>) =>
  Object.fromEntries([...cluster.services.keys()].map(name => [`${name} ${hashOf('1')}`, 1]));

describe('the first deploy', () => {
  it('creates the ReplicaSet with its pods at once', () => {
    const cluster = first();
    cluster.pass();
    expect(cluster.pods(hashOf('1'))).toBe(4);
    expect(cluster.pass().actions.map(action => action.type)).not.toContain('ScaleReplicaSet');
  });

  it('skips steps and is stable only once all pods are available', () => {
    const cluster = first();
    cluster.behaviour.set(hashOf('1'), { available: 3 });
    cluster.settle();
    expect(stateOf(cluster)).toBe('Progressing FirstDeploy');
    expect(cluster.status['stable']).toBeUndefined();
    cluster.behaviour.clear();
    cluster.settle();
    expect(stateOf(cluster)).toBe('Healthy Healthy');
    expect(cluster.status['stable']).toMatchObject({ revision: 1, podTemplateHash: hashOf('1'), images: ['shop:1'] });
    expect(cluster.status['history']).toMatchObject([{ outcome: 'FirstDeploy', weightReached: 0 }]);
  });

  it.each([
    ['one after the other', 3],
    ['all at once', 0],
  ])('whose pods come %s says in one status that it is stable and at rest', (_how, available) => {
    const cluster = first();
    cluster.behaviour.set(hashOf('1'), { available });
    cluster.settle();
    cluster.behaviour.clear();
    cluster.patience = 100;
    const before = cluster.statusWrites;
    for (let passes = 0; passes < 5; passes++) {
      cluster.react();
      cluster.pass();
    }
    expect([cluster.statusWrites - before, stateOf(cluster)]).toEqual([1, 'Healthy Healthy']);
    expect(cluster.status['history']).toMatchObject([{ outcome: 'FirstDeploy' }]);
  });

  it('is not stable before its Services lead to it', () => {
    const cluster = first();
    cluster.pass();
    cluster.react();
    const types = cluster.pass().actions.map(({ type }) => type);
    expect(types).toEqual(['SelectRevision', 'SelectRevision']);
    expect(cluster.status['stable']).toBeUndefined();
    cluster.pass();
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it.each<[string, (cluster: ReturnType<typeof first>) => void]>([
    ['may not be written', c => c.problems.push({ kind: 'WriteRefused', name: 'stable', message: 'forbidden' })],
    ['are moved back by somebody', c => Object.assign(c.selectorWrites, pointedOnce(c))],
  ])('is stable all the same when its Services %s: what comes next is tried in steps', (_what, happens) => {
    const cluster = first();
    cluster.pass();
    cluster.react();
    happens(cluster);
    expect(cluster.decide().status?.stable).toMatchObject({ revision: 1 });
  });

  // Neither could grow, shrink, nor have users.
  it.each([
    ['canary', () => first()],
    ['blue-green', () => emptyCluster(blueGreenSpec())],
  ])('of a %s that had most of its pods, and users, gives way to the next template', (_strategy, open) => {
    const cluster = open();
    cluster.behaviour.set(hashOf('1'), { available: 3 });
    cluster.settle();
    push(cluster, '2');
    cluster.settle();
    wait(cluster, 31);
    expect(stateOf(cluster)).toBe('Healthy Healthy');
    expect([cluster.pods(hashOf('1')), cluster.pods(hashOf('2'))]).toEqual([0, 4]);
  });

  it('that never becomes available is Degraded and says that there is nothing to return to', () => {
    const cluster = first();
    cluster.behaviour.set(hashOf('1'), { available: 0 });
    cluster.settle();
    wait(cluster, 601);
    expect(stateOf(cluster)).toBe('Degraded ProgressDeadlineExceeded');
    expect(cluster.status['message']).toContain('0 of 4 pods are available; there is no stable revision to return to');
    expect(send(cluster, 'abort')).toBe('refused: there is no stable revision to return to');
    expect(cluster.pods(hashOf('1'))).toBe(4);
  });

  it('that failed is replaced by a second template without steps, and the first one leaves', () => {
    const cluster = first();
    cluster.behaviour.set(hashOf('1'), { available: 0 });
    cluster.settle();
    push(cluster, '2');
    cluster.settle();
    wait(cluster, 31);
    expect(stateOf(cluster)).toBe('Healthy Healthy');
    expect([cluster.pods(hashOf('1')), cluster.pods(hashOf('2'))]).toEqual([0, 4]);
    expect(cluster.status['stable'].revision).toBe(2);
  });

  it('with no replicas declared runs one pod, and with 0 replicas is Healthy at once', () => {
    const one = emptyCluster(canarySpec());
    one.edit(spec => delete spec['replicas']);
    one.settle();
    expect(canaryNow(one, '1')).toBe('1 pods, 0 %');
    const none = emptyCluster(canarySpec({ replicas: 0 }));
    none.settle();
    expect([stateOf(none), none.status['stable']]).toEqual(['Healthy NoReplicas', undefined]);
    none.edit(spec => Object.assign(spec, { replicas: 2 }));
    none.settle();
    expect([stateOf(none), canaryNow(none, '1')]).toEqual(['Healthy Healthy', '2 pods, 0 %']);
  });

  it('points both Services of a blue-green at the new pods', () => {
    const cluster = emptyCluster(blueGreenSpec());
    cluster.settle();
    expect(stateOf(cluster)).toBe('Healthy Healthy');
    for (const name of ['active', 'preview'])
      expect(cluster.services.get(name)?.['spec'].selector['sluice.dev/pod-template-hash']).toBe(hashOf('1'));
  });

  it('has nothing to promote, and a pause command is kept for the next revision', () => {
    const cluster = emptyCluster(canarySpec());
    cluster.behaviour.set(hashOf('1'), { available: 1 });
    expect(send(cluster, 'promote')).toBe('nothing to promote: no revision is on trial');
    expect(send(cluster, 'promote-full')).toBe('nothing to promote: no revision is on trial');
    expect(send(cluster, 'pause')).toBe('paused');
    cluster.behaviour.clear();
    cluster.settle();
    push(cluster, '2');
    cluster.settle();
    expect(stateOf(cluster)).toBe('Paused PausedByCommand');
    expect(canaryNow(cluster)).toBe('0 pods, 0 %');
  });
});
