import { documentHash } from '../../core/revision-hash.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import { objectKey } from '../../kube/kube-object.ts';
import type { ObjectStore } from '../../kube/store.ts';
import { ControllerLoop } from './controller-loop.ts';
import { deploymentStatus } from './deployment-status.ts';
import { timestamp } from './pod-runtime.ts';
import { rollingBounds, rollingPlan } from './rolling-update.ts';
import { sameStatus } from './same-status.ts';
import type { PodTemplate, ReplicaSet, StatusCondition } from './workload-objects.ts';
import { controllerUid, placeOf } from './workload-objects.ts';
import { DEPLOYMENTS, REPLICA_SETS } from './workload-types.ts';

/** Index of the ReplicaSets' store: by the uid of the controlling Deployment. */
export const REPLICA_SETS_BY_DEPLOYMENT = 'deploymentUid';

/** Input of {@link DeploymentController}. */
export interface DeploymentControllerOptions {
  readonly client: KubeClient;
  readonly replicaSets: ObjectStore;
  readonly deployments: ObjectStore;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: (line: string) => void;
}

interface Deployment extends KubeObject {
  spec: {
    readonly replicas?: number;
    readonly paused?: boolean;
    readonly minReadySeconds?: number;
    readonly revisionHistoryLimit?: number;
    readonly selector: ReplicaSet['spec']['selector'];
    readonly template: PodTemplate;
    readonly strategy?: {
      readonly type?: string;
      readonly rollingUpdate?: { readonly maxSurge?: number | string; readonly maxUnavailable?: number | string };
    };
  };
  status?: { readonly conditions?: readonly StatusCondition[]; [field: string]: unknown };
}

const HASH_LABEL = 'pod-template-hash';
const REVISION = 'deployment.kubernetes.io/revision';

/** Rolls Deployments over through ReplicaSets: enough for whoever puts a plain Deployment next to a Rollout. No progress deadline. */
export class DeploymentController {
  readonly #options: DeploymentControllerOptions;
  readonly #loop: ControllerLoop;

  constructor(options: DeploymentControllerOptions) {
    this.#options = options;
    this.#loop = new ControllerLoop({ ...options, name: 'deployment', reconcile: key => this.#sync(key) });
    options.deployments.addHandler((_type, object) => this.#loop.queue.add(objectKey(object.metadata)));
    options.replicaSets.addHandler((_type, set) => {
      const uid = controllerUid(set, 'Deployment');
      if (uid === undefined) return;
      for (const deployment of options.deployments.values()) {
        if (deployment.metadata.uid === uid) this.#loop.queue.add(objectKey(deployment.metadata));
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
    const [namespace = '', name = ''] = key.split('/');
    const deployment = this.#options.deployments.get({ namespace, name }) as Deployment | undefined;
    if (!deployment || deployment.metadata.deletionTimestamp !== undefined) return undefined;
    const current = await this.#current(deployment);
    const old = this.#owned(deployment).filter(set => set.metadata.uid !== current.metadata.uid);
    const { replicas = 1, strategy, paused } = deployment.spec;
    const { maxSurge = '25%', maxUnavailable = '25%' } = strategy?.rollingUpdate ?? {};
    const recreate = strategy?.type === 'Recreate';
    const bounds = rollingBounds(replicas, recreate ? 0 : maxSurge, recreate ? replicas : maxUnavailable);
    if (!paused) {
      const gone = old.every(set => (set.status?.replicas ?? 0) === 0 && set.spec.replicas === 0);
      const plan =
        recreate && !gone
          ? Object.fromEntries(old.map(set => [set.metadata.name, 0]))
          : rollingPlan(bounds, sizeOf(current), old.map(sizeOf));
      await this.#apply([current, ...old], plan);
    }
    await this.#report(deployment, current, bounds.maxUnavailable);
    await this.#cleanUp(deployment, old);
    return undefined;
  }

  #owned(deployment: Deployment): ReplicaSet[] {
    return this.#options.replicaSets.byIndex(REPLICA_SETS_BY_DEPLOYMENT, deployment.metadata.uid ?? '') as ReplicaSet[];
  }

  /** The ReplicaSet of the Deployment's template, made when there is none. */
  async #current(deployment: Deployment): Promise<ReplicaSet> {
    const { template, selector, minReadySeconds = 0 } = deployment.spec;
    const hash = documentHash(template);
    const owned = this.#owned(deployment);
    const last = Math.max(0, ...owned.map(revisionOf));
    const existing = owned.find(set => set.metadata.labels?.[HASH_LABEL] === hash);
    const { namespace, name } = placeOf(deployment);
    if (existing) {
      const latest = revisionOf(existing) === last;
      const revision = String(latest ? last : last + 1);
      if (!latest) await this.#annotate(REPLICA_SETS, existing, revision);
      if (deployment.metadata.annotations?.[REVISION] !== revision) {
        await this.#annotate(DEPLOYMENTS, deployment, revision);
      }
      return existing;
    }
    const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash };
    const uid = deployment.metadata.uid ?? '';
    const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name, uid, controller: true, blockOwnerDeletion: true };
    const made = await this.#options.client.create(REPLICA_SETS, {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `${name}-${hash}`,
        namespace,
        labels,
        annotations: { [REVISION]: String(last + 1) },
        ownerReferences: [owner],
      },
      spec: {
        replicas: 0,
        minReadySeconds,
        selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
        template: { ...template, metadata: { ...template.metadata, labels } },
      },
    });
    await this.#annotate(DEPLOYMENTS, deployment, String(last + 1));
    return made as ReplicaSet;
  }

  async #annotate(type: typeof DEPLOYMENTS, object: KubeObject, revision: string): Promise<void> {
    const body = { metadata: { annotations: { [REVISION]: revision } } };
    await this.#options.client.patch(type, placeOf(object), { kind: 'merge', body });
  }

  async #apply(sets: readonly ReplicaSet[], plan: Readonly<Record<string, number>>): Promise<void> {
    for (const set of sets) {
      const replicas = plan[set.metadata.name];
      if (replicas === undefined || replicas === set.spec.replicas) continue;
      const body = { metadata: { resourceVersion: set.metadata.resourceVersion }, spec: { replicas } };
      await this.#options.client.patch(REPLICA_SETS, placeOf(set), { kind: 'merge', body });
    }
  }

  async #report(deployment: Deployment, current: ReplicaSet, maxUnavailable: number): Promise<void> {
    const status = deploymentStatus({
      generation: deployment.metadata.generation ?? 0,
      replicas: deployment.spec.replicas ?? 1,
      maxUnavailable,
      current: (this.#options.replicaSets.get(placeOf(current)) ?? current) as ReplicaSet,
      all: this.#owned(deployment),
      before: deployment.status?.conditions ?? [],
      now: timestamp(this.#options.clock),
    });
    if (sameStatus(deployment.status, status)) return;
    const body = { metadata: { uid: deployment.metadata.uid }, status };
    await this.#options.client.patch(
      DEPLOYMENTS,
      placeOf(deployment),
      { kind: 'merge', body },
      { subresource: 'status' },
    );
  }

  /** Old ReplicaSets without pods beyond the history limit go, oldest first. */
  async #cleanUp(deployment: Deployment, old: readonly ReplicaSet[]): Promise<void> {
    const limit = deployment.spec.revisionHistoryLimit ?? 10;
    const empty = old.filter(set => set.spec.replicas === 0 && (set.status?.replicas ?? 0) === 0);
    const surplus = empty.sort((a, b) => revisionOf(a) - revisionOf(b)).slice(0, Math.max(0, empty.length - limit));
    for (const set of surplus) {
      await this.#options.client.delete(REPLICA_SETS, placeOf(set), { uid: set.metadata.uid ?? '' });
    }
  }
}

function sizeOf(set: ReplicaSet) {
  const { availableReplicas = 0 } = set.status ?? {};
  return { name: set.metadata.name, wanted: set.spec.replicas ?? 1, available: availableReplicas };
}

function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.[REVISION] ?? 0) || 0;
}
