import type { ObjectStore } from '../../kube/store.ts';
import type { LoopbackServer } from '../workloads/loopback-server.ts';
import { listenOnLoopback } from '../workloads/loopback-server.ts';
import type { Pod } from '../workloads/workload-objects.ts';
import { isPodReady, placeOf } from '../workloads/workload-objects.ts';

/**
 * The few metrics of kube-state-metrics that gates ask for, under its names: `kube_pod_container_status_restarts_total`,
 * `kube_pod_status_ready` and `kube_pod_owner`. Served for scraping at `/metrics`.
 */
export function startClusterStateMetrics(pods: ObjectStore): Promise<LoopbackServer> {
  return listenOnLoopback((_request, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
    response.end(clusterStateText([...pods.values()] as Pod[]));
  });
}

/** The exposition of {@link startClusterStateMetrics}. */
function clusterStateText(pods: readonly Pod[]): string {
  const restarts: string[] = [];
  const ready: string[] = [];
  const owners: string[] = [];
  for (const pod of pods) {
    const { namespace, name } = placeOf(pod);
    // Names of Kubernetes objects need no escaping.
    const labels = `namespace="${namespace}",pod="${name}"`;
    for (const { name: container, restartCount = 0 } of pod.status?.containerStatuses ?? []) {
      restarts.push(
        `kube_pod_container_status_restarts_total{${labels},container="${String(container)}"} ${restartCount}`,
      );
    }
    for (const condition of ['true', 'false']) {
      const holds = isPodReady(pod) === (condition === 'true');
      ready.push(`kube_pod_status_ready{${labels},condition="${condition}"} ${Number(holds)}`);
    }
    for (const owner of pod.metadata.ownerReferences ?? []) {
      const { kind, name: ownerName, controller = false } = owner;
      const owned = `owner_kind="${kind}",owner_name="${ownerName}",owner_is_controller="${controller}"`;
      owners.push(`kube_pod_owner{${labels},${owned}} 1`);
    }
  }
  return [
    '# TYPE kube_pod_container_status_restarts_total counter',
    ...restarts,
    '# TYPE kube_pod_status_ready gauge',
    ...ready,
    '# TYPE kube_pod_owner gauge',
    ...owners,
    '',
  ].join('\n');
}
