import { HASH_LABEL, ROLLOUT_LABEL } from '../api/names.ts';
import type { ApiObject } from '../api/object-meta.ts';
import { needsOf } from '../core/needs.ts';
import type { KubeClient } from '../kube/client.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { Reflector } from '../kube/reflector.ts';
import type { Caches } from './caches.ts';
import { WRITE } from './write-limit.ts';

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
    const labelSelector = `${HASH_LABEL},${ROLLOUT_LABEL}=${name}`;
    for (const cache of [replicaSets, analysisRuns])
      for (const object of (await this.#client.list(cache.type, { namespace, labelSelector })).items)
        cache.store.applyEvent('MODIFIED', cache.store.prepare(object, 'list') ?? object, 'list');
    const needs = needsOf(rollout as unknown as ApiObject);
    for (const service of needs.services) await this.readOne(services, { namespace, name: service });
    await this.readRoutes(rollout);
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
    cache: Pick<Reflector, 'type' | 'store'>,
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
