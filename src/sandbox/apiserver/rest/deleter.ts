import { conflict, notFound } from '../api-error.ts';
import type { JsonObject, KubeObject } from '../json.ts';
import { arrayAt, clone, ensureObject, numberAt, objectAt, stringAt } from '../json.ts';
import type { ResourceType } from '../types/resource-type.ts';
import { resourceName } from '../types/resource-type.ts';
import type { ServerContext } from './context.ts';
import { timestamp } from './object-meta.ts';
import type { DeleteOptions } from './write-options.ts';

/** What a deletion left: the object (still there while something holds it) and whether it is gone. */
export interface Deleted {
  object: KubeObject;
  gone: boolean;
}

/** Deletes objects: preconditions, finalizers, propagation policy, a pod's grace period. */
export class Deleter {
  private readonly context: ServerContext;

  constructor(context: ServerContext) {
    this.context = context;
  }

  /** Deletes one object, or marks it as being deleted. Throws 404, and 409 when a precondition fails. */
  delete(type: ResourceType, namespace: string, name: string, options: DeleteOptions): Deleted {
    const { store } = this.context;
    const old = store.get(type.storageKey, namespace, name);
    if (old === undefined) throw notFound(resourceName(type), name);
    checkPreconditions(type, old, options);
    const next = clone(old);
    setPropagation(next, options.propagationPolicy);
    if (type.storageKey === '/namespaces') return this.terminateNamespace(type, old, next, options);
    const grace = graceSeconds(old, options.gracePeriodSeconds);
    const finalizers = arrayAt(next.metadata, 'finalizers');
    if (finalizers.length === 0 && grace === 0) {
      return { object: options.dryRun ? old : store.remove(type.storageKey, old), gone: true };
    }
    const already = old.metadata.deletionTimestamp !== undefined;
    const before = numberAt(old.metadata, 'deletionGracePeriodSeconds') ?? 0;
    if (already && grace >= before && sameFinalizers(old, next)) return { object: old, gone: false };
    next.metadata.deletionTimestamp = timestamp(this.context.now() + grace * 1000);
    next.metadata.deletionGracePeriodSeconds = grace;
    if (typeof next.metadata.generation === 'number' && !already) next.metadata.generation += 1;
    return { object: options.dryRun ? next : store.put(type.storageKey, next), gone: false };
  }

  /** Removes an object whose last holder let go (used by the garbage collector and the namespace cascade). */
  removeFinalizer(type: ResourceType, object: KubeObject, finalizer: string): void {
    const { store } = this.context;
    const next = clone(object);
    const left = arrayAt(next.metadata, 'finalizers').filter(item => item !== finalizer);
    if (left.length === 0) delete next.metadata.finalizers;
    else next.metadata.finalizers = left;
    if (left.length === 0 && next.metadata.deletionTimestamp !== undefined) store.remove(type.storageKey, next);
    else store.put(type.storageKey, next);
  }

  /** A namespace turns Terminating first; it goes when its content is gone. */
  private terminateNamespace(type: ResourceType, old: KubeObject, next: KubeObject, options: DeleteOptions): Deleted {
    if (old.metadata.deletionTimestamp !== undefined) return { object: old, gone: false };
    next.metadata.deletionTimestamp = timestamp(this.context.now());
    ensureObject(next, 'status').phase = 'Terminating';
    return { object: options.dryRun ? next : this.context.store.put(type.storageKey, next), gone: false };
  }
}

function sameFinalizers(a: KubeObject, b: KubeObject): boolean {
  return arrayAt(a.metadata, 'finalizers').length === arrayAt(b.metadata, 'finalizers').length;
}

function checkPreconditions(type: ResourceType, old: KubeObject, options: DeleteOptions): void {
  const name = stringAt(old.metadata, 'name') ?? '';
  // The real server names the kind here, not the resource.
  const kind = { group: type.group, resource: type.kind };
  const refuse = (what: string, wanted: string, found: string, guess: string): never => {
    const why = `the ${what} in the precondition (${wanted}) does not match the ${what} in record (${found})`;
    throw conflict(kind, name, `${why}. The object might have been ${guess}`);
  };
  const { uid, resourceVersion } = options;
  const record = { uid: String(old.metadata.uid), version: String(old.metadata.resourceVersion) };
  if (uid !== undefined && uid !== record.uid) refuse('UID', uid, record.uid, 'deleted and then recreated');
  if (resourceVersion !== undefined && resourceVersion !== record.version) {
    refuse('ResourceVersion', resourceVersion, record.version, 'modified');
  }
}

function setPropagation(object: KubeObject, policy: DeleteOptions['propagationPolicy']): void {
  if (policy === undefined) return;
  const { metadata } = object;
  const wanted = policy === 'Foreground' ? 'foregroundDeletion' : policy === 'Orphan' ? 'orphan' : undefined;
  const kept = arrayAt(metadata, 'finalizers').filter(item => item !== 'foregroundDeletion' && item !== 'orphan');
  const finalizers = wanted === undefined ? kept : [...kept, wanted];
  if (finalizers.length === 0) delete metadata.finalizers;
  else metadata.finalizers = finalizers;
}

/** Only a pod that runs on a node has a grace period; everything else goes at once. */
function graceSeconds(object: KubeObject, asked: number | undefined): number {
  if (object.kind !== 'Pod') return 0;
  const spec: JsonObject = objectAt(object, 'spec') ?? {};
  const phase = stringAt(objectAt(object, 'status'), 'phase') ?? '';
  if ((stringAt(spec, 'nodeName') ?? '') === '' || phase === 'Succeeded' || phase === 'Failed') return 0;
  const current = numberAt(object.metadata, 'deletionGracePeriodSeconds');
  const grace = asked ?? numberAt(spec, 'terminationGracePeriodSeconds') ?? 30;
  return current === undefined ? grace : Math.min(current, grace);
}
