import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { rollingBounds, rollingPlan } from '../../../src/sandbox/workloads/rolling-update.ts';
import { isPodReady } from '../../../src/sandbox/workloads/workload-objects.ts';
import { DEPLOYMENTS, PODS, REPLICA_SETS, SERVICES } from '../../../src/sandbox/workloads/workload-types.ts';
import { eventually } from '../../support/eventually.ts';
import { podTemplate, startCluster } from './sandbox-fixture.ts';

let cluster: Awaited<ReturnType<typeof startCluster>>;
beforeEach(async () => {
  cluster = await startCluster({ drainMs: 400 });
});
afterEach(() => cluster.stop());

describe('EndpointSlices of the sandbox', () => {
  test('a Service gets one slice with its ready pods, which a deletion makes terminating first', async () => {
    await cluster.createReplicaSet('web', 'shop:1.0.0', 2);
    await cluster.createService('web', { app: 'web' });
    const ready = async () => (await cluster.slices())[0]?.endpoints?.filter(one => one.conditions?.ready) ?? [];
    await eventually('2 endpoints are ready', async () => (await ready()).length === 2);
    const [slice] = await cluster.slices();
    expect(slice?.metadata.labels).toMatchObject({
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    });
    expect(slice?.ports).toEqual([{ name: 'web', port: 8080, protocol: 'TCP' }]);
    const victim = slice?.endpoints?.[0]?.targetRef?.name ?? '';
    await cluster.client.delete(PODS, { namespace: 'default', name: victim });
    await eventually('it is terminating', async () => {
      const endpoint = (await cluster.slices())[0]?.endpoints?.find(one => one.targetRef?.name === victim);
      return endpoint?.conditions?.terminating === true && endpoint.conditions.ready === false;
    });
    await eventually('it is gone and replaced', async () => {
      const endpoints = await ready();
      return endpoints.length === 2 && endpoints.every(one => one.targetRef?.name !== victim);
    });
  });

  test('it follows the selector and goes with the Service', async () => {
    await cluster.createReplicaSet('web', 'shop:1.0.0', 1);
    await cluster.createService('web', { app: 'nothing' });
    await eventually('an empty slice', async () => (await cluster.slices()).length === 1);
    const body = { spec: { selector: { app: 'web' } } };
    await cluster.client.patch(SERVICES, { namespace: 'default', name: 'web' }, { kind: 'merge', body });
    await eventually('the pod is in it', async () => (await cluster.slices())[0]?.endpoints?.length === 1);
    await cluster.client.delete(SERVICES, { namespace: 'default', name: 'web' });
    await eventually('the slice is gone', async () => (await cluster.slices()).length === 0);
  });
});

describe('Deployments of the sandbox', () => {
  test('a change of the image rolls over to a second ReplicaSet without too few available pods', async () => {
    const name = { namespace: 'default', name: 'shop' };
    await cluster.client.create(DEPLOYMENTS, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: name,
      spec: { replicas: 4, selector: { matchLabels: { app: 'shop' } }, template: podTemplate('shop', 'shop:1.0.0') },
    });
    const status = async () => (await cluster.client.get(DEPLOYMENTS, name)).status as Record<string, number>;
    await eventually('4 are available', async () => (await status()).availableReplicas === 4);
    const body = { spec: { template: podTemplate('shop', 'shop:2.0.0') } };
    const { generation } = (await cluster.client.patch(DEPLOYMENTS, name, { kind: 'merge', body })).metadata;
    let least = 4;
    await eventually('4 new ones are available and no old one is left', async () => {
      const pods = await cluster.pods();
      least = Math.min(least, pods.filter(isPodReady).length);
      const { updatedReplicas, replicas, availableReplicas, observedGeneration } = await status();
      const counts = [updatedReplicas, replicas, availableReplicas];
      return observedGeneration === generation && counts.every(count => count === 4) && pods.length === 4;
    });
    expect(least).toBeGreaterThanOrEqual(3);
    const images = (await cluster.pods()).map(pod => pod.spec.containers[0]?.image);
    expect(new Set(images)).toEqual(new Set(['shop:2.0.0']));
    expect((await cluster.client.list(REPLICA_SETS)).items).toHaveLength(2);
  });

  test('the numbers of a rolling update are those of Kubernetes', () => {
    expect(rollingBounds(10, '25%', '25%')).toEqual({ replicas: 10, maxSurge: 3, maxUnavailable: 2 });
    expect(rollingBounds(1, 0, '25%')).toEqual({ replicas: 1, maxSurge: 0, maxUnavailable: 1 });
    const bounds = { replicas: 4, maxSurge: 1, maxUnavailable: 1 };
    const set = (name: string, wanted: number, available: number) => ({ name, wanted, available });
    expect(rollingPlan(bounds, set('new', 0, 0), [set('old', 4, 4)])).toEqual({ new: 1, old: 3 });
    expect(rollingPlan(bounds, set('new', 1, 0), [set('old', 3, 3)])).toEqual({ new: 2 });
    expect(rollingPlan(bounds, set('new', 2, 1), [set('old', 3, 3)])).toEqual({ old: 2 });
    expect(rollingPlan(bounds, set('new', 4, 4), [])).toEqual({});
    expect(rollingPlan(bounds, set('new', 1, 0), [set('old', 4, 0)])).toEqual({ old: 3 });
  });
});
