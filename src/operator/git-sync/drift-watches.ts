import { GIT_SYNC_LABEL } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client.ts';
import { Reflector } from '../../kube/reflector.ts';
import { type ResourceType, resourceLabel } from '../../kube/resource-path.ts';
import type { Log } from '../log.ts';
import { type HeldObject, holdObject } from './held-object.ts';
import { inventoryId } from './inventory.ts';

export interface DriftWatchesParts {
  readonly client: KubeClient;
  readonly log: Log;
  /** An object changed, came or went. */
  readonly onChange: (id: string) => void;
  /** A type was listed: what is not in it is gone, also without an event. */
  readonly onListed: (namespace: string, type: ResourceType) => void;
}

interface Watch {
  readonly reflector: Reflector;
  /** GitSyncs that have objects of the type. */
  readonly users: Set<string>;
}

/** Follows the objects that GitSyncs applied: one watch per namespace and type, for as long as somebody uses it. */
export class DriftWatches {
  readonly #parts: DriftWatchesParts;
  readonly #watches = new Map<string, Watch>();
  readonly #stopping = new Set<Promise<void>>();

  constructor(parts: DriftWatchesParts) {
    this.#parts = parts;
  }

  /** From now on this GitSync has objects of exactly these types. */
  use(gitSync: string, namespace: string, types: readonly ResourceType[]): void {
    const wanted = new Set(types.map(type => watchId(namespace, type)));
    for (const type of types) this.#watch(namespace, type).users.add(gitSync);
    for (const [id, { users, reflector }] of this.#watches) {
      if (wanted.has(id) || !users.delete(gitSync) || users.size > 0) continue;
      this.#watches.delete(id);
      this.#end(reflector);
    }
  }

  /** The object as the watch shows it; `following: false` while the watch cannot be relied on. */
  see(namespace: string, type: ResourceType, name: string): { following: boolean; object: HeldObject | undefined } {
    const reflector = this.#watches.get(watchId(namespace, type))?.reflector;
    if (!reflector) return { following: false, object: undefined };
    const { synced, absent, watching, failure } = reflector.state();
    const object = reflector.store.get({ namespace, name }) as HeldObject | undefined;
    return { following: synced && !absent && watching && !failure, object };
  }

  async stop(): Promise<void> {
    for (const { reflector } of this.#watches.values()) this.#end(reflector);
    this.#watches.clear();
    await Promise.all(this.#stopping);
  }

  #watch(namespace: string, type: ResourceType): Watch {
    const id = watchId(namespace, type);
    const known = this.#watches.get(id);
    if (known) return known;
    const { client, log, onChange, onListed } = this.#parts;
    const reflector = new Reflector({
      client,
      type,
      namespace,
      labelSelector: GIT_SYNC_LABEL,
      trim: holdObject,
      optional: true,
      observe: observation => {
        if (observation.kind === 'listed') onListed(namespace, type);
        if (observation.kind === 'failing')
          log.warn('a watch for drift is failing; its type is applied at every interval instead', {
            namespace,
            resource: resourceLabel(type),
            code: observation.code,
            error: observation.message,
          });
      },
    });
    reflector.store.addHandler((_change, { metadata }) =>
      onChange(inventoryId({ apiVersion: `${type.group}/${type.version}`, kind: type.kind, metadata }, namespace)),
    );
    const watch = { reflector, users: new Set<string>() };
    this.#watches.set(id, watch);
    reflector.start();
    return watch;
  }

  #end(reflector: Reflector): void {
    const ended: Promise<void> = reflector.stop().finally(() => this.#stopping.delete(ended));
    this.#stopping.add(ended);
  }
}

/** A type in two versions has two watches: the print is of the version that was applied. */
function watchId(namespace: string, type: ResourceType): string {
  return `${namespace}/${type.group}/${type.version}/${type.plural}`;
}
