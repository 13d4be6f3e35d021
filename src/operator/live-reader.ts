import { HASH_LABEL, ROLLOUT_LABEL } from '../api/names.ts';
import type { ApiObject } from '../api/object-meta.ts';
import type { Action } from '../core/decision.ts';
import { needsOf } from '../core/needs.ts';
import type { KubeClient } from '../kube/client.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { Reflector } from '../kube/reflector.ts';
import type { Caches } from './caches.ts';
import { WRITE } from './write-limit.ts';

/** For a look before the next decision, which waits for it; milliseconds. */
export const LOOK_TIMEOUT_MS = 2_000;

type CacheOf = Pick<Reflector, 'type' | 'store'>;

/**
 * The way out when a watch lags for seconds: reads what a decision about one Rollout needs and feeds it to the caches, which
 * keep whatever is newer.
 */
export class LiveReader {
  readonly #client: KubeClient;
  readonly #caches: Caches;

  constructor(client: KubeClient, caches: Caches) {
    this.#client = client;
    this.#caches = caches;
  }

  /** @throws ApiError */
  async refresh(rollout: KubeObject): Promise<void> {
    const { namespace, name } = rollout.metadata;
    const { rollouts, replicaSets, analysisRuns, services } = this.#caches;
    await this.readOne(rollouts, { namespace, name });
    for (const cache of [replicaSets, analysisRuns]) await this.#readChildren(rollout, cache);
    const needs = needsOf(rollout as unknown as ApiObject);
    for (const service of needs.services) await this.readOne(services, { namespace, name: service });
    await this.readRoutes(rollout);
  }

  /** The AnalysisRuns of a Rollout. @throws ApiError */
  readRuns(rollout: KubeObject): Promise<void> {
    return this.#readChildren(rollout, this.#caches.analysisRuns, LOOK_TIMEOUT_MS);
  }

  /** Takes in what a Rollout has of one type, but not what was deleted while the answer was on its way. */
  async #readChildren(
    { metadata: { namespace, name } }: KubeObject,
    { type, store }: CacheOf,
    timeoutMs: number = WRITE.timeoutMs,
  ): Promise<void> {
    const labelSelector = `${HASH_LABEL},${ROLLOUT_LABEL}=${name}`;
    const journal = store.openJournal();
    try {
      const { items } = await this.#client.list(type, { namespace, labelSelector, timeoutMs });
      for (const item of items) {
        const object = store.prepare(item, 'list');
        if (object && !journal.deleted.has(object.metadata.uid ?? '')) store.applyEvent('MODIFIED', object, 'list');
      }
    } finally {
      store.closeJournal(journal);
    }
  }

  /**
   * What an action was about that was refused because it had changed, or was there already: its watch may lag for minutes, and
   * until then each pass would be refused again.
   * @throws ApiError
   */
  async readTarget(rollout: KubeObject, action: Action): Promise<void> {
    const { namespace } = rollout.metadata;
    const read = (cache: CacheOf, name: string) => this.readOne(cache, { namespace, name }, LOOK_TIMEOUT_MS);
    const { replicaSets, controllerRevisions, analysisRuns, services } = this.#caches;
    switch (action.type) {
      case 'PatchRoute':
      case 'CreateRoute':
        return await this.readRoutes(rollout, LOOK_TIMEOUT_MS);
      case 'CreateService':
        return void (await read(services, action.object.metadata.name));
      case 'CreateAnalysisRun':
        return await this.readRuns(rollout);
      case 'CreateReplicaSet':
      case 'RestoreReplicaSet':
        return await this.#readChildren(rollout, replicaSets, LOOK_TIMEOUT_MS);
      case 'CreateRevision':
        return await this.#readChildren(rollout, controllerRevisions, LOOK_TIMEOUT_MS);
      case 'SelectRevision':
        return void (await read(services, action.service));
      case 'ScaleReplicaSet':
      case 'RestoreTemplate':
      case 'AnnotateReplicaSet':
      case 'SetMinReadySeconds':
        return void (await read(replicaSets, action.target.name));
      case 'TerminateAnalysisRun':
        return void (await read(analysisRuns, action.target.name));
      case 'Delete': {
        const caches = { ReplicaSet: replicaSets, ControllerRevision: controllerRevisions, AnalysisRun: analysisRuns };
        return void (await read(caches[action.kind], action.target.name));
      }
    }
  }

  /** What says where users are: the routes of a Rollout, or its Services where there are none. @throws ApiError */
  async readTraffic(rollout: KubeObject): Promise<void> {
    const { routes, services } = needsOf(rollout as unknown as ApiObject);
    if (routes.length > 0) return await this.readRoutes(rollout, LOOK_TIMEOUT_MS);
    const { namespace } = rollout.metadata;
    for (const name of services) await this.readOne(this.#caches.services, { namespace, name }, LOOK_TIMEOUT_MS);
  }

  /** The routes of a Rollout, each within `timeoutMs` when it is given. @throws ApiError */
  async readRoutes(rollout: KubeObject, timeoutMs?: number): Promise<void> {
    const { namespace } = rollout.metadata;
    for (const { name } of needsOf(rollout as unknown as ApiObject).routes)
      await this.readOne(this.#caches.httpRoutes, { namespace, name }, timeoutMs);
  }

  /**
   * One object as it is stored, which its cache then knows too; undefined when it is gone. A pass waits for it: no longer
   * than for a write.
   * @throws ApiError
   */
  async readOne(
    cache: CacheOf,
    at: { namespace?: string | undefined; name: string },
    timeoutMs: number = WRITE.timeoutMs,
  ): Promise<KubeObject | undefined> {
    // Looked at first: what is gone is this one, not another of its name that comes while the answer is on its way.
    const known = cache.store.get(at);
    const object = await this.#client.find(cache.type, at, { timeoutMs });
    if (object) cache.store.noteWritten(object);
    else if (known?.metadata.uid) cache.store.noteDeleted({ ...at, uid: known.metadata.uid });
    return object;
  }
}
