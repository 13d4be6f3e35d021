import type { KubeClient } from '../../kube/client.ts';
import { errorFromResponse } from '../../kube/errors.ts';
import { isRecord, type KubeObject } from '../../kube/kube-object.ts';
import { groupVersionPath, type ResourceType } from '../../kube/resource-path.ts';

/** Finds the resource type of a manifest by asking discovery, once per group and version. */
export class TypeResolver {
  readonly #client: KubeClient;
  readonly #known = new Map<string, ReadonlyMap<string, ResourceType>>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** Undefined when the server does not serve the kind. @throws ApiError */
  async resolve(object: Pick<KubeObject, 'apiVersion' | 'kind'>): Promise<ResourceType | undefined> {
    const apiVersion = object.apiVersion ?? '';
    const known = this.#known.get(apiVersion)?.get(object.kind ?? '');
    if (known) return known;
    const kinds = await this.#discover(apiVersion);
    this.#known.set(apiVersion, kinds);
    return kinds.get(object.kind ?? '');
  }

  /** Asks again next time: the kind is gone, or was not what it seemed. */
  forget(apiVersion: string): void {
    this.#known.delete(apiVersion);
  }

  async #discover(apiVersion: string): Promise<Map<string, ResourceType>> {
    const [group, version] = apiVersion.includes('/') ? apiVersion.split('/', 2) : ['', apiVersion];
    const types = new Map<string, ResourceType>();
    if (!version) return types;
    const path = groupVersionPath({ group: group ?? '', version });
    const { status, body } = await this.#client.transport.request({
      method: 'GET',
      verb: 'discover',
      resource: 'discovery',
      path,
    });
    // Only a 404 says that the group is not served; anything else says nothing.
    if (status !== 200 && status !== 404)
      throw errorFromResponse({ verb: 'discover', path, status, body, nowMs: this.#client.transport.clock.now() });
    if (status !== 200 || !isRecord(body) || !Array.isArray(body.resources)) return types;
    for (const entry of body.resources.filter(isRecord)) {
      if (typeof entry.name !== 'string' || entry.name.includes('/') || typeof entry.kind !== 'string') continue;
      types.set(entry.kind, {
        group: group ?? '',
        version,
        plural: entry.name,
        kind: entry.kind,
        namespaced: entry.namespaced === true,
      });
    }
    return types;
  }
}
