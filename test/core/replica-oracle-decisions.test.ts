import { describe, expect, it } from 'vitest';
import { HASH_LABEL } from '../../src/api/names.ts';
import type { PodCount } from '../../src/core/pod-count.ts';
import { canarySpec } from '../support/rollout-builder.ts';
import type { SimCluster } from '../support/sim-cluster.ts';
import { emptyCluster, hashOf, push, settledBlueGreen, settledCanary } from '../support/sim-stories.ts';
import { expectAsOracle } from './replica-oracle-differences.ts';
import { type OracleRow, rowsOfKind } from './replica-oracle-rows.ts';

/** Most that a route's weights may sum to; rows with more are scaled to it. */
const LARGEST_WEIGHT = 1_000_000;

/** Sets a ReplicaSet of a tag to exactly these pods, whatever a controller would make of it. */
function setPods(cluster: SimCluster, tag: string, pods: PodCount & { statusReplicas?: number }): void {
  const set = [...cluster.replicaSets.values()].find(one => one.metadata.labels?.[HASH_LABEL] === hashOf(tag));
  if (!set) throw new Error(`no ReplicaSet of tag ${tag}`);
  set['spec'] = { ...set['spec'], replicas: pods.spec };
  set['status'] = {
    replicas: pods.statusReplicas ?? pods.spec,
    readyReplicas: pods.available,
    availableReplicas: pods.available,
  };
  cluster.touch(set);
  cluster.reactEndpoints();
}

/** Tag 2 is declared and its ReplicaSet is there, without pods. */
function onTrialWithoutPods(cluster: SimCluster): SimCluster {
  push(cluster, '2');
  for (let i = 0; i < 5 && cluster.replicaSets.size < 2; i++) cluster.pass();
  return cluster;
}

/** Whether the step that the trial began with is passed by the next decision. */
const passesStep = (cluster: SimCluster) => (cluster.decide().status?.step?.index ?? 0) > 0;

/** An abort in the middle of a dynamic canary, as its first pass leaves the route. */
function weightAfterAbort(row: OracleRow): SimCluster {
  const weights = row.stepWeights ?? [];
  const cluster = settledCanary({
    replicas: row.replicas,
    steps: [...weights.map(setWeight => ({ setWeight })), { pause: {} }],
    canary: { dynamicStableScale: true, abortScaleDownDelaySeconds: row.abortScaleDownDelaySeconds ?? 30 },
  });
  push(cluster, '2');
  cluster.settle();
  expect(cluster.canaryWeight()).toBe(weights.at(-1));
  setPods(cluster, '1', row.stable ?? { spec: 0, available: 0 });
  setPods(cluster, '2', row.canary ?? { spec: 0, available: 0 });
  cluster.command('abort a-1');
  cluster.pass();
  return cluster;
}

describe('decisions equal the oracle', () => {
  it.each(rowsOfKind('abortWeight'))('%s', (_, row) => {
    const cluster = weightAfterAbort(row);
    expect(cluster.status['phase']).toBe('Aborted');
    expectAsOracle(row, { canaryWeight: cluster.canaryWeight() });
    cluster.settle();
    expect(cluster.canaryWeight()).toBe(0);
  });

  it.each(rowsOfKind('progressThreshold'))('%s', (_, row) => {
    const steps = [{ setCanaryScale: { replicas: row.desired } }, { pause: {} }];
    const cluster = onTrialWithoutPods(settledCanary({ replicas: 10, steps }));
    setPods(cluster, '2', { spec: row.canary?.spec ?? row.desired, available: row.canary?.available ?? 0 });
    expectAsOracle(row, { met: passesStep(cluster) });
  });

  it.each(rowsOfKind('progressThreshold').filter(([, row]) => row.threshold))(
    'a threshold is refused, not ignored: %s',
    (_, row) => {
      const cluster = emptyCluster(canarySpec({ canary: { replicaProgressThreshold: row.threshold } }));
      const { status, actions } = cluster.decide();
      expect(status?.phase).toBe('Invalid');
      expect(JSON.stringify(status?.conditions)).toContain('replicaProgressThreshold');
      expect(actions).toEqual([]);
    },
  );

  it.each(rowsOfKind('availabilityGate'))('%s', (_, row) => {
    const max = Math.min(row.maxWeight, LARGEST_WEIGHT);
    const setWeight = (row.setWeight * max) / row.maxWeight;
    const cluster = settledCanary({
      replicas: row.replicas,
      steps: [{ setWeight }, { pause: {} }],
      canary: { trafficRouting: { gatewayAPI: { httpRoute: 'shop' }, maxTrafficWeight: max } },
    });
    onTrialWithoutPods(cluster);
    setPods(cluster, '2', { spec: 1, available: 1 });
    // The canary Service follows its first ready pod; only then does the weight depend on their number alone.
    for (let i = 0; i < 4; i++) cluster.pass();
    expect(cluster.services.get('canary')?.['spec'].selector[HASH_LABEL]).toBe(hashOf('2'));
    const route = cluster.routes.get('shop');
    Object.assign(route?.['spec'].rules[0].backendRefs[0], { weight: max });
    Object.assign(route?.['spec'].rules[0].backendRefs[1], { weight: 0 });
    cluster.reactGateway();
    setPods(cluster, '2', row.replicaSet ?? { spec: 0, available: 0 });
    const written = cluster.decide().actions.flatMap(a => (a.type === 'PatchRoute' ? [a.canaryWeight] : []));
    expect(written).toEqual(row.expected['allowed'] ? [setWeight] : []);
  });

  const atDesired = (row: OracleRow) => {
    const canary = { maxSurge: row.maxSurge, maxUnavailable: row.maxUnavailable };
    const steps = [{ setWeight: row.setWeight }, { pause: {} }];
    const cluster = onTrialWithoutPods(settledCanary({ replicas: row.replicas, router: false, steps, canary }));
    setPods(cluster, '1', row.stable ?? { spec: 0, available: 0 });
    setPods(cluster, '2', row.canary ?? { spec: 0, available: 0 });
    expectAsOracle(row, { atDesired: passesStep(cluster) });
  };
  it.each(rowsOfKind('atDesired'))('%s', (_, row) => atDesired(row));

  it.each(rowsOfKind('blueGreenPreview'))('%s', (_, row) => {
    const cluster = settledBlueGreen(
      { previewReplicaCount: row.previewReplicaCount, autoPromotionEnabled: false },
      { replicas: row.replicas },
    );
    push(cluster, '2');
    cluster.settle();
    cluster.behaviour.set(hashOf('2'), { available: row.replicas - 1 });
    cluster.command('promote p-1');
    cluster.settle();
    // The revision that the status is about is past the point where its preview is scaled up.
    expect(cluster.status['step'].index >= 3).toBe(row.scaleUpPreviewCheckPoint);
    expect(cluster.pods(hashOf('2'))).toBe(row.replicas);
    push(cluster, '3');
    cluster.settle();
    expectAsOracle(row, { newReplicaSet: cluster.pods(hashOf('3')) });
  });
});
