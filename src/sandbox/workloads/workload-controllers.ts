import { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import { systemClock } from '../../kube/clock.ts';
import type { ClusterConfig } from '../../kube/config.ts';
import { Reflector } from '../../kube/reflector.ts';
import type { ResourceType } from '../../kube/resource-path.ts';
import { resourceLabel } from '../../kube/resource-path.ts';
import type { IndexFunctions } from '../../kube/store-index.ts';
import { Transport } from '../../kube/transport.ts';
import { DeploymentController, REPLICA_SETS_BY_DEPLOYMENT } from './deployment-controller.ts';
import { EndpointSliceController, SLICES_BY_SERVICE, serviceKeyOfSlice } from './endpoint-slice-controller.ts';
import { Kubelet } from './kubelet.ts';
import type { PodNetwork } from './pod-network.ts';
import type { PodTimings } from './pod-runtime.ts';
import { PODS_BY_NAMESPACE, PODS_BY_OWNER, ReplicaSetController } from './replica-set-controller.ts';
import type { EndpointSlice } from './workload-objects.ts';
import { controllerUid } from './workload-objects.ts';
import { DEPLOYMENTS, ENDPOINT_SLICES, PODS, REPLICA_SETS, SERVICES } from './workload-types.ts';

/** Input of {@link WorkloadControllers}. */
export interface WorkloadControllersOptions {
  /** The API server. */
  readonly config: ClusterConfig;
  /** Shared with whoever sends requests to pods. */
  readonly network: PodNetwork;
  readonly timings?: Partial<PodTimings> | undefined;
  readonly clock?: Clock | undefined;
  /** Pod name suffixes and retry jitter. */
  readonly random?: (() => number) | undefined;
  /** Told of refused requests and the like, one line each. Default: nobody. */
  readonly log?: ((line: string) => void) | undefined;
}

/** What makes the sandbox run workloads: the ReplicaSet, Deployment and EndpointSlice controllers and the kubelet of its one node. */
export class WorkloadControllers {
  readonly #transport: Transport;
  readonly #reflectors: Readonly<Record<'pods' | 'replicaSets' | 'deployments' | 'services' | 'slices', Reflector>>;
  readonly #controllers: readonly { start(): void; stop(): Promise<void> }[];
  readonly #kubelet: Kubelet;

  constructor(options: WorkloadControllersOptions) {
    const { clock = systemClock, random = Math.random, log = () => {} } = options;
    this.#transport = new Transport({ config: options.config, clock, userAgent: 'sluice-sandbox-workloads' });
    const controllerClient = this.#client('kube-controller-manager');
    const kubeletClient = this.#client('kubelet');
    const reflector = (type: ResourceType, indexers: IndexFunctions = {}) =>
      new Reflector({ client: controllerClient, type, indexers, clock, random, minWatchSpacingMs: 100 });
    this.#reflectors = {
      pods: reflector(PODS, {
        [PODS_BY_OWNER]: pod => [controllerUid(pod, 'ReplicaSet')].filter(uid => uid !== undefined),
        [PODS_BY_NAMESPACE]: pod => [pod.metadata.namespace ?? ''],
      }),
      replicaSets: reflector(REPLICA_SETS, {
        [REPLICA_SETS_BY_DEPLOYMENT]: set => [controllerUid(set, 'Deployment')].filter(uid => uid !== undefined),
      }),
      deployments: reflector(DEPLOYMENTS),
      services: reflector(SERVICES),
      slices: reflector(ENDPOINT_SLICES, { [SLICES_BY_SERVICE]: slice => [serviceKeyOfSlice(slice as EndpointSlice)] }),
    };
    const stores = {
      pods: this.#reflectors.pods.store,
      replicaSets: this.#reflectors.replicaSets.store,
      deployments: this.#reflectors.deployments.store,
      services: this.#reflectors.services.store,
      slices: this.#reflectors.slices.store,
    };
    const shared = { ...stores, client: controllerClient, clock, random, log };
    this.#controllers = [
      new ReplicaSetController(shared),
      new DeploymentController(shared),
      new EndpointSliceController(shared),
    ];
    const { network, timings } = options;
    this.#kubelet = new Kubelet({ ...shared, client: kubeletClient, network, timings });
  }

  /** Reads the cluster and begins to work. @throws Error when the API server cannot be read within 15 s */
  async start(): Promise<void> {
    const reflectors = Object.values(this.#reflectors);
    for (const reflector of reflectors) reflector.start();
    for (const reflector of reflectors) {
      if (await reflector.waitForSync(15_000)) continue;
      const why = reflector.state().failure?.message ?? 'no answer';
      await this.stop();
      throw new Error(`sandbox workloads: cannot list ${resourceLabel(reflector.type)}: ${why}`);
    }
    await this.#kubelet.start();
    for (const controller of this.#controllers) controller.start();
  }

  /** Ends the controllers, then every pod's server. */
  async stop(): Promise<void> {
    await Promise.all(this.#controllers.map(controller => controller.stop()));
    await this.#kubelet.stop();
    await Promise.all(Object.values(this.#reflectors).map(reflector => reflector.stop()));
    this.#transport.close();
  }

  /** Writes of ours are in the caches at once. */
  #client(fieldManager: string): KubeClient {
    const onWritten: NonNullable<ConstructorParameters<typeof KubeClient>[0]['onWritten']> = (type, object) => {
      const reflector = Object.values(this.#reflectors).find(one => one.type.plural === type.plural);
      reflector?.store.noteWritten(object);
    };
    return new KubeClient({ transport: this.#transport, fieldManager, onWritten });
  }
}
