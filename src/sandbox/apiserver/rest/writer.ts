import { randomUUID } from 'node:crypto';
import { alreadyExists, conflict, forbidden, genericError, invalid, invalidValue, notFound } from '../api-error.ts';
import type { FieldWrite } from '../apply/field-manager.ts';
import { applyConfiguration, trackUpdate } from '../apply/field-manager.ts';
import type { ManagerEntry } from '../apply/managed-fields.ts';
import { writeManagers } from '../apply/managed-fields.ts';
import type { KubeObject } from '../json.ts';
import { arrayAt, clone, equal, numberAt, stringAt } from '../json.ts';
import { builtinSchema } from '../schema/builtin-schema.ts';
import { applySchemaDefaults, dropEmpty } from '../schema/defaulting.ts';
import type { ResourceType } from '../types/resource-type.ts';
import { apiVersionOf, copyStatus, resourceName } from '../types/resource-type.ts';
import type { ServerContext } from './context.ts';
import { changesGeneration, sameBesidesVersion, timestamp } from './object-meta.ts';
import { validateObject } from './validate-object.ts';
import type { WriteOptions } from './write-options.ts';

/** The result of a write: the stored object, and whether it is new. */
export interface Written {
  object: KubeObject;
  created: boolean;
}

const metadataSchema = builtinSchema('apimachinery.pkg.apis.meta.v1.ObjectMeta');
const suffixLetters = 'bcdfghjklmnpqrstvwxz2456789';

/** Creates and updates objects: identity, defaults, validation, ownership, storage. Throws `ApiError`. */
export class Writer {
  private readonly context: ServerContext;

  constructor(context: ServerContext) {
    this.context = context;
  }

  /** Stores a new object. Takes ownership of `object`. */
  create(type: ResourceType, namespace: string, object: KubeObject, options: WriteOptions): KubeObject {
    return this.createAs(type, namespace, object, options, 'Update');
  }

  /** Stores an update. `next` is a fresh object that the caller made from `old`. */
  update(type: ResourceType, old: KubeObject, next: KubeObject, options: WriteOptions): KubeObject {
    this.checkPreconditions(type, old, next);
    const object = this.isolate(type, old, next, options);
    this.fillDefaults(type, object);
    const managers = trackUpdate(old, object, this.fieldWrite(type, options, 'Update'));
    return this.finishUpdate(type, old, object, managers, options);
  }

  /** Server-side apply: creates the object when it is not there. */
  apply(
    type: ResourceType,
    key: { namespace: string; name: string },
    old: KubeObject | undefined,
    config: KubeObject,
    options: WriteOptions & { force: boolean },
  ): Written {
    if (old === undefined) {
      if (options.subresource !== undefined) throw notFound(resourceName(type), key.name);
      const object = this.createAs(type, key.namespace, config, options, 'Apply');
      return { object, created: true };
    }
    this.checkPreconditions(type, old, config);
    const write = this.fieldWrite(type, options, 'Apply');
    const applied = applyConfiguration(old, clone(config), write, options.force);
    const merged = this.isolate(type, old, clone(applied.object), options);
    this.fillDefaults(type, merged);
    // What defaulting and isolation changed on top of the merge belongs to nobody else either.
    return { object: this.finishUpdate(type, old, merged, applied.managers, options), created: false };
  }

  private createAs(
    type: ResourceType,
    namespace: string,
    object: KubeObject,
    options: WriteOptions,
    operation: 'Apply' | 'Update',
  ): KubeObject {
    const declared = clone(object);
    this.setIdentity(type, namespace, object);
    if (type.hasStatus) delete object.status;
    this.fillDefaults(type, object);
    const { metadata } = object;
    const name = stringAt(metadata, 'name') ?? '';
    this.checkNamespace(type, namespace, name);
    if (this.context.store.get(type.storageKey, namespace, name) !== undefined) {
      throw alreadyExists(resourceName(type), name);
    }
    validateObject(type, object, undefined);
    const defaulted = clone(object);
    this.context.beforeCreate(type, object);
    const write = this.fieldWrite(type, options, operation);
    const empty: KubeObject = { apiVersion: object.apiVersion, kind: object.kind, metadata: {} };
    const managers =
      operation === 'Apply'
        ? applyConfiguration(empty, declared, write, true).managers
        : trackUpdate(empty, defaulted, write);
    writeManagers(metadata, managers);
    const stored = type.toStorage?.(object) ?? object;
    if (options.dryRun) return this.asServed(type, stored);
    return this.asServed(type, this.context.store.put(type.storageKey, stored));
  }

  /** The object in the version of the type it is asked through. */
  asServed(type: ResourceType, stored: KubeObject): KubeObject {
    return type.fromStorage?.(stored) ?? stored;
  }

  private setIdentity(type: ResourceType, namespace: string, object: KubeObject): void {
    const { metadata } = object;
    const prefix = stringAt(metadata, 'generateName') ?? '';
    if ((stringAt(metadata, 'name') ?? '') === '' && prefix !== '') metadata.name = this.generateName(prefix);
    if (stringAt(metadata, 'resourceVersion') !== undefined && metadata.resourceVersion !== '') {
      throw genericError(500, '', 'resourceVersion should not be set on objects to be created');
    }
    for (const key of [
      'resourceVersion',
      'deletionTimestamp',
      'deletionGracePeriodSeconds',
      'selfLink',
      'managedFields',
    ]) {
      delete metadata[key];
    }
    if (type.namespaced) metadata.namespace = namespace;
    else delete metadata.namespace;
    metadata.uid = randomUUID();
    metadata.creationTimestamp = timestamp(this.context.now());
    delete metadata.generation;
    if (type.custom || type.countsGeneration) metadata.generation = 1;
  }

  private generateName(prefix: string): string {
    const letters = Array.from(
      { length: 5 },
      () => suffixLetters[Math.floor(this.context.random() * suffixLetters.length)],
    );
    return `${prefix.slice(0, 248)}${letters.join('')}`;
  }

  private checkNamespace(type: ResourceType, namespace: string, name: string): void {
    if (!type.namespaced) return;
    const found = this.context.store.get('/namespaces', '', namespace);
    if (found === undefined) throw notFound({ group: '', resource: 'namespaces' }, namespace);
    if (found.metadata.deletionTimestamp === undefined) return;
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    const cause = {
      reason: 'NamespaceTerminating',
      message: `namespace ${namespace} is being terminated`,
      field: 'metadata.namespace',
    };
    throw forbidden(resourceName(type), name, why, [cause]);
  }

  private checkPreconditions(type: ResourceType, old: KubeObject, next: KubeObject): void {
    const name = stringAt(old.metadata, 'name') ?? '';
    const uid = stringAt(next.metadata, 'uid') ?? '';
    if (uid !== '' && uid !== old.metadata.uid) {
      const found = `UID in precondition: ${uid}, UID in object meta: ${String(old.metadata.uid)}`;
      throw conflict(resourceName(type), name, `Precondition failed: ${found}`);
    }
    const version = stringAt(next.metadata, 'resourceVersion') ?? '';
    if (version !== '' && version !== old.metadata.resourceVersion) throw conflict(resourceName(type), name);
  }

  /** Keeps what this write must not change: server metadata, and status or everything else by subresource. */
  private isolate(type: ResourceType, old: KubeObject, next: KubeObject, options: WriteOptions): KubeObject {
    if (options.subresource === 'status') {
      const object = { ...clone(old) };
      copyStatus(next, object);
      return object;
    }
    const { metadata } = next;
    const kept = [
      'uid',
      'creationTimestamp',
      'deletionTimestamp',
      'deletionGracePeriodSeconds',
      'generation',
      'name',
      'namespace',
    ];
    for (const key of [...kept, 'selfLink', 'generateName', 'resourceVersion']) {
      const value = old.metadata[key];
      if (value === undefined) delete metadata[key];
      else metadata[key] = value;
    }
    if (type.hasStatus) copyStatus(old, next);
    return next;
  }

  private finishUpdate(
    type: ResourceType,
    old: KubeObject,
    object: KubeObject,
    managers: readonly ManagerEntry[],
    options: WriteOptions,
  ): KubeObject {
    writeManagers(object.metadata, managers);
    this.checkFinalizers(type, old, object);
    validateObject(type, object, old);
    this.context.beforeUpdate(type, object, old);
    if ((type.custom || type.countsGeneration) && changesGeneration(type, old, object)) {
      object.metadata.generation = (numberAt(old.metadata, 'generation') ?? 0) + 1;
    }
    if (sameBesidesVersion(old, object)) return old;
    if (onlyTimesDiffer(old, object)) return old;
    if (options.dryRun) return object;
    const stored = type.toStorage?.(object) ?? object;
    const isDeleting = object.metadata.deletionTimestamp !== undefined;
    const isHeld = arrayAt(object.metadata, 'finalizers').length > 0 || holdsForGrace(object);
    if (isDeleting && !isHeld && type.storageKey !== '/namespaces') {
      return this.asServed(type, this.context.store.remove(type.storageKey, stored));
    }
    return this.asServed(type, this.context.store.put(type.storageKey, stored));
  }

  /** A finalizer cannot be added to an object that is being deleted. */
  private checkFinalizers(type: ResourceType, old: KubeObject, object: KubeObject): void {
    if (old.metadata.deletionTimestamp === undefined) return;
    const before = arrayAt(old.metadata, 'finalizers');
    const added = arrayAt(object.metadata, 'finalizers').filter(item => !before.includes(item));
    if (added.length === 0) return;
    const detail = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map(item => JSON.stringify(item)).join(', ')}}`;
    throw invalid(type, stringAt(object.metadata, 'name') ?? '', [
      invalidValue('metadata.finalizers', arrayAt(object.metadata, 'finalizers'), detail),
    ]);
  }

  private fillDefaults(type: ResourceType, object: KubeObject): void {
    if (type.custom) applySchemaDefaults(object, type.schema);
    type.applyDefaults?.(object);
    dropEmpty(object.metadata, metadataSchema);
    if (!type.custom) dropEmpty(object, type.schema);
  }

  private fieldWrite(type: ResourceType, options: WriteOptions, operation: 'Apply' | 'Update'): FieldWrite {
    const isStatus = options.subresource === 'status';
    return {
      who: {
        manager: options.fieldManager,
        operation,
        apiVersion: apiVersionOf(type),
        subresource: options.subresource ?? '',
      },
      schema: type.schema,
      resetFields: isStatus ? ['spec', 'metadata'] : type.hasStatus ? ['status'] : [],
      time: timestamp(this.context.now()),
    };
  }
}

/** A pod that a kubelet runs stays until the kubelet deletes it for good (grace 0). */
export function holdsForGrace(object: KubeObject): boolean {
  return object.kind === 'Pod' && (numberAt(object.metadata, 'deletionGracePeriodSeconds') ?? 0) > 0;
}

/** True when nothing changed but times in managedFields: such a write is a no-op. */
function onlyTimesDiffer(old: KubeObject, object: KubeObject): boolean {
  const strip = (source: KubeObject): KubeObject => {
    const { resourceVersion: _, ...metadata } = source.metadata;
    const managedFields = arrayAt(metadata, 'managedFields').map(entry => ({ ...(entry as object), time: '' }));
    return { ...source, metadata: { ...metadata, managedFields } };
  };
  return equal(strip(old), strip(object));
}
