import { expect, it } from 'vitest';
import type { SimCluster } from '../support/sim-cluster.ts';
import { canaryOnTrial, hashOf, wait } from '../support/sim-stories.ts';

const setOf = (cluster: SimCluster, image: string) =>
  [...cluster.replicaSets.values()].find(({ metadata }) => metadata.name.endsWith(hashOf(image)))!;

/** Somebody else writes the pod template of a set, as the cache shows it. */
function writeTemplate(cluster: SimCluster, image: string): void {
  const set = setOf(cluster, image);
  set.metadata = { ...set.metadata, managedFields: [{ manager: 'kubectl-set' }] };
}

const restored = (cluster: SimCluster) =>
  cluster.log.flatMap(action => (action.type === 'RestoreTemplate' ? [action.target.name] : []));

it.each([['1'], ['2']])('a pod template that somebody else wrote is set back and told once: shop:%s', image => {
  const cluster = canaryOnTrial();
  writeTemplate(cluster, image);
  const { facts, actions } = cluster.pass();
  const { name } = setOf(cluster, image).metadata;
  expect(actions).toMatchObject([{ type: 'RestoreTemplate', revisionName: name, by: 'kubectl-set' }]);
  expect(facts.map(({ reason, warning }) => [reason, warning])).toEqual([['AutomationConflict', true]]);
  expect(facts[0]?.note).toContain(`ReplicaSet ${name} was written by kubectl-set`);
  cluster.settle();
  expect(restored(cluster)).toEqual([name]);
});

it('comes before more pods of it', () => {
  const cluster = canaryOnTrial();
  const set = setOf(cluster, '1');
  set['spec'] = { ...set['spec'], replicas: 1 };
  writeTemplate(cluster, '1');
  expect(cluster.pass().actions.map(({ type }) => type)).toEqual(['RestoreTemplate']);
  cluster.settle();
  expect(set['spec'].replicas).toBeGreaterThan(1);
});

it('is set back once a minute at most, however often it is written', () => {
  const cluster = canaryOnTrial();
  for (let times = 0; times < 5; times++) {
    writeTemplate(cluster, '1');
    cluster.settle();
  }
  expect(restored(cluster)).toHaveLength(1);
  wait(cluster, 61);
  expect(restored(cluster)).toHaveLength(2);
});

it('is left where its ControllerRevision is gone: nobody knows what was declared', () => {
  const cluster = canaryOnTrial();
  cluster.revisions.clear();
  writeTemplate(cluster, '1');
  cluster.settle();
  expect(restored(cluster)).toEqual([]);
});
