import type { KubeObject } from '../json.ts';
import { stringAt } from '../json.ts';

/** A change of one object. `object` is the new state (for a deletion: the last one, with the deletion's version). */
export interface StoreEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  resourceVersion: number;
  object: KubeObject;
  previous: KubeObject | undefined;
  /** Encoded forms by format, filled by whoever encodes first: each event is encoded once per format. */
  encoded: Map<string, Buffer>;
}

interface Collection {
  objects: Map<string, KubeObject>;
  sortedKeys: string[] | undefined;
  history: StoreEvent[];
  /** Changes at or below this version have been dropped from the history. */
  compactedAt: number;
  watchers: Set<(event: StoreEvent) => void>;
}

/** A list at one version. */
export interface Snapshot {
  objects: KubeObject[];
  resourceVersion: number;
}

/**
 * All objects, in memory, with one counter of versions and a bounded history per collection for watches. Objects given
 * to it and got from it must never be changed: readers share them.
 */
export class Store {
  private readonly collections = new Map<string, Collection>();
  private readonly historyLength: number;
  private version = 1;

  /** @param historyLength events kept per collection before the oldest is compacted */
  constructor(historyLength = 10_000) {
    this.historyLength = historyLength;
  }

  /** The version of the latest write. */
  get resourceVersion(): number {
    return this.version;
  }

  /** One object, or undefined. `namespace` is empty for cluster-scoped objects. */
  get(storageKey: string, namespace: string, name: string): KubeObject | undefined {
    return this.collections.get(storageKey)?.objects.get(`${namespace}/${name}`);
  }

  /** Objects in key order, of one namespace or all. */
  list(storageKey: string, namespace?: string): Snapshot {
    const collection = this.collection(storageKey);
    collection.sortedKeys ??= [...collection.objects.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const prefix = namespace === undefined ? '' : `${namespace}/`;
    const objects: KubeObject[] = [];
    for (const key of collection.sortedKeys) {
      const object = key.startsWith(prefix) ? collection.objects.get(key) : undefined;
      if (object !== undefined) objects.push(object);
    }
    return { objects, resourceVersion: this.version };
  }

  /** Stores an object as a new version, stamps its resourceVersion and tells the watchers. */
  put(storageKey: string, object: KubeObject): KubeObject {
    const collection = this.collection(storageKey);
    const key = keyOf(object);
    const previous = collection.objects.get(key);
    this.version += 1;
    object.metadata.resourceVersion = String(this.version);
    if (previous === undefined) collection.sortedKeys = undefined;
    collection.objects.set(key, object);
    this.record(collection, previous === undefined ? 'ADDED' : 'MODIFIED', object, previous);
    return object;
  }

  /** Removes an object and tells the watchers; the event carries `last` (or the stored object) at the new version. */
  remove(storageKey: string, object: KubeObject): KubeObject {
    const collection = this.collection(storageKey);
    const key = keyOf(object);
    const previous = collection.objects.get(key);
    this.version += 1;
    const last: KubeObject = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.version) } };
    collection.objects.delete(key);
    collection.sortedKeys = undefined;
    this.record(collection, 'DELETED', last, previous);
    return last;
  }

  /** Events after `since`, or undefined when some of them are gone already. */
  eventsAfter(storageKey: string, since: number): StoreEvent[] | undefined {
    const collection = this.collection(storageKey);
    if (since < collection.compactedAt) return undefined;
    const history = collection.history;
    let low = 0;
    let high = history.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((history[middle]?.resourceVersion ?? 0) <= since) low = middle + 1;
      else high = middle;
    }
    return history.slice(low);
  }

  /** Calls `listener` with every later event of the collection, in order, until the returned function is called. */
  subscribe(storageKey: string, listener: (event: StoreEvent) => void): () => void {
    const { watchers } = this.collection(storageKey);
    watchers.add(listener);
    return () => {
      watchers.delete(listener);
    };
  }

  /** Forgets the history up to now, as an etcd compaction does: older watches and continue tokens get 410. */
  compact(): void {
    for (const collection of this.collections.values()) {
      collection.history = [];
      collection.compactedAt = this.version;
    }
  }

  private record(
    collection: Collection,
    type: StoreEvent['type'],
    object: KubeObject,
    previous: KubeObject | undefined,
  ): void {
    const event: StoreEvent = { type, resourceVersion: this.version, object, previous, encoded: new Map() };
    collection.history.push(event);
    if (collection.history.length > this.historyLength * 1.25) {
      const dropped = collection.history.splice(0, collection.history.length - this.historyLength);
      collection.compactedAt = dropped.at(-1)?.resourceVersion ?? collection.compactedAt;
    }
    for (const watcher of [...collection.watchers]) watcher(event);
  }

  private collection(storageKey: string): Collection {
    const known = this.collections.get(storageKey);
    if (known !== undefined) return known;
    const created: Collection = {
      objects: new Map(),
      sortedKeys: undefined,
      history: [],
      compactedAt: 0,
      watchers: new Set(),
    };
    this.collections.set(storageKey, created);
    return created;
  }
}

function keyOf(object: KubeObject): string {
  return `${stringAt(object.metadata, 'namespace') ?? ''}/${stringAt(object.metadata, 'name') ?? ''}`;
}
