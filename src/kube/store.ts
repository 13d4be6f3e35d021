import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import type { KubeObject, ObjectName } from './kube-object.ts';
import { isRecord, malformedReason, objectKey } from './kube-object.ts';
import type { ChangeSource, ChangeType, ReflectorObservation } from './reflector-observation.ts';
import { compareResourceVersions } from './resource-version.ts';
import { RevisionWaiters } from './revision-waiters.ts';
import type { IndexFunctions } from './store-index.ts';
import { StoreIndex } from './store-index.ts';

/** Told of every change. For a deletion `object` is the last known state. A throw is counted and otherwise ignored. */
export type ChangeHandler = (
  type: ChangeType,
  object: KubeObject,
  old: KubeObject | undefined,
  source: ChangeSource,
) => void;

/** What happened to a store while a list was being read; without it the list would undo newer knowledge. */
export interface StoreJournal {
  readonly writtenKeys: Set<string>;
  /** uid -> key */
  readonly deleted: Map<string, string>;
}

/** Input of {@link ObjectStore}. */
export interface ObjectStoreOptions {
  readonly indexers?: IndexFunctions | undefined;
  /** Keeps less of an object; may change it in place. Default: drops `metadata.managedFields`. */
  readonly trim?: ((object: KubeObject) => KubeObject) | undefined;
  /** The server raises `metadata.generation` with each change of `spec`: while it stays, one `spec` is kept for all versions. */
  readonly specByGeneration?: boolean | undefined;
  /** Only objects of this namespace belong here. */
  readonly namespace?: string | undefined;
  /** False when a selector decides what belongs here: then a write of ours never adds an object, only the watch does. */
  readonly addsWrites?: boolean | undefined;
  readonly clock?: Clock | undefined;
  readonly observe?: ((observation: ReflectorObservation) => void) | undefined;
}

/** Objects handled between two turns of the event loop while a list is taken over. */
const CHUNK = 2000;
const MAX_TOMBSTONES = 10_000;

/**
 * The cached objects of one type. Readers must not change what they get: it is the cache itself.
 * Only the reflector calls the methods that are marked so.
 */
export class ObjectStore {
  readonly #options: ObjectStoreOptions;
  readonly #handlers: ChangeHandler[] = [];
  readonly #waiters: RevisionWaiters;
  readonly #journals = new Set<StoreJournal>();
  /** Uids whose deletion we know of while older watch events may still be on their way. */
  #tombstones = new Set<string>();
  #objects = new Map<string, KubeObject>();
  #index: StoreIndex;
  #lastRV: string | undefined;

  constructor(options: ObjectStoreOptions = {}) {
    this.#options = options;
    this.#waiters = new RevisionWaiters(options.clock ?? systemClock);
    this.#index = this.#newIndex();
  }

  /** Number of objects. */
  get size(): number {
    return this.#objects.size;
  }

  /** One object, or undefined. */
  get(name: ObjectName): KubeObject | undefined {
    return this.#objects.get(objectKey(name));
  }

  /** All objects, in no particular order. */
  values(): IterableIterator<KubeObject> {
    return this.#objects.values();
  }

  /** Objects by a value of an index. @throws RangeError for an unknown index */
  byIndex(indexName: string, value: string): KubeObject[] {
    return this.#index.lookup(indexName, value);
  }

  /** The resourceVersion up to which the server has told us everything; undefined before the first list. */
  lastSyncRV(): string | undefined {
    return this.#lastRV;
  }

  /** The resourceVersion of the cached object, or undefined. */
  cachedRV(name: ObjectName): string | undefined {
    return this.get(name)?.metadata.resourceVersion;
  }

  /**
   * Waits until the server has told us everything up to `rv`.
   * @returns true when it has (or when `rv` cannot be compared: fail open), false after `timeoutMs`.
   */
  waitForRV(rv: string, timeoutMs: number): Promise<boolean> {
    return this.#waiters.wait(rv, this.#lastRV, timeoutMs);
  }

  /** Adds a handler; call it before the reflector starts. */
  addHandler(handler: ChangeHandler): void {
    this.#handlers.push(handler);
  }

  /** Takes over an object that one of our own writes returned, when it is news. Nobody may change it from then on. */
  noteWritten(raw: KubeObject): void {
    if (this.#lastRV === undefined || !this.#inScope(raw)) return;
    const object = this.prepare(raw, 'write');
    if (!object || this.#tombstones.has(uidOf(object))) return;
    const key = objectKey(object.metadata);
    const cached = this.#objects.get(key);
    // Absent although the server told us of later changes: it was deleted since.
    const than = cached ? cached.metadata.resourceVersion : this.#lastRV;
    if (compareResourceVersions(object.metadata.resourceVersion, than) !== 1) return;
    if (!cached && this.#options.addsWrites === false) return;
    for (const journal of this.#journals) journal.writtenKeys.add(key);
    this.#put(key, object, cached, 'write');
  }

  /** Forgets an object that one of our own deletes removed for good; a later object of the same name is not touched. */
  noteDeleted(name: ObjectName & { readonly uid: string }): void {
    if (this.#lastRV === undefined) return;
    const key = objectKey(name);
    for (const journal of this.#journals) journal.deleted.set(name.uid, key);
    this.#tombstones.add(name.uid);
    if (this.#tombstones.size > MAX_TOMBSTONES) {
      for (const oldest of this.#tombstones) {
        this.#tombstones.delete(oldest);
        break;
      }
    }
    const cached = this.#objects.get(key);
    if (cached?.metadata.uid === name.uid) this.#remove(key, cached, cached, 'write');
  }

  /** Reflector: checks and trims a decoded object; undefined (and a report) when it cannot be cached. */
  prepare(raw: unknown, source: ChangeSource): KubeObject | undefined {
    const reason = malformedReason(raw);
    if (reason !== undefined) {
      this.#report({ kind: 'malformed', source, object: describe(raw), reason });
      return undefined;
    }
    try {
      return (this.#options.trim ?? trimManagedFields)(raw as KubeObject);
    } catch (error) {
      this.#report({ kind: 'malformed', source, object: describe(raw), reason: `trim failed: ${String(error)}` });
      return undefined;
    }
  }

  /** Reflector: applies one watch event. What is not newer than the cached object is ignored; a deletion never is. */
  applyEvent(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject, source: ChangeSource = 'watch'): void {
    const key = objectKey(object.metadata);
    const uid = uidOf(object);
    const cached = this.#objects.get(key);
    const order = compareResourceVersions(object.metadata.resourceVersion, cached?.metadata.resourceVersion);
    if (type === 'DELETED') {
      this.#tombstones.delete(uid);
      for (const journal of this.#journals) journal.deleted.set(uid, key);
      // Another uid and older: the end of an earlier object of this name. Newer: of a later one, so ours is gone too.
      if (cached && (cached.metadata.uid === uid || order === 1)) this.#remove(key, object, cached, source);
    } else if ((source === 'watch' && this.#tombstones.has(uid)) || (cached && (order === 0 || order === -1))) {
      this.#report({ kind: 'outdatedEvent' });
    } else {
      // Who reads anew sees to it that what was deleted meanwhile is left out, and has seen that it is there.
      this.#tombstones.delete(uid);
      this.#put(key, object, cached, source);
    }
    if (source === 'watch') this.advance(object.metadata.resourceVersion);
  }

  /** Reflector: the server has told us everything up to `rv`. Never goes back. */
  advance(rv: string | undefined): void {
    if (rv === undefined || rv === '' || compareResourceVersions(rv, this.#lastRV) === -1) return;
    this.#lastRV = rv;
    this.#waiters.reached(rv);
  }

  /** Reflector: starts noting what happens besides a list. */
  openJournal(): StoreJournal {
    const journal = { writtenKeys: new Set<string>(), deleted: new Map<string, string>() };
    this.#journals.add(journal);
    return journal;
  }

  /** Reflector: ends it. */
  closeJournal(journal: StoreJournal): void {
    this.#journals.delete(journal);
  }

  /**
   * Reflector: takes over a complete list. Readers see either the old or the new content, never a mixture; handlers are told
   * afterwards. The event loop gets its turn every few thousand objects.
   */
  async replace(items: readonly KubeObject[], rv: string | undefined, journal: StoreJournal): Promise<void> {
    const next = new Map<string, KubeObject>();
    const index = this.#newIndex();
    const pause = everyChunk();
    for (const item of items) {
      const key = objectKey(item.metadata);
      const twin = next.get(key)?.metadata.resourceVersion;
      if (compareResourceVersions(item.metadata.resourceVersion, twin) === -1) continue;
      next.set(key, item);
      index.set(key, item);
      if (pause.due()) await pause.turn();
    }
    const old = this.#objects;
    this.#swap(next, index, rv, journal);
    for (const [key, object] of next) {
      const before = old.get(key);
      if (before === undefined) this.#emit('added', object, undefined, 'list');
      else if (before.metadata.uid !== object.metadata.uid) {
        this.#emit('deleted', before, before, 'list');
        this.#emit('added', object, undefined, 'list');
      } else if (before.metadata.resourceVersion !== object.metadata.resourceVersion) {
        this.#emit('modified', object, before, 'list');
      }
      if (pause.due()) await pause.turn();
    }
    for (const [key, before] of old) {
      if (!next.has(key)) this.#emit('deleted', before, before, 'list');
      if (pause.due()) await pause.turn();
    }
  }

  /** One synchronous step: what our own writes taught us while the list was read is kept, everything else is the list's. */
  #swap(next: Map<string, KubeObject>, index: StoreIndex, rv: string | undefined, journal: StoreJournal): void {
    for (const key of journal.writtenKeys) {
      const written = this.#objects.get(key);
      if (!written || compareResourceVersions(written.metadata.resourceVersion, rv) !== 1) continue;
      next.set(key, written);
      index.set(key, written);
    }
    for (const [uid, key] of journal.deleted) {
      if (next.get(key)?.metadata.uid !== uid) continue;
      next.delete(key);
      index.remove(key);
    }
    // What else is being read was begun before this list: it may still show what is gone.
    const others = [...this.#journals].filter(other => other !== journal);
    if (others.length > 0)
      for (const [key, { metadata }] of this.#objects)
        if (metadata.uid !== undefined && next.get(key)?.metadata.uid !== metadata.uid)
          for (const other of others) other.deleted.set(metadata.uid, key);
    this.#objects = next;
    this.#index = index;
    this.#tombstones = new Set(journal.deleted.keys());
    this.#lastRV = rv;
    if (rv !== undefined) this.#waiters.reached(rv);
  }

  #put(key: string, object: KubeObject, cached: KubeObject | undefined, source: ChangeSource): void {
    if (this.#options.specByGeneration && hasSameSpec(object, cached)) object['spec'] = cached?.['spec'];
    this.#objects.set(key, object);
    this.#index.set(key, object);
    if (cached && cached.metadata.uid !== object.metadata.uid) {
      this.#emit('deleted', cached, cached, source);
      this.#emit('added', object, undefined, source);
    } else {
      this.#emit(cached ? 'modified' : 'added', object, cached, source);
    }
  }

  #remove(key: string, last: KubeObject, cached: KubeObject, source: ChangeSource): void {
    this.#objects.delete(key);
    this.#index.remove(key);
    this.#emit('deleted', last, cached, source);
  }

  #emit(type: ChangeType, object: KubeObject, old: KubeObject | undefined, source: ChangeSource): void {
    this.#report({ kind: 'change', type, source });
    for (const handler of this.#handlers) {
      try {
        handler(type, object, old, source);
      } catch (error) {
        this.#report({ kind: 'handlerError', error });
      }
    }
  }

  #inScope(object: KubeObject): boolean {
    return this.#options.namespace === undefined || object.metadata?.namespace === this.#options.namespace;
  }

  #newIndex(): StoreIndex {
    return new StoreIndex(this.#options.indexers ?? {}, (error, object) =>
      this.#report({ kind: 'indexError', object: describe(object), error }),
    );
  }

  #report(observation: ReflectorObservation): void {
    this.#options.observe?.(observation);
  }
}

/** The default trim: managedFields are about half of an object and nothing here reads them. */
export function trimManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _dropped, ...metadata } = object.metadata;
  return { ...object, metadata: metadata as KubeObject['metadata'] };
}

/** What readers derived from a spec (see their WeakMaps) then stays valid over the many changes of a status. */
function hasSameSpec(object: KubeObject, cached: KubeObject | undefined): boolean {
  const { generation, uid } = object.metadata;
  return generation !== undefined && generation === cached?.metadata.generation && uid === cached.metadata.uid;
}

function uidOf(object: KubeObject): string {
  return object.metadata.uid ?? '';
}

function describe(raw: unknown): string {
  const meta = isRecord(raw) && isRecord(raw.metadata) ? raw.metadata : {};
  return `${String(meta.namespace ?? '')}/${String(meta.name ?? '?')}`.slice(0, 300);
}

function everyChunk(): { due(): boolean; turn(): Promise<void> } {
  let count = 0;
  return {
    due: () => {
      count += 1;
      return count % CHUNK === 0;
    },
    turn: () => new Promise(resolve => setImmediate(resolve)),
  };
}
