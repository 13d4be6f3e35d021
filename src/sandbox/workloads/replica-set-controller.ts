import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import { ConsistencyTracker } from '../../kube/consistency.ts';
import { ApiError } from '../../kube/errors.ts';
import { objectKey } from '../../kube/kube-object.ts';
import type { ObjectStore } from '../../kube/store.ts';
import { ControllerLoop } from './controller-loop.ts';
import { NODE_NAME } from './kubelet.ts';
import { matchesSelector } from './label-selector.ts';
import { ownerReference, PodClaims } from './pod-claims.ts';
import { compareForDeletion } from './pod-ranking.ts';
import { timestamp } from './pod-runtime.ts';
import { randomSuffix } from './random-suffix.ts';
import { replicaSetReport } from './replica-set-status.ts';
import { sameStatus } from './same-status.ts';
import type { Pod, ReplicaSet } from './workload-objects.ts';
import { controllerUid, placeOf } from './workload-objects.ts';
import { PODS, REPLICA_SETS } from './workload-types.ts';

/** Index of the pods' store: pods by the uid of their controlling ReplicaSet. */
export const PODS_BY_OWNER = 'replicaSetUid';

/** Index of the pods' store: all pods of a namespace. */
export const PODS_BY_NAMESPACE = 'namespace';

/** Input of {@link ReplicaSetController}. The two stores are caches whose reflectors start after this is built. */
export interface ReplicaSetControllerOptions {
  readonly client: KubeClient;
  readonly pods: ObjectStore;
  readonly replicaSets: ObjectStore;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: (line: string) => void;
}

/** More creations or deletions than this are spread over several runs. */
const BURST = 50;

/** Keeps as many pods as each ReplicaSet asks for, as kube-controller-manager does. */
export class ReplicaSetController {
  readonly #options: ReplicaSetControllerOptions;
  readonly #loop: ControllerLoop;
  /** What was created and deleted but not seen yet: nobody counts pods in a cache older than their own last write. */
  readonly #expectations: ConsistencyTracker;
  readonly #claims: PodClaims;

  constructor(options: ReplicaSetControllerOptions) {
    this.#options = options;
    this.#expectations = new ConsistencyTracker(options.clock);
    this.#claims = new PodClaims(options.client);
    this.#loop = new ControllerLoop({ ...options, name: 'replicaset', reconcile: key => this.#sync(key) });
    options.replicaSets.addHandler((_type, object) => this.#loop.queue.add(objectKey(object.metadata)));
    options.pods.addHandler((_type, pod, old) => {
      this.#wakeOwner(pod as Pod);
      if (old) this.#wakeOwner(old as Pod);
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

  #wakeOwner(pod: Pod): void {
    const uid = controllerUid(pod, 'ReplicaSet');
    for (const replicaSet of this.#options.replicaSets.values()) {
      const sameNamespace = replicaSet.metadata.namespace === pod.metadata.namespace;
      const adoptable = uid === undefined && sameNamespace && selects(replicaSet as ReplicaSet, pod);
      if (replicaSet.metadata.uid === uid || adoptable) this.#loop.queue.add(objectKey(replicaSet.metadata));
    }
  }

  async #sync(key: string): Promise<{ wakeAfterMs: number } | undefined> {
    const [namespace = '', name = ''] = key.split('/');
    const replicaSet = this.#options.replicaSets.get({ namespace, name }) as ReplicaSet | undefined;
    if (!replicaSet) {
      this.#expectations.forget(key);
      return undefined;
    }
    const readiness = this.#expectations.ready(key);
    if (readiness.state === 'behind') return { wakeAfterMs: readiness.retryAfterMs };
    if (readiness.state === 'timedOut') {
      await this.#readLive(namespace);
      this.#expectations.forget(key);
    }
    const owned = this.#options.pods.byIndex(PODS_BY_OWNER, replicaSet.metadata.uid ?? '') as Pod[];
    const candidates = this.#options.pods.byIndex(PODS_BY_NAMESPACE, namespace) as Pod[];
    if (await this.#claims.claim(replicaSet, owned, candidates)) return { wakeAfterMs: 20 };
    const active = owned.filter(isActive);
    const failure =
      replicaSet.metadata.deletionTimestamp === undefined ? await this.#manage(key, replicaSet, active) : undefined;
    return this.#report(replicaSet, failure);
  }

  /** The watch is too far behind: learn what exists from the server itself, or pods would be made twice. */
  async #readLive(namespace: string): Promise<void> {
    const { client, pods } = this.#options;
    for (const pod of (await client.list(PODS, { namespace })).items) pods.noteWritten(pod);
  }

  /** Creates what is missing or deletes what is too much; says why when the server refuses. */
  async #manage(key: string, replicaSet: ReplicaSet, active: readonly Pod[]): Promise<string | undefined> {
    const missing = (replicaSet.spec.replicas ?? 1) - active.length;
    if (missing > 0) return this.#createBatches(key, replicaSet, Math.min(missing, BURST));
    if (missing < 0) {
      const victims = [...active].sort(compareForDeletion).slice(0, Math.min(-missing, BURST));
      await Promise.all(victims.map(pod => this.#delete(key, pod)));
    }
    return undefined;
  }

  /** One, then two, then four at once, so that a template the server refuses costs one request and not all of them. */
  async #createBatches(key: string, replicaSet: ReplicaSet, count: number): Promise<string | undefined> {
    for (let made = 0, batch = 1; made < count; made += batch, batch *= 2) {
      const size = Math.min(batch, count - made);
      const results = await Promise.allSettled(Array.from({ length: size }, () => this.#create(key, replicaSet)));
      const failed = results.find(result => result.status === 'rejected');
      if (failed) return failed.reason instanceof Error ? failed.reason.message : String(failed.reason);
    }
    return undefined;
  }

  async #create(key: string, replicaSet: ReplicaSet): Promise<void> {
    const { client, pods, random } = this.#options;
    const { namespace, name } = placeOf(replicaSet);
    const { metadata, spec } = replicaSet.spec.template ?? {};
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...metadata,
        name: `${name.slice(0, 57)}-${randomSuffix(random)}`,
        namespace,
        ownerReferences: [ownerReference(replicaSet)],
      },
      spec: { nodeName: NODE_NAME, ...spec },
    };
    try {
      const made = await client.create(PODS, pod);
      this.#expectations.noteWrite(key, pods, placeOf(made), made.metadata.resourceVersion);
    } catch (error) {
      if (!(error instanceof ApiError) || !error.mayHaveBeenApplied) throw error;
      const made = await client.find(PODS, placeOf(pod));
      if (!made) throw error;
      this.#expectations.noteWrite(key, pods, placeOf(made), made.metadata.resourceVersion);
    }
  }

  async #delete(key: string, pod: Pod): Promise<void> {
    const { client, pods } = this.#options;
    const uid = pod.metadata.uid ?? '';
    const result = await client.delete(PODS, placeOf(pod), { uid });
    if (result.outcome === 'deleting') {
      pods.noteWritten(result.object);
      this.#expectations.noteWrite(key, pods, placeOf(pod), result.object.metadata.resourceVersion);
    } else pods.noteDeleted({ ...placeOf(pod), uid });
  }

  async #report(seen: ReplicaSet, failure: string | undefined): Promise<{ wakeAfterMs: number } | undefined> {
    const { client, pods, clock, replicaSets } = this.#options;
    const replicaSet = (replicaSets.get(placeOf(seen)) ?? seen) as ReplicaSet;
    // Counted again, so that what was just created or deleted is in the numbers.
    const active = (pods.byIndex(PODS_BY_OWNER, seen.metadata.uid ?? '') as Pod[]).filter(isActive);
    const now = { ms: clock.now(), text: timestamp(clock) };
    const { status, nextAvailableInMs } = replicaSetReport(replicaSet, active, now, failure);
    // The generation that was acted on, not one that arrived meanwhile.
    const told = { ...status, observedGeneration: seen.metadata.generation ?? 0 };
    if (!sameStatus(replicaSet.status, told)) {
      const body = { metadata: { uid: seen.metadata.uid }, status: told };
      await client.patch(REPLICA_SETS, placeOf(seen), { kind: 'merge', body }, { subresource: 'status' });
    }
    if (failure !== undefined) throw new Error(`cannot create pods: ${failure}`);
    const surplus = active.length !== (replicaSet.spec.replicas ?? 1) && seen.metadata.deletionTimestamp === undefined;
    const waits = [nextAvailableInMs, surplus ? 50 : undefined].filter(wait => wait !== undefined);
    return waits.length > 0 ? { wakeAfterMs: Math.max(1, Math.min(...waits)) } : undefined;
  }
}

function selects(replicaSet: ReplicaSet, pod: Pod): boolean {
  return matchesSelector(replicaSet.spec.selector, pod.metadata.labels);
}

/** Pods that count: not ended and not on their way out. */
function isActive(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return phase !== 'Succeeded' && phase !== 'Failed' && pod.metadata.deletionTimestamp === undefined;
}
