import { renameSync, writeFileSync } from 'node:fs';
import { type ApiAccess, ApiClient, ApiFailure, type KubeObject } from './control-plane/api-client.ts';
import { type ObjectWatch, watchObjects } from './control-plane/watch-objects.ts';
import { localAddresses, namedAddresses, type PodAddresses } from './fake-kubelet-addresses.ts';
import type { PodBehaviour } from './fake-kubelet-behaviour.ts';
import { FakePod, type PodHost } from './fake-kubelet-pod.ts';
import { persistently } from './persistently.ts';

/** How to run the fake node. */
export interface FakeKubeletOptions {
  /** `rig-node` when absent. Two kubelets must not share a name. */
  readonly nodeName?: string;
  /** `instant` (default): only status. `http`: a real HTTP server per pod, where the machine allows it. */
  readonly mode?: 'instant' | 'http';
  /** Time from running to ready of every pod; 0 when absent. */
  readonly readyDelayMs?: number;
  /** Time from not ready to gone; 0 in instant mode and 300 in http mode when absent. */
  readonly drainMs?: number;
  /** Also binds pods without a node to this one (default), as there is no scheduler. */
  readonly schedules?: boolean;
  /** A file that always lists the ready pods as Prometheus `file_sd` targets, with namespace, pod and pod_template_hash. */
  readonly targetsFile?: string;
}

/** A pod of the fake node as the kubelet sees it. */
export interface PodView {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ready: boolean;
  readonly restarts: number;
  /** `address:port` of the first container port; reachable only in http mode. */
  readonly endpoint: string | undefined;
}

/** A running fake node. */
export interface FakeKubelet {
  readonly nodeName: string;
  /** The mode that is in force; `http` falls back to `instant` where addresses cannot be had. */
  readonly mode: 'instant' | 'http';
  /** Why the mode is not the one asked for. */
  readonly why: string | undefined;
  pods(): PodView[];
  /** Changes how present and future pods that match behave: errors and latency at once, the rest at their next start. */
  setBehaviour(matches: (pod: PodView) => boolean, behaviour: Partial<PodBehaviour>): void;
  /** Ends servers and watches. Pods and the node stay in the API server as they are. */
  stop(): Promise<void>;
}

/** Registers a node and runs the pods bound to it; see fake-kubelet-behaviour.ts for what image tags can ask for. */
export async function startFakeKubelet(access: ApiAccess, options: FakeKubeletOptions = {}): Promise<FakeKubelet> {
  const nodeName = options.nodeName ?? 'rig-node';
  const client = new ApiClient(access);
  const addresses = options.mode === 'http' ? await localAddresses() : namedAddresses();
  const mode = addresses.routed ? 'http' : 'instant';
  const node = new FakeNode(client, addresses, options, mode);
  try {
    await registerNode(client, nodeName);
    const watches = [await watchObjects(client, `/api/v1/pods?fieldSelector=spec.nodeName%3D${nodeName}`, node)];
    if (options.schedules !== false) watches.push(await bindPods(client, nodeName));
    return {
      nodeName,
      mode,
      why: addresses.why,
      pods: () => node.pods(),
      setBehaviour: (matches, behaviour) => node.overrides.push({ matches, behaviour }),
      stop: async () => {
        await Promise.all(watches.map(watch => watch.stop()));
        await node.abandon();
        await addresses.close();
        client.close();
      },
    };
  } catch (error) {
    await addresses.close();
    client.close();
    throw error;
  }
}

class FakeNode {
  readonly overrides: { matches: (pod: PodView) => boolean; behaviour: Partial<PodBehaviour> }[] = [];
  readonly #pods = new Map<string, FakePod>();
  readonly #ending = new Set<Promise<void>>();
  readonly #host: PodHost;

  constructor(client: ApiClient, addresses: PodAddresses, options: FakeKubeletOptions, mode: 'instant' | 'http') {
    this.#host = {
      client,
      addresses,
      hostIp: '10.200.0.1',
      readyDelayMs: options.readyDelayMs ?? 0,
      drainMs: options.drainMs ?? (mode === 'http' ? 300 : 0),
      override: object => this.#override(object),
      changed: () => this.#writeTargets(options.targetsFile),
    };
    this.#writeTargets(options.targetsFile);
  }

  onObject(object: KubeObject): void {
    const uid = object.metadata.uid ?? '';
    const known = this.#pods.get(uid);
    known?.update(object);
    const { phase } = (object.status ?? {}) as { phase?: string };
    if (known !== undefined || phase === 'Succeeded' || phase === 'Failed') return;
    const pod = new FakePod(this.#host, object);
    this.#pods.set(uid, pod);
    if (object.metadata.deletionTimestamp !== undefined) pod.update(object);
  }

  onGone(object: KubeObject): void {
    const pod = this.#pods.get(object.metadata.uid ?? '');
    if (pod === undefined) return;
    this.#pods.delete(object.metadata.uid ?? '');
    const end = pod.abandon().finally(() => this.#ending.delete(end));
    this.#ending.add(end);
    this.#host.changed();
  }

  pods(): PodView[] {
    return [...this.#pods.values()].map(pod => viewOf(pod.object, pod));
  }

  async abandon(): Promise<void> {
    await Promise.all([...[...this.#pods.values()].map(pod => pod.abandon()), ...this.#ending]);
  }

  #override(object: KubeObject): Partial<PodBehaviour> {
    const view = viewOf(object, undefined);
    return Object.assign({}, ...this.overrides.filter(one => one.matches(view)).map(one => one.behaviour));
  }

  /** Prometheus may read at any time, so the file is replaced by a rename. */
  #writeTargets(path: string | undefined): void {
    if (path === undefined) return;
    const targets = this.pods().flatMap(({ ready, endpoint, namespace, name, labels }) => {
      if (!ready || endpoint === undefined) return [];
      return [
        { targets: [endpoint], labels: { namespace, pod: name, pod_template_hash: labels['pod-template-hash'] ?? '' } },
      ];
    });
    writeFileSync(`${path}.tmp`, JSON.stringify(targets));
    renameSync(`${path}.tmp`, path);
  }
}

function viewOf(object: KubeObject, pod: FakePod | undefined): PodView {
  const { namespace = 'default', name, uid = '', labels = {} } = object.metadata;
  const endpoint = pod?.address === undefined ? undefined : `${pod.address}:${pod.ports[0]}`;
  return { namespace, name, uid, labels, ready: pod?.ready ?? false, restarts: pod?.restarts ?? 0, endpoint };
}

async function registerNode(client: ApiClient, name: string): Promise<void> {
  await client
    .create('/api/v1/nodes', { metadata: { name, labels: { 'kubernetes.io/hostname': name } } })
    .catch(error => {
      if (!(error instanceof ApiFailure && error.status === 409)) throw error;
    });
  const capacity = { cpu: '64', memory: '256Gi', pods: '10000' };
  const at = new Date().toISOString();
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: 'KubeletReady',
    lastHeartbeatTime: at,
    lastTransitionTime: at,
  };
  const addresses = [{ type: 'InternalIP', address: '10.200.0.1' }];
  await client.patch(`/api/v1/nodes/${name}/status`, 'merge', {
    status: { capacity, allocatable: capacity, addresses, conditions: [ready] },
  });
}

/** Binds each pod without a node to this one. Another binder may be first (409), or the pod may be gone (404). */
async function bindPods(client: ApiClient, nodeName: string): Promise<ObjectWatch> {
  let isStopped = false;
  const watch = await watchObjects(client, '/api/v1/pods?fieldSelector=spec.nodeName%3D', {
    onObject: ({ metadata: { namespace, name, deletionTimestamp } }) => {
      if (deletionTimestamp !== undefined) return;
      const target = { apiVersion: 'v1', kind: 'Node', name: nodeName };
      const path = `/api/v1/namespaces/${namespace}/pods/${name}/binding`;
      persistently(
        () => client.create(path, { metadata: { name }, target }),
        () => !isStopped,
      ).catch(error => {
        if (!(error instanceof ApiFailure && (error.status === 409 || error.status === 404)))
          console.error(`fake kubelet: binding ${namespace}/${name}: ${error}`);
      });
    },
    onGone: () => {},
  });
  return {
    stop: async () => {
      isStopped = true;
      await watch.stop();
    },
  };
}
