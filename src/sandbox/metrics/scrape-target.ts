import type { ObjectStore } from '../../kube/store.ts';
import type { PodNetwork } from '../workloads/pod-network.ts';
import type { Pod } from '../workloads/workload-objects.ts';
import { isPodReady, placeOf } from '../workloads/workload-objects.ts';

/** Something to read metrics from. */
export interface ScrapeTarget {
  /** `127.0.0.1:PORT`, where it really listens. */
  readonly address: string;
  readonly path: string;
  /** Put on every series, `job` and `instance` among them. */
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * The ready pods as targets of job `pods`. Labels: namespace, pod, instance (pod IP and port) and every label of the pod under its
 * name as Prometheus' labelmap makes it, so `sluice.dev/pod-template-hash` is `sluice_dev_pod_template_hash`.
 */
export function podTargets(pods: ObjectStore, network: PodNetwork): ScrapeTarget[] {
  return ([...pods.values()] as Pod[]).flatMap(pod => {
    const ip = pod.status?.podIP ?? '';
    const endpoint = network.resolve(ip);
    if (!endpoint || !isPodReady(pod) || pod.metadata.deletionTimestamp !== undefined) return [];
    const { namespace, name } = placeOf(pod);
    const port = pod.spec.containers[0]?.ports?.[0]?.containerPort ?? 80;
    const own = Object.entries(pod.metadata.labels ?? {}).map(([label, value]) => [
      label.replace(/[^\w]/g, '_'),
      value,
    ]);
    const labels = { ...Object.fromEntries(own), job: 'pods', namespace, pod: name, instance: `${ip}:${port}` };
    return [{ address: `${endpoint.host}:${endpoint.port}`, path: '/metrics', labels }];
  });
}

/** The gateway as the target of job `gateway`. `url` is where it listens. */
export function gatewayTarget(url: string): ScrapeTarget {
  const { host } = new URL(url);
  return { address: host, path: '/-/metrics', labels: { job: 'gateway', instance: host } };
}
