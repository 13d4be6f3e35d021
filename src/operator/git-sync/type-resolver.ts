import type { KubeClient } from '../../kube/client.ts';
import { ApiError, errorFromResponse } from '../../kube/errors.ts';
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

  /**
   * As `resolve`, in whatever version is served, and sure of it when it says that the kind is gone: a 404 for a group that
   * is served is one that passes.
   * @throws ApiError, `transient` when the server contradicts itself
   */
  async resolveForSure(group: string, version: string, kind: string): Promise<ResourceType | undefined> {
    const inVersion = (one: string) => this.resolve({ apiVersion: apiVersionOf(group, one), kind });
    const type = await inVersion(version);
    if (type) return type;
    const served = await this.#versionsOf(group);
    for (const other of served.filter(one => one !== version)) {
      const found = await inVersion(other);
      if (found) return found;
    }
    // Without one kind in it this was the 404.
    const silent = served.find(one => (this.#known.get(apiVersionOf(group, one))?.size ?? 0) === 0);
    if (silent === undefined) return undefined;
    throw inDoubt(
      groupVersionPath({ group, version: silent }),
      'the server serves this group, and says nothing of its kinds',
    );
  }

  /** Asks again next time: the kind is gone, or was not what it seemed. */
  forget(apiVersion: string): void {
    this.#known.delete(apiVersion);
  }

  async #discover(apiVersion: string): Promise<Map<string, ResourceType>> {
    const [group, version] = apiVersion.includes('/') ? apiVersion.split('/', 2) : ['', apiVersion];
    const types = new Map<string, ResourceType>();
    if (!version) return types;
    const body = await this.#ask(groupVersionPath({ group: group ?? '', version }));
    if (!isRecord(body) || !Array.isArray(body.resources)) return types;
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

  /** The versions of a group that the server names; none when it does not name the group. */
  async #versionsOf(group: string): Promise<string[]> {
    const path = group === '' ? '/api' : '/apis';
    const body = await this.#ask(path);
    const named = isRecord(body) ? body[group === '' ? 'versions' : 'groups'] : undefined;
    if (!Array.isArray(named)) throw inDoubt(path, 'the server does not say what it serves');
    if (group === '') return named.filter(version => typeof version === 'string');
    const found = named.filter(isRecord).find(({ name }) => name === group);
    const versions = Array.isArray(found?.versions) ? found.versions.filter(isRecord) : [];
    return versions.map(({ version }) => version).filter(version => typeof version === 'string');
  }

  /** Undefined for a 404, which alone says that something is not served; anything else says nothing. */
  async #ask(path: string): Promise<unknown> {
    const { clock } = this.#client.transport;
    const { status, body } = await this.#client.transport.request({
      method: 'GET',
      verb: 'discover',
      resource: 'discovery',
      path,
    });
    if (status === 200) return body;
    if (status === 404) return undefined;
    throw errorFromResponse({ verb: 'discover', path, status, body, nowMs: clock.now() });
  }
}

const inDoubt = (path: string, message: string): ApiError =>
  new ApiError({ code: 'transient', message, verb: 'discover', path, status: 404 });

export const apiVersionOf = (group: string, version: string): string =>
  group === '' ? version : `${group}/${version}`;
