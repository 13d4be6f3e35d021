import type { ApiClient, KubeObject } from '../control-plane/api-client.ts';
import { type ObjectWatch, watchObjects } from '../control-plane/watch-objects.ts';

/** The collections that a Rollout has to do with, by plural. */
export const FOLLOWED = {
  rollouts: '/apis/sluice.dev/v1alpha1',
  analysisruns: '/apis/sluice.dev/v1alpha1',
  replicasets: '/apis/apps/v1',
  controllerrevisions: '/apis/apps/v1',
  services: '/api/v1',
  pods: '/api/v1',
  endpointslices: '/apis/discovery.k8s.io/v1',
  httproutes: '/apis/gateway.networking.k8s.io/v1',
} as const;

/** One of the collections that are followed. */
export type Followed = keyof typeof FOLLOWED;

/** An object as it was from one moment on; undefined from its deletion on. */
export interface Change {
  /** Order of all changes of the cluster: the API server keeps one count for all kinds. */
  readonly version: bigint;
  /** When the test heard of it, milliseconds of `performance.now()`. */
  readonly at: number;
  readonly plural: Followed;
  readonly name: string;
  readonly uid: string;
  readonly object: KubeObject | undefined;
}

/** What became of the objects of one namespace, seen by somebody who is not the operator. */
export class NamespaceHistory {
  readonly #changes: Change[] = [];
  readonly #now = new Map<string, KubeObject>();
  lastChangeAt = performance.now();

  note(plural: Followed, object: KubeObject, gone: boolean): void {
    const { name, uid = '', resourceVersion = '0' } = object.metadata;
    const key = `${plural}/${name}`;
    if (!gone && this.#now.get(key)?.metadata.resourceVersion === resourceVersion) return;
    const at = performance.now();
    this.lastChangeAt = at;
    const seen = gone ? undefined : object;
    this.#changes.push({ version: BigInt(resourceVersion), at, plural, name, uid, object: seen });
    if (gone) this.#now.delete(key);
    else this.#now.set(key, object);
  }

  /** Everything that changed, in the order in which it happened. */
  changes(): Change[] {
    return this.#changes.toSorted((a, b) => (a.version < b.version ? -1 : a.version > b.version ? 1 : 0));
  }

  /** An object as it is now. */
  get(plural: Followed, name: string): KubeObject | undefined {
    return this.#now.get(`${plural}/${name}`);
  }

  /** All objects of a kind as they are now, by name. */
  all(plural: Followed): KubeObject[] {
    const found = [...this.#now].filter(([key]) => key.startsWith(`${plural}/`)).map(([, object]) => object);
    return found.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  }
}

/** Follows a whole cluster, and keeps the history of each namespace apart. */
export class ClusterHistory {
  readonly #namespaces = new Map<string, NamespaceHistory>();
  #watches: ObjectWatch[] = [];

  static async follow(client: ApiClient): Promise<ClusterHistory> {
    const history = new ClusterHistory();
    const kinds = Object.entries(FOLLOWED) as [Followed, string][];
    history.#watches = await Promise.all(
      kinds.map(([plural, root]) =>
        watchObjects(client, `${root}/${plural}`, {
          onObject: object => history.#note(plural, object, false),
          onGone: object => history.#note(plural, object, true),
        }),
      ),
    );
    return history;
  }

  /** The history of a namespace, from now on when it was not asked for before. */
  of(namespace: string): NamespaceHistory {
    const known = this.#namespaces.get(namespace) ?? new NamespaceHistory();
    this.#namespaces.set(namespace, known);
    return known;
  }

  forget(namespace: string): void {
    this.#namespaces.delete(namespace);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#watches.map(watch => watch.stop()));
  }

  #note(plural: Followed, object: KubeObject, gone: boolean): void {
    this.#namespaces.get(object.metadata.namespace ?? '')?.note(plural, object, gone);
  }
}
