import { matchesSelector } from './label-selector.ts';
import type { EndpointSlice, Pod, Service } from './workload-objects.ts';
import { isPodReady, placeOf } from './workload-objects.ts';

/** Who writes our slices; others leave them alone. */
export const SLICE_MANAGER = 'endpointslice-controller.k8s.io';

/** Labels that tie a slice to its Service and its writer. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
export const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';

/** The content of a Service's one slice. */
export type SliceContent = Required<Pick<EndpointSlice, 'endpoints' | 'ports'>>;

/**
 * The endpoints and ports of a Service over the pods of its namespace. A pod is ready when its Ready condition is True and it is
 * not being deleted; a terminating one that still passes its probes is `serving`. A named target port takes its number from the
 * first pod that has it (Kubernetes would make one slice per number; the sandbox has one per Service).
 */
export function endpointSliceOf(service: Service, pods: readonly Pod[]): SliceContent {
  const selector = service.spec.selector ?? {};
  const selected = pods
    .filter(pod => matchesSelector({ matchLabels: selector }, pod.metadata.labels) && hasAddress(pod))
    .sort((a, b) => a.metadata.name.localeCompare(b.metadata.name));
  const publishAll = service.spec.publishNotReadyAddresses === true;
  return {
    endpoints: selected.map(pod => {
      const serving = isPodReady(pod) || publishAll;
      const terminating = pod.metadata.deletionTimestamp !== undefined;
      return {
        addresses: [pod.status?.podIP ?? ''],
        conditions: { ready: publishAll || (serving && !terminating), serving, terminating },
        ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
        targetRef: { kind: 'Pod', ...placeOf(pod), uid: pod.metadata.uid ?? '' },
      };
    }),
    ports: (service.spec.ports ?? []).flatMap(({ name, port, targetPort = port, protocol = 'TCP' }) => {
      const number = typeof targetPort === 'number' ? targetPort : namedPort(targetPort, selected);
      return number === undefined ? [] : [{ name: name ?? '', port: number, protocol }];
    }),
  };
}

function hasAddress(pod: Pod): boolean {
  const { phase, podIP } = pod.status ?? {};
  return podIP !== undefined && podIP !== '' && phase !== 'Succeeded' && phase !== 'Failed';
}

function namedPort(name: string, pods: readonly Pod[]): number | undefined {
  if (/^\d+$/.test(name)) return Number(name);
  for (const pod of pods) {
    for (const container of pod.spec.containers) {
      const found = container.ports?.find(port => port.name === name);
      if (found) return found.containerPort;
    }
  }
  return undefined;
}
