import type { JsonObject, KubeObject } from '../json.ts';
import { arrayAt, clone, isObject, stringAt } from '../json.ts';
import type { StoreEvent } from '../storage/store.ts';
import type { ResourceType } from '../types/resource-type.ts';
import type { ServerContext } from './context.ts';
import type { Deleter } from './deleter.ts';
import { plainDelete } from './write-options.ts';

interface Dependent {
  type: ResourceType;
  namespace: string;
  name: string;
}

/**
 * Deletes objects whose owners are gone (by uid), finishes foreground deletions when the last blocking dependent is
 * gone, and orphans dependents where that was asked. Works shortly after the event, never inside the request.
 */
export class GarbageCollector {
  private readonly context: ServerContext;
  private readonly deleter: Deleter;
  private readonly watched = new Map<string, () => void>();
  private readonly dependents = new Map<string, Map<string, Dependent>>();
  private readonly pending: (() => void)[] = [];
  private timer: NodeJS.Immediate | undefined;

  constructor(context: ServerContext, deleter: Deleter) {
    this.context = context;
    this.deleter = deleter;
  }

  /** Starts following a type's objects. Types that share a storage are followed once. */
  follow(type: ResourceType): void {
    if (this.watched.has(type.storageKey)) return;
    this.watched.set(
      type.storageKey,
      this.context.store.subscribe(type.storageKey, event => this.onEvent(type, event)),
    );
  }

  /** Stops all work. */
  stop(): void {
    for (const unsubscribe of this.watched.values()) unsubscribe();
    this.watched.clear();
    if (this.timer !== undefined) clearImmediate(this.timer);
  }

  private onEvent(type: ResourceType, event: StoreEvent): void {
    const { object } = event;
    const self: Dependent = {
      type,
      namespace: stringAt(object.metadata, 'namespace') ?? '',
      name: stringAt(object.metadata, 'name') ?? '',
    };
    const key = `${type.storageKey}/${self.namespace}/${self.name}`;
    for (const uid of ownerUids(event.previous)) this.dependents.get(uid)?.delete(key);
    const owners = ownerUids(object);
    if (event.type === 'DELETED') {
      this.later(() => this.afterDeletion(object));
      return;
    }
    for (const uid of owners) {
      const known = this.dependents.get(uid) ?? new Map<string, Dependent>();
      known.set(key, self);
      this.dependents.set(uid, known);
    }
    if (owners.length > 0 && event.type === 'ADDED') this.later(() => this.collectIfOrphaned(self));
    if (object.metadata.deletionTimestamp !== undefined) this.later(() => this.progressDeletion(self));
  }

  private later(work: () => void): void {
    this.pending.push(work);
    this.timer ??= setImmediate(() => {
      this.timer = undefined;
      for (const next of this.pending.splice(0)) next();
    });
  }

  private read(dependent: Dependent): KubeObject | undefined {
    return this.context.store.get(dependent.type.storageKey, dependent.namespace, dependent.name);
  }

  private afterDeletion(owner: KubeObject): void {
    const uid = stringAt(owner.metadata, 'uid') ?? '';
    const dependents = [...(this.dependents.get(uid)?.values() ?? [])];
    this.dependents.delete(uid);
    for (const dependent of dependents) this.collectIfOrphaned(dependent);
    for (const parent of ownerUids(owner)) this.progressOwner(owner, parent);
  }

  /** A dependent went: a foreground deletion of its owner may be able to finish. */
  private progressOwner(dependent: KubeObject, uid: string): void {
    const reference = owners(dependent).find(owner => owner.uid === uid);
    if (reference === undefined) return;
    const found = this.findOwner(reference, stringAt(dependent.metadata, 'namespace') ?? '');
    if (found !== undefined) this.progressDeletion(found);
  }

  private findOwner(reference: JsonObject, namespace: string): Dependent | undefined {
    const type = this.context.registry.ofKind(
      stringAt(reference, 'apiVersion') ?? '',
      stringAt(reference, 'kind') ?? '',
    );
    if (type === undefined) return undefined;
    return { type, namespace: type.namespaced ? namespace : '', name: stringAt(reference, 'name') ?? '' };
  }

  private collectIfOrphaned(dependent: Dependent): void {
    const object = this.read(dependent);
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) return;
    const references = owners(object);
    if (references.length === 0) return;
    const alive = references.filter(reference => this.isAlive(reference, dependent.namespace));
    if (alive.length === references.length) return;
    if (alive.length === 0) {
      this.deleter.delete(dependent.type, dependent.namespace, dependent.name, {
        ...plainDelete,
        propagationPolicy: 'Background',
      });
      return;
    }
    const next = clone(object);
    next.metadata.ownerReferences = alive;
    this.context.store.put(dependent.type.storageKey, next);
  }

  /** An owner of a kind that is not served counts as alive: the real collector does not delete on doubt. */
  private isAlive(reference: JsonObject, namespace: string): boolean {
    const owner = this.findOwner(reference, namespace);
    if (owner === undefined) return true;
    return this.read(owner)?.metadata.uid === reference.uid;
  }

  private progressDeletion(self: Dependent): void {
    const object = this.read(self);
    if (object === undefined || object.metadata.deletionTimestamp === undefined) return;
    const finalizers = arrayAt(object.metadata, 'finalizers');
    const uid = stringAt(object.metadata, 'uid') ?? '';
    const dependents = [...(this.dependents.get(uid)?.values() ?? [])];
    if (finalizers.includes('orphan')) {
      for (const dependent of dependents) this.dropOwner(dependent, uid);
      this.deleter.removeFinalizer(self.type, object, 'orphan');
    } else if (finalizers.includes('foregroundDeletion')) {
      const blocking = dependents.filter(dependent => this.blocks(dependent, uid));
      if (blocking.length === 0) {
        this.deleter.removeFinalizer(self.type, object, 'foregroundDeletion');
        return;
      }
      for (const dependent of blocking) this.deleteForeground(dependent);
    }
  }

  private blocks(dependent: Dependent, uid: string): boolean {
    const object = this.read(dependent);
    return object !== undefined && owners(object).some(owner => owner.uid === uid && owner.blockOwnerDeletion === true);
  }

  private deleteForeground(dependent: Dependent): void {
    const object = this.read(dependent);
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) return;
    const options = { ...plainDelete, propagationPolicy: 'Foreground' as const };
    this.deleter.delete(dependent.type, dependent.namespace, dependent.name, options);
  }

  private dropOwner(dependent: Dependent, uid: string): void {
    const object = this.read(dependent);
    if (object === undefined) return;
    const next = clone(object);
    const left = owners(next).filter(owner => owner.uid !== uid);
    if (left.length === 0) delete next.metadata.ownerReferences;
    else next.metadata.ownerReferences = left;
    this.context.store.put(dependent.type.storageKey, next);
  }
}

function owners(object: KubeObject): JsonObject[] {
  return arrayAt(object.metadata, 'ownerReferences').filter(isObject);
}

function ownerUids(object: KubeObject | undefined): string[] {
  if (object === undefined) return [];
  return owners(object).flatMap(owner => stringAt(owner, 'uid') ?? []);
}
