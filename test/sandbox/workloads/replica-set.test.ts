import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isPodReady } from '../../../src/sandbox/workloads/workload-objects.ts';
import { PODS, REPLICA_SETS } from '../../../src/sandbox/workloads/workload-types.ts';
import { eventually } from '../../support/eventually.ts';
import { podTemplate, startCluster } from './sandbox-fixture.ts';

let cluster: Awaited<ReturnType<typeof startCluster>>;
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.stop());

const readyReplicas = async (name: string) => (await cluster.replicaSet(name)).status?.readyReplicas ?? 0;

describe('ReplicaSets of the sandbox', () => {
  test('pods come, are counted, and never more than asked for', async () => {
    let most = 0;
    await cluster.createReplicaSet('web', 'shop:1.0.0', 5);
    await eventually('5 pods are ready', async () => {
      most = Math.max(most, (await cluster.pods()).length);
      return (await readyReplicas('web')) === 5;
    });
    expect(most).toBe(5);
    const set = await cluster.replicaSet('web');
    expect(set.status).toMatchObject({ replicas: 5, availableReplicas: 5, fullyLabeledReplicas: 5 });
    expect(set.status?.observedGeneration).toBe(set.metadata.generation);
    const [pod] = await cluster.pods();
    expect(pod?.metadata.ownerReferences).toMatchObject([{ kind: 'ReplicaSet', name: 'web', controller: true }]);
    expect(pod?.status).toMatchObject({ phase: 'Running', containerStatuses: [{ ready: true, restartCount: 0 }] });
    expect(cluster.log).toEqual([]);
  });

  test('a burst of scale changes ends at the last one, without extra pods', async () => {
    await cluster.createReplicaSet('web', 'shop:1.0.0', 1);
    for (const replicas of [4, 2, 6, 3]) await cluster.scale('web', replicas);
    const settled = async () => {
      const pods = await cluster.pods();
      return pods.length === 3 && pods.every(isPodReady) && (await readyReplicas('web')) === 3;
    };
    await eventually('3 pods are ready', settled);
  });

  test('a scale-down takes the pods that are not ready first', async () => {
    const set = await cluster.createReplicaSet('web', 'shop:1.0.0', 2);
    await eventually('2 pods are ready', async () => (await readyReplicas('web')) === 2);
    const body = { spec: { template: podTemplate('web', 'shop:1.0.1-neverready'), replicas: 4 } };
    await cluster.client.patch(REPLICA_SETS, set.metadata, { kind: 'merge', body });
    await eventually('4 pods run', async () => (await cluster.pods()).filter(pod => pod.status?.podIP).length === 4);
    await cluster.scale('web', 2);
    await eventually('2 pods are left', async () => (await cluster.pods()).length === 2);
    const images = (await cluster.pods()).map(pod => pod.spec.containers[0]?.image);
    expect(images).toEqual(['shop:1.0.0', 'shop:1.0.0']);
  });

  test('pods become available only after minReadySeconds', async () => {
    await cluster.createReplicaSet('web', 'shop:1.0.0', 1, { minReadySeconds: 2 });
    let wasReadyOnly = false;
    await eventually('it is available', async () => {
      const { readyReplicas = 0, availableReplicas = 0 } = (await cluster.replicaSet('web')).status ?? {};
      if (readyReplicas === 1 && availableReplicas === 0) wasReadyOnly = true;
      return availableReplicas === 1;
    });
    expect(wasReadyOnly).toBe(true);
  });

  test('a pod that is deleted is replaced, and its own goes after NotReady', async () => {
    await cluster.createReplicaSet('web', 'shop:1.0.0', 1);
    await eventually('it is ready', async () => (await readyReplicas('web')) === 1);
    const [first] = await cluster.pods();
    if (!first) throw new Error('no pod');
    await cluster.client.delete(PODS, first.metadata);
    await eventually('another one is ready', async () => {
      const pods = await cluster.pods();
      return pods.length === 1 && pods[0]?.metadata.uid !== first.metadata.uid && (await readyReplicas('web')) === 1;
    });
    expect(cluster.network.resolve(first.status?.podIP ?? '')).toBeUndefined();
  });

  test('an orphan that the selector matches is adopted, a pod that lost its label is released', async () => {
    const template = podTemplate('web', 'shop:1.0.0');
    const orphan = { apiVersion: 'v1', kind: 'Pod', ...template };
    await cluster.client.create(PODS, {
      ...orphan,
      metadata: { name: 'lone', namespace: 'default', labels: { app: 'web' } },
    });
    await cluster.createReplicaSet('web', 'shop:1.0.0', 1);
    await eventually('the orphan is the one pod', async () => (await readyReplicas('web')) === 1);
    expect((await cluster.pods()).map(pod => pod.metadata.name)).toEqual(['lone']);
    const relabel = { kind: 'merge', body: { metadata: { labels: { app: 'other' } } } } as const;
    await cluster.client.patch(PODS, { namespace: 'default', name: 'lone' }, relabel);
    await eventually('a new pod takes its place', async () => (await cluster.pods('web')).length === 1);
    const lone = (await cluster.pods('other'))[0];
    expect(lone?.metadata.ownerReferences ?? []).toEqual([]);
  });
});

describe('Pods of the sandbox', () => {
  test('a crashing container restarts over and over and is never ready', async () => {
    await cluster.createReplicaSet('web', 'shop:1.0.0-crash', 1);
    const restarts = async () => (await cluster.pods())[0]?.status?.containerStatuses?.[0]?.restartCount ?? 0;
    await eventually('3 restarts', async () => (await restarts()) >= 3);
    const [pod] = await cluster.pods();
    expect(pod?.status?.containerStatuses).toMatchObject([
      { ready: false, state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: { exitCode: 1 } } },
    ]);
    expect(await readyReplicas('web')).toBe(0);
  });

  test.each([
    ['shop:1.0.0-pullfail', 'ImagePullBackOff'],
    ['shop:1.0.0-err500', 'InvalidImageName'],
  ])('%s waits with %s', async (image, reason) => {
    await cluster.createReplicaSet('web', image, 1);
    await eventually(reason, async () => {
      const state = (await cluster.pods())[0]?.status?.containerStatuses?.[0]?.state;
      return JSON.stringify(state ?? {}).includes(reason);
    });
    expect((await cluster.pods())[0]?.status?.phase).toBe('Pending');
  });

  test('they answer over HTTP as their tag says and count what they did', async () => {
    await cluster.createReplicaSet('web', 'shop:1.0.0-err25', 1);
    await eventually('it is ready', async () => (await readyReplicas('web')) === 1);
    const place = cluster.network.resolve((await cluster.pods())[0]?.status?.podIP ?? '');
    const url = `http://${place?.host}:${place?.port}`;
    const codes: number[] = [];
    for (let n = 0; n < 8; n += 1) codes.push((await fetch(`${url}/any`)).status);
    expect(codes.filter(code => code === 500)).toHaveLength(2);
    const answer = await fetch(`${url}/any`);
    expect(answer.headers.get('x-sluice-image')).toBe('shop:1.0.0-err25');
    expect(await answer.json()).toMatchObject({ version: '1.0.0', namespace: 'default' });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('http_requests_total{code="200",method="GET"} 7');
    expect(metrics).toContain('http_requests_total{code="500",method="GET"} 2');
    expect(metrics).toContain('http_request_duration_seconds_count 9');
  });
});
