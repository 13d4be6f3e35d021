import type { JsonObject, JsonValue, KubeObject } from './json.ts';
import { clone, stringAt } from './json.ts';
import { patchTypes } from './rest/patcher.ts';
import { selectorOf, wholeList } from './rest/reader.ts';
import type { Resources } from './rest/resources.ts';
import type { DeleteOptions, Subresource } from './rest/write-options.ts';
import { controllerWrite, plainDelete } from './rest/write-options.ts';
import type { Store } from './storage/store.ts';
import type { ResourceType } from './types/resource-type.ts';

/** A resource: `apiVersion` as in objects (`v1`, `apps/v1`) and the plural name. */
export interface ResourceRef {
  apiVersion: string;
  plural: string;
}

/** A change that a local watch reports. */
export interface LocalEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: KubeObject;
}

/** Which objects a local list or watch is about. */
export interface LocalSelection {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

/**
 * The API for controllers in the same process: the same admission, validation, ownership and events as over HTTP,
 * without HTTP. Failures are thrown as `ApiError` (its `code` and `reason` are those of the Status). Objects that it
 * returns are shared with the store: clone before changing one.
 */
export class LocalClient {
  private readonly resources: Resources;
  private readonly store: Store;
  private readonly fieldManager: string;

  /** @param fieldManager the name under which writes are recorded in managedFields */
  constructor(resources: Resources, store: Store, fieldManager: string) {
    this.resources = resources;
    this.store = store;
    this.fieldManager = fieldManager;
  }

  /** One object, or undefined. */
  get(ref: ResourceRef, namespace: string, name: string): KubeObject | undefined {
    const type = this.type(ref);
    const stored = this.store.get(type.storageKey, namespace, name);
    return stored === undefined ? undefined : (type.fromStorage?.(stored) ?? stored);
  }

  /** Objects in key order. */
  list(ref: ResourceRef, selection: LocalSelection = {}): KubeObject[] {
    const query = { ...wholeList, ...selection };
    return this.resources.reader.list(this.type(ref), selection.namespace, query).items;
  }

  /** Creates an object. */
  create(ref: ResourceRef, namespace: string, object: JsonObject): KubeObject {
    return this.resources.create(this.type(ref), namespace, clone(object), controllerWrite(this.fieldManager));
  }

  /** Replaces an object; a stale `metadata.resourceVersion` gives a 409. */
  update(ref: ResourceRef, object: KubeObject, subresource?: Subresource): KubeObject {
    const key = keyOf(object);
    return this.resources.update(this.type(ref), key, clone(object), controllerWrite(this.fieldManager, subresource));
  }

  /** Merge-patches the status subresource: `status` holds the fields to change (null removes one). */
  patchStatus(ref: ResourceRef, namespace: string, name: string, status: JsonObject): KubeObject {
    return this.patch(ref, namespace, name, { status }, 'status');
  }

  /** Merge-patches an object. */
  patch(ref: ResourceRef, namespace: string, name: string, patch: JsonObject, subresource?: Subresource): KubeObject {
    const options = { ...controllerWrite(this.fieldManager, subresource), force: false };
    return this.resources.patch(this.type(ref), { namespace, name }, patchTypes.merge, patch as JsonValue, options)
      .object;
  }

  /** Deletes an object; deleting one that is not there is no error. */
  delete(ref: ResourceRef, namespace: string, name: string, options: Partial<DeleteOptions> = {}): void {
    const type = this.type(ref);
    if (this.store.get(type.storageKey, namespace, name) === undefined) return;
    this.resources.delete(type, { namespace, name }, { ...plainDelete, ...options });
  }

  /**
   * Calls `listener` with every present object as ADDED and then with every change, in order and synchronously inside
   * the write; a listener that writes should do so later (`setImmediate`). Returns the function that ends the watch.
   */
  watch(ref: ResourceRef, selection: LocalSelection, listener: (event: LocalEvent) => void): () => void {
    const type = this.type(ref);
    const { namespace } = selection;
    const selects = selectorOf(type, { ...wholeList, ...selection });
    const serve = type.fromStorage ?? ((object: KubeObject) => object);
    for (const object of this.store.list(type.storageKey, namespace).objects) {
      if (selects(object)) listener({ type: 'ADDED', object: serve(object) });
    }
    return this.store.subscribe(type.storageKey, event => {
      if (namespace !== undefined && event.object.metadata.namespace !== namespace) return;
      const before = event.previous !== undefined && selects(event.previous);
      const now = event.type !== 'DELETED' && selects(event.object);
      if (now) listener({ type: before ? 'MODIFIED' : 'ADDED', object: serve(event.object) });
      else if (before) listener({ type: 'DELETED', object: serve(event.object) });
    });
  }

  private type(ref: ResourceRef): ResourceType {
    return this.resources.typeOf(ref.apiVersion, ref.plural);
  }
}

function keyOf(object: KubeObject): { namespace: string; name: string } {
  return { namespace: stringAt(object.metadata, 'namespace') ?? '', name: stringAt(object.metadata, 'name') ?? '' };
}
