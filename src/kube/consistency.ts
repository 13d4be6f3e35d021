import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import type { ObjectName } from './kube-object.ts';
import { objectKey } from './kube-object.ts';
import { compareResourceVersions, isComparable } from './resource-version.ts';

/** The part of a cache that is asked; {@link ObjectStore} has it. */
export interface CacheView {
  lastSyncRV(): string | undefined;
  cachedRV(name: ObjectName): string | undefined;
}

/** Whether the caches have seen a key's own writes. `timedOut`: read these objects live, forget the key, and go on. */
export type Readiness =
  | { readonly state: 'ready' }
  | { readonly state: 'behind'; readonly objects: readonly string[]; readonly retryAfterMs: number }
  | { readonly state: 'timedOut'; readonly objects: readonly string[] };

interface WriteRecord {
  readonly cache: CacheView;
  readonly name: ObjectName;
  readonly rv: string;
  readonly at: number;
}

const GIVE_UP_MS = 5000;
const FIRST_RETRY_MS = 20;
const LAST_RETRY_MS = 500;

/**
 * Remembers, per queue key, what was written and not yet seen again by the cache, so that nobody decides on a cache older than
 * their own last write (Kubernetes 1.36 does the same for its own controllers, KEP-5647).
 */
export class ConsistencyTracker {
  readonly #clock: Clock;
  readonly #records = new Map<string, Map<CacheView, Map<string, WriteRecord>>>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** `key` wrote an object of `cache`, and the answer carried `rv`. What cannot be compared is not waited for. */
  noteWrite(key: string, cache: CacheView, name: ObjectName, rv: string | undefined): void {
    if (!isComparable(rv)) return;
    const caches = this.#records.get(key) ?? new Map<CacheView, Map<string, WriteRecord>>();
    const records = caches.get(cache) ?? new Map<string, WriteRecord>();
    this.#records.set(key, caches);
    caches.set(cache, records);
    const before = records.get(objectKey(name));
    if (before && compareResourceVersions(rv, before.rv) === -1) return;
    records.set(objectKey(name), { cache, name, rv, at: this.#clock.monotonic() });
  }

  /** Asks before each pass. Records that were seen are forgotten; those that timed out wait until they are read live. */
  ready(key: string): Readiness {
    const behind: WriteRecord[] = [];
    const timedOut: WriteRecord[] = [];
    const now = this.#clock.monotonic();
    for (const records of this.#records.get(key)?.values() ?? []) {
      for (const [name, record] of records) {
        if (isSeen(record)) records.delete(name);
        else if (now - record.at < GIVE_UP_MS) behind.push(record);
        else timedOut.push(record);
      }
    }
    if (behind.length > 0) {
      const youngest = Math.max(...behind.map(record => record.at));
      const retryAfterMs = Math.min(LAST_RETRY_MS, Math.max(FIRST_RETRY_MS, now - youngest));
      return { state: 'behind', objects: names(behind), retryAfterMs };
    }
    if (timedOut.length > 0) return { state: 'timedOut', objects: names(timedOut) };
    this.#records.delete(key);
    return { state: 'ready' };
  }

  /** Drops what is known of a key, because its object is gone, or all of it was read live. */
  forget(key: string): void {
    this.#records.delete(key);
  }
}

function isSeen(record: WriteRecord): boolean {
  return atLeast(record.cache.cachedRV(record.name), record.rv) || atLeast(record.cache.lastSyncRV(), record.rv);
}

/** Unknown is not seen; not comparable is taken for seen, or nobody would ever go on. */
function atLeast(rv: string | undefined, wanted: string): boolean {
  return rv !== undefined && compareResourceVersions(rv, wanted) !== -1;
}

function names(records: readonly WriteRecord[]): string[] {
  return records.map(record => objectKey(record.name));
}
