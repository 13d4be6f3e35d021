import { KubeClient } from '../../../src/kube/client.ts';
import { staticClusterConfig } from '../../../src/kube/config.ts';
import { Transport } from '../../../src/kube/transport.ts';
import { EmbeddedApiServer } from '../../../src/sandbox/apiserver/embedded-api-server.ts';
import { PodNetwork } from '../../../src/sandbox/workloads/pod-network.ts';
import type { PodTimings } from '../../../src/sandbox/workloads/pod-runtime.ts';
import { WorkloadControllers } from '../../../src/sandbox/workloads/workload-controllers.ts';
import type { EndpointSlice, Pod, ReplicaSet } from '../../../src/sandbox/workloads/workload-objects.ts';
import { ENDPOINT_SLICES, PODS, REPLICA_SETS, SERVICES } from '../../../src/sandbox/workloads/workload-types.ts';

/** Numbers in [0, 1) that are the same at every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** An API server with workload controllers and short waits. */
export async function startCluster(timings: Partial<PodTimings> = {}) {
  const server = await EmbeddedApiServer.start();
  const config = staticClusterConfig({ server: server.url });
  const transport = new Transport({ config });
  const client = new KubeClient({ transport, fieldManager: 'test' });
  const network = new PodNetwork();
  const log: string[] = [];
  const short = { startDelayMs: 10, drainMs: 50, crashBackoffMs: 20, maxCrashBackoffMs: 100, ...timings };
  const workloads = new WorkloadControllers({
    config,
    network,
    timings: short,
    random: seeded(1),
    log: line => log.push(line),
  });
  await workloads.start();
  return {
    server,
    config,
    client,
    network,
    log,
    replicaSet: async (name: string) =>
      (await client.get(REPLICA_SETS, { namespace: 'default', name })) as unknown as ReplicaSet,
    pods: async (app?: string) =>
      (await client.list(PODS, { labelSelector: app && `app=${app}` })).items as unknown as Pod[],
    slices: async () => (await client.list(ENDPOINT_SLICES)).items as unknown as EndpointSlice[],
    createReplicaSet: (name: string, image: string, replicas: number, spec: Record<string, unknown> = {}) =>
      client.create(REPLICA_SETS, {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: { name, namespace: 'default' },
        spec: { replicas, selector: { matchLabels: { app: name } }, template: podTemplate(name, image), ...spec },
      }),
    createService: (name: string, selector: Record<string, string>) =>
      client.create(SERVICES, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace: 'default' },
        spec: { selector, ports: [{ name: 'web', port: 80, targetPort: 'http' }] },
      }),
    scale: (name: string, replicas: number) =>
      client.patch(REPLICA_SETS, { namespace: 'default', name }, { kind: 'merge', body: { spec: { replicas } } }),
    stop: async () => {
      await workloads.stop();
      transport.close();
      await server.stop();
    },
  };
}

/** A pod template with one container and one named port. */
export function podTemplate(app: string, image: string) {
  const container = { name: 'web', image, ports: [{ name: 'http', containerPort: 8080 }] };
  return { metadata: { labels: { app } }, spec: { containers: [container] } };
}
