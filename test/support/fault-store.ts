import { randomUUID } from 'node:crypto';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { isRecord, objectKey } from '../../src/kube/kube-object.ts';

/** One entry of a collection's history. */
export interface StoredEvent {
  readonly rv: bigint;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
}

/** A refusal, as a Status. */
export class StoreRefusal extends Error {
  readonly status: number;
  readonly reason: string;
  readonly details: unknown;

  constructor(status: number, reason: string, message: string, details?: unknown) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.details = details;
  }
}

/** That of an object that is not there names it. @param key namespace/name */
export function missingObject(key: string): StoreRefusal {
  return new StoreRefusal(404, 'NotFound', `"${key}" not found`, { name: key.slice(key.indexOf('/') + 1) });
}

/** One collection with its history, as etcd and the watch cache would keep it. */
export class FaultCollection {
  readonly objects = new Map<string, KubeObject>();
  events: StoredEvent[] = [];
  /** Watches older than this get 410. */
  compactedAt = 0n;
  readonly #nextRV: () => bigint;
  readonly #publish: (event: StoredEvent) => void;

  constructor(nextRV: () => bigint, publish: (event: StoredEvent) => void) {
    this.#nextRV = nextRV;
    this.#publish = publish;
  }

  create(object: KubeObject, dryRun = false): KubeObject {
    const key = objectKey(object.metadata);
    if (this.objects.has(key)) throw new StoreRefusal(409, 'AlreadyExists', `"${key}" already exists`);
    const metadata = {
      uid: randomUUID(),
      creationTimestamp: new Date().toISOString(),
      generation: 1,
      ...object.metadata,
    };
    return this.#commit('ADDED', key, { ...object, metadata }, dryRun);
  }

  update(object: KubeObject, dryRun = false): KubeObject {
    const key = objectKey(object.metadata);
    const current = this.#existing(key);
    const expected = object.metadata.resourceVersion;
    if (expected && expected !== current.metadata.resourceVersion) throw conflict(key);
    const metadata = { ...current.metadata, ...object.metadata, uid: current.metadata.uid };
    return this.#commit('MODIFIED', key, { ...object, metadata }, dryRun);
  }

  patch(key: string, body: unknown, dryRun = false): KubeObject {
    const current = this.#existing(key);
    const wanted = isRecord(body) && isRecord(body.metadata) ? body.metadata.resourceVersion : undefined;
    if (wanted !== undefined && wanted !== current.metadata.resourceVersion) throw conflict(key);
    return this.#commit('MODIFIED', key, merge(current, body) as KubeObject, dryRun);
  }

  remove(key: string, preconditions: { uid?: unknown; resourceVersion?: unknown } = {}): KubeObject {
    const current = this.#existing(key);
    const { uid, resourceVersion } = preconditions;
    if (uid !== undefined && uid !== current.metadata.uid) throw conflict(key);
    if (resourceVersion !== undefined && resourceVersion !== current.metadata.resourceVersion) throw conflict(key);
    if (current.metadata.finalizers?.length) {
      const metadata = { ...current.metadata, deletionTimestamp: new Date().toISOString() };
      return this.#commit('MODIFIED', key, { ...current, metadata }, false);
    }
    return this.#commit('DELETED', key, current, false);
  }

  #existing(key: string): KubeObject {
    const current = this.objects.get(key);
    if (!current) throw missingObject(key);
    return current;
  }

  #commit(type: StoredEvent['type'], key: string, object: KubeObject, dryRun: boolean): KubeObject {
    if (dryRun) return object;
    const rv = this.#nextRV();
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(rv) } };
    if (type === 'DELETED') this.objects.delete(key);
    else this.objects.set(key, stored);
    const event = { rv, type, object: stored };
    this.events.push(event);
    this.#publish(event);
    return stored;
  }
}

function conflict(key: string): StoreRefusal {
  return new StoreRefusal(409, 'Conflict', `"${key}" has been modified`);
}

/** JSON merge patch (RFC 7386). */
function merge(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete result[field];
    else result[field] = merge(result[field], value);
  }
  return result;
}
