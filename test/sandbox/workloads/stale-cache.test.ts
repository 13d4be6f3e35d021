import { expect, test } from 'vitest';
import { KubeClient } from '../../../src/kube/client.ts';
import { staticClusterConfig } from '../../../src/kube/config.ts';
import { ObjectStore } from '../../../src/kube/store.ts';
import { Transport } from '../../../src/kube/transport.ts';
import { EmbeddedApiServer } from '../../../src/sandbox/apiserver/embedded-api-server.ts';
import {
  PODS_BY_NAMESPACE,
  PODS_BY_OWNER,
  ReplicaSetController,
} from '../../../src/sandbox/workloads/replica-set-controller.ts';
import { controllerUid } from '../../../src/sandbox/workloads/workload-objects.ts';
import { PODS, REPLICA_SETS } from '../../../src/sandbox/workloads/workload-types.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { podTemplate, seeded } from './sandbox-fixture.ts';

test('a pod cache that never hears of the pods does not make a ReplicaSet create them twice', async () => {
  const server = await EmbeddedApiServer.start();
  const transport = new Transport({ config: staticClusterConfig({ server: server.url }) });
  const client = new KubeClient({ transport, fieldManager: 'test' });
  const clock = new FakeClock();
  const pods = new ObjectStore({
    indexers: {
      [PODS_BY_OWNER]: pod => [controllerUid(pod, 'ReplicaSet') ?? ''],
      [PODS_BY_NAMESPACE]: pod => [pod.metadata.namespace ?? ''],
    },
  });
  const replicaSets = new ObjectStore();
  const controller = new ReplicaSetController({ client, pods, replicaSets, clock, random: seeded(3), log: () => {} });
  try {
    const created = await client.create(REPLICA_SETS, {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: 'web', namespace: 'default' },
      spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template: podTemplate('web', 'shop:1') },
    });
    const stale = created.metadata.resourceVersion;
    await pods.replace([], stale, pods.openJournal());
    await replicaSets.replace([created], stale, replicaSets.openJournal());
    controller.start();
    const count = async () => (await client.list(PODS)).items.length;
    await eventually('3 pods', async () => (await count()) === 3);
    // Beyond the time after which the cache is no longer waited for.
    for (let second = 0; second < 20; second += 1) {
      await clock.advance(1000);
      const body = { metadata: { annotations: { touched: String(second) } } };
      const touched = await client.patch(REPLICA_SETS, created.metadata, { kind: 'merge', body });
      replicaSets.applyEvent('MODIFIED', touched);
    }
    await new Promise(resolve => setTimeout(resolve, 50));
    expect(await count()).toBe(3);
  } finally {
    await controller.stop();
    transport.close();
    await server.stop();
  }
});
