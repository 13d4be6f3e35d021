import type { KubeClient } from './client.ts';
import type { KubeObject } from './kube-object.ts';
import { objectKey } from './kube-object.ts';
import type { ListOptions } from './list-pages.ts';
import type { ResourceType } from './resource-path.ts';
import { compareResourceVersions } from './resource-version.ts';
import type { ObjectStore, StoreJournal } from './store.ts';

/** Differences between cache and server that the watch should have told us of. */
export interface Drift {
  readonly missing: number;
  readonly outdated: number;
  readonly extra: number;
}

/** What to audit. */
export interface DriftAudit {
  readonly client: KubeClient;
  readonly type: ResourceType;
  readonly store: ObjectStore;
  readonly scope: Pick<ListOptions, 'namespace' | 'labelSelector' | 'fieldSelector' | 'limit'>;
  /** How long the watch may take to catch up with the list before a difference counts as drift, in milliseconds. */
  readonly graceMs: number;
  readonly signal: AbortSignal;
}

/**
 * Lists the collection once more and corrects what the cache got wrong: one lost event would otherwise stay lost for ever.
 * (Argo Rollouts #3316: a stale ReplicaSet counted until the progress deadline passed.) Handlers are told with source `audit`.
 * @throws ApiError when the list fails
 */
export async function auditDrift(audit: DriftAudit): Promise<Drift> {
  const { store } = audit;
  const journal = store.openJournal();
  try {
    const seen = new Set<string>();
    const list = await audit.client.list(audit.type, {
      ...audit.scope,
      signal: audit.signal,
      map: raw => keepIfSuspicious(store, seen, raw),
    });
    const suspicious = list.items.length > 0 || extras(store, seen, list.resourceVersion).length > 0;
    if (!suspicious) return { missing: 0, outdated: 0, extra: 0 };
    await store.waitForRV(list.resourceVersion, audit.graceMs);
    if (audit.signal.aborted) return { missing: 0, outdated: 0, extra: 0 };
    return correct(store, journal, list.items, extras(store, seen, list.resourceVersion));
  } finally {
    store.closeJournal(journal);
  }
}

/** Drops items that the cache already knows as well or better, so that an audit does not hold a second copy of everything. */
function keepIfSuspicious(store: ObjectStore, seen: Set<string>, raw: unknown): KubeObject | undefined {
  const object = store.prepare(raw, 'audit');
  if (!object) return undefined;
  seen.add(objectKey(object.metadata));
  return isNews(store, object) ? object : undefined;
}

function isNews(store: ObjectStore, object: KubeObject): boolean {
  const cached = store.get(object.metadata);
  return !cached || compareResourceVersions(object.metadata.resourceVersion, cached.metadata.resourceVersion) === 1;
}

/** Cached objects that the list should have had: not in it, and no newer than it. */
function extras(store: ObjectStore, seen: ReadonlySet<string>, listRV: string): KubeObject[] {
  const found: KubeObject[] = [];
  for (const cached of store.values()) {
    if (seen.has(objectKey(cached.metadata))) continue;
    const order = compareResourceVersions(cached.metadata.resourceVersion, listRV);
    if (order === -1 || order === 0) found.push(cached);
  }
  return found;
}

function correct(store: ObjectStore, journal: StoreJournal, listed: KubeObject[], extra: KubeObject[]): Drift {
  let missing = 0;
  let outdated = 0;
  for (const object of listed) {
    // Deleted after the list was read: the cache is right and the list is old.
    if (journal.deleted.has(object.metadata.uid ?? '') || !isNews(store, object)) continue;
    if (store.get(object.metadata)) outdated += 1;
    else missing += 1;
    store.applyEvent('MODIFIED', object, 'audit');
  }
  for (const object of extra) store.applyEvent('DELETED', object, 'audit');
  return { missing, outdated, extra: extra.length };
}
