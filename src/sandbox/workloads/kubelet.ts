import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import { ApiError } from '../../kube/errors.ts';
import { objectKey } from '../../kube/kube-object.ts';
import type { ObjectStore } from '../../kube/store.ts';
import { ControllerLoop } from './controller-loop.ts';
import type { PodNetwork } from './pod-network.ts';
import type { PodTimings } from './pod-runtime.ts';
import { DEFAULT_POD_TIMINGS, PodRuntime, timestamp } from './pod-runtime.ts';
import { podStatus } from './pod-status.ts';
import { sameStatus } from './same-status.ts';
import type { Pod } from './workload-objects.ts';
import { placeOf } from './workload-objects.ts';
import { NODES, PODS } from './workload-types.ts';

/** The one node of the sandbox. */
export const NODE_NAME = 'sandbox';

/** Input of {@link Kubelet}. */
export interface KubeletOptions {
  readonly client: KubeClient;
  /** The cache of all pods; the kubelet adds its handler to it, so build the kubelet before the reflector starts. */
  readonly pods: ObjectStore;
  readonly network: PodNetwork;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: (line: string) => void;
  readonly timings?: Partial<PodTimings> | undefined;
}

/** Runs every pod of the cluster as a real HTTP server on loopback and writes its status as a kubelet does. */
export class Kubelet {
  readonly #options: KubeletOptions;
  readonly #timings: PodTimings;
  readonly #loop: ControllerLoop;
  /** By uid: a pod that was replaced under its name may still drain. */
  readonly #runtimes = new Map<string, PodRuntime>();
  #stopping = false;

  constructor(options: KubeletOptions) {
    this.#options = options;
    this.#timings = { ...DEFAULT_POD_TIMINGS, ...options.timings };
    this.#loop = new ControllerLoop({ ...options, name: 'kubelet', reconcile: key => this.#sync(key) });
    options.pods.addHandler((type, object) => {
      if (type === 'deleted') void this.#retire(object.metadata.uid);
      this.#loop.queue.add(objectKey(object.metadata));
    });
  }

  /** Registers the node and begins to run pods. */
  async start(): Promise<void> {
    this.#loop.queue.start();
    await this.#register();
  }

  /** Stops every pod's server at once; the pods stay in the API. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#loop.stop();
    await Promise.all([...this.#runtimes.values()].map(runtime => runtime.stop()));
    this.#runtimes.clear();
  }

  async #sync(key: string): Promise<undefined> {
    const [namespace = '', name = ''] = key.split('/');
    const pod = this.#options.pods.get({ namespace, name }) as Pod | undefined;
    if (!pod || this.#stopping) return;
    const uid = pod.metadata.uid ?? '';
    let runtime = this.#runtimes.get(uid);
    if (pod.metadata.deletionTimestamp !== undefined) {
      void runtime?.terminate();
      if (!runtime || runtime.hasEnded) return this.#remove(pod);
    } else runtime ??= this.#launch(pod, key);
    await this.#bind(pod);
    await this.#report(pod, runtime);
  }

  #launch(pod: Pod, key: string): PodRuntime {
    const { network, clock } = this.#options;
    const { namespace, name } = placeOf(pod);
    const runtime = new PodRuntime({
      uid: pod.metadata.uid ?? '',
      identity: { namespace, pod: name, image: pod.spec.containers[0]?.image ?? '' },
      network,
      clock,
      timings: this.#timings,
      onChange: () => this.#loop.queue.add(key),
    });
    this.#runtimes.set(runtime.uid, runtime);
    return runtime;
  }

  /** A pod that nobody placed (`kubectl run`) is placed here; without a node a deletion would not wait for its drain. */
  async #bind(pod: Pod): Promise<void> {
    if (pod.spec.nodeName !== undefined) return;
    const body = { metadata: { uid: pod.metadata.uid }, spec: { nodeName: NODE_NAME } };
    await this.#options.client.patch(PODS, placeOf(pod), { kind: 'merge', body });
  }

  async #report(pod: Pod, runtime: PodRuntime): Promise<void> {
    const { client, clock } = this.#options;
    const { state, restarts, lastCrash, ip: podIp } = runtime;
    const status = podStatus(pod, { state, restarts, lastCrash, podIp, now: timestamp(clock) });
    if (sameStatus(pod.status, status)) return;
    const body = { metadata: { uid: pod.metadata.uid }, status };
    await client.patch(PODS, placeOf(pod), { kind: 'merge', body }, { subresource: 'status' });
  }

  async #remove(pod: Pod): Promise<undefined> {
    const { client, pods } = this.#options;
    const uid = pod.metadata.uid ?? '';
    const { outcome } = await client.delete(PODS, placeOf(pod), { gracePeriodSeconds: 0, uid });
    if (outcome !== 'deleting') pods.noteDeleted({ ...placeOf(pod), uid });
    this.#runtimes.delete(uid);
    return undefined;
  }

  /** The pod is gone from the API: what still runs of it ends, after its drain. */
  async #retire(uid = ''): Promise<void> {
    await this.#runtimes.get(uid)?.terminate();
    this.#runtimes.delete(uid);
  }

  async #register(): Promise<void> {
    const { client, clock } = this.#options;
    const now = timestamp(clock);
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE_NAME } };
    await client.create(NODES, node).catch(error => {
      if (!(error instanceof ApiError) || error.code !== 'alreadyExists') throw error;
    });
    const status = {
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', lastTransitionTime: now }],
      nodeInfo: { kubeletVersion: 'v0-sandbox' },
    };
    await client.patch(NODES, { name: NODE_NAME }, { kind: 'merge', body: { status } }, { subresource: 'status' });
  }
}
