import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import { objectKey } from '../../kube/kube-object.ts';
import type { ObjectStore } from '../../kube/store.ts';
import { ControllerLoop } from './controller-loop.ts';
import { endpointSliceOf, MANAGED_BY_LABEL, SERVICE_NAME_LABEL, SLICE_MANAGER } from './endpoint-slice-of.ts';
import { matchesSelector } from './label-selector.ts';
import { randomSuffix } from './random-suffix.ts';
import { PODS_BY_NAMESPACE } from './replica-set-controller.ts';
import { sameStatus } from './same-status.ts';
import type { EndpointSlice, Pod, Service } from './workload-objects.ts';
import { placeOf } from './workload-objects.ts';
import { ENDPOINT_SLICES } from './workload-types.ts';

/** Index of the slices' store: `namespace/service`. */
export const SLICES_BY_SERVICE = 'service';

/** The value under which a slice is found in {@link SLICES_BY_SERVICE}. */
export function serviceKeyOfSlice(slice: EndpointSlice): string {
  return `${slice.metadata.namespace ?? ''}/${slice.metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`;
}

/** Input of {@link EndpointSliceController}. */
export interface EndpointSliceControllerOptions {
  readonly client: KubeClient;
  readonly pods: ObjectStore;
  readonly services: ObjectStore;
  readonly slices: ObjectStore;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: (line: string) => void;
}

/** Keeps one EndpointSlice per Service with a selector. */
export class EndpointSliceController {
  readonly #options: EndpointSliceControllerOptions;
  readonly #loop: ControllerLoop;

  constructor(options: EndpointSliceControllerOptions) {
    this.#options = options;
    this.#loop = new ControllerLoop({ ...options, name: 'endpointslice', reconcile: key => this.#sync(key) });
    const { queue } = this.#loop;
    options.services.addHandler((_type, object) => queue.add(objectKey(object.metadata)));
    options.slices.addHandler((_type, object) => queue.add(serviceKeyOfSlice(object as EndpointSlice)));
    options.pods.addHandler((_type, pod, old) => {
      for (const service of options.services.values()) {
        if (service.metadata.namespace !== pod.metadata.namespace) continue;
        const matchLabels = (service as Service).spec.selector;
        if (matchLabels === undefined) continue;
        const concerned = [pod, old].some(one => one && matchesSelector({ matchLabels }, one.metadata.labels));
        if (concerned) queue.add(objectKey(service.metadata));
      }
    });
  }

  /** Begins to work. */
  start(): void {
    this.#loop.queue.start();
  }

  /** Ends after what is in progress. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #sync(key: string): Promise<undefined> {
    const { client, slices } = this.#options;
    const [namespace = '', name = ''] = key.split('/');
    const service = this.#options.services.get({ namespace, name }) as Service | undefined;
    const own = (slices.byIndex(SLICES_BY_SERVICE, key) as EndpointSlice[]).filter(
      slice => slice.metadata.labels?.[MANAGED_BY_LABEL] === SLICE_MANAGER,
    );
    if (!service || service.spec.selector === undefined || service.spec.type === 'ExternalName') {
      await Promise.all(own.map(slice => this.#delete(slice)));
      return undefined;
    }
    const [slice, ...surplus] = own;
    await Promise.all(surplus.map(one => this.#delete(one)));
    const pods = this.#options.pods.byIndex(PODS_BY_NAMESPACE, namespace) as Pod[];
    const content = endpointSliceOf(service, pods);
    if (!slice) await client.create(ENDPOINT_SLICES, this.#newSlice(service, content));
    else if (!sameStatus({ endpoints: slice.endpoints ?? [], ports: slice.ports ?? [] }, { ...content })) {
      const body = { metadata: { uid: slice.metadata.uid }, ...content };
      await client.patch(ENDPOINT_SLICES, placeOf(slice), { kind: 'merge', body });
    }
    return undefined;
  }

  #newSlice(service: Service, content: object) {
    const { namespace, name } = placeOf(service);
    const uid = service.metadata.uid ?? '';
    const labels = { ...service.metadata.labels, [SERVICE_NAME_LABEL]: name, [MANAGED_BY_LABEL]: SLICE_MANAGER };
    const owner = { apiVersion: 'v1', kind: 'Service', name, uid, controller: true, blockOwnerDeletion: true };
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-${randomSuffix(this.#options.random)}`, namespace, labels, ownerReferences: [owner] },
      addressType: 'IPv4',
      ...content,
    };
  }

  async #delete(slice: EndpointSlice): Promise<void> {
    const uid = slice.metadata.uid ?? '';
    const { outcome } = await this.#options.client.delete(ENDPOINT_SLICES, placeOf(slice), { uid });
    if (outcome !== 'deleting') this.#options.slices.noteDeleted({ ...placeOf(slice), uid });
  }
}
