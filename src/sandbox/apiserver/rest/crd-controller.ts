import type { JsonObject, JsonValue, KubeObject } from '../json.ts';
import { arrayAt, clone, ensureObject, isObject, objectAt, stringAt } from '../json.ts';
import { typesOfCrd } from '../types/crd-types.ts';
import type { ResourceType } from '../types/resource-type.ts';
import type { ServerContext } from './context.ts';
import type { Deleter } from './deleter.ts';
import { timestamp } from './object-meta.ts';
import { plainDelete } from './write-options.ts';

const crdStorage = 'apiextensions.k8s.io/customresourcedefinitions';
const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

/**
 * Serves the kinds of CustomResourceDefinitions: from the moment a definition is stored, until it is deleted with all
 * its objects. Runs inside the write, so that a kind can be used as soon as its definition was answered.
 */
export class CrdController {
  private readonly context: ServerContext;
  private readonly deleter: Deleter;
  private readonly onServed: (type: ResourceType) => void;
  private readonly served = new Map<string, ResourceType[]>();
  private unsubscribe: (() => void) | undefined;

  /** @param onServed called for every type that starts being served */
  constructor(context: ServerContext, deleter: Deleter, onServed: (type: ResourceType) => void) {
    this.context = context;
    this.deleter = deleter;
    this.onServed = onServed;
  }

  /** Starts following definitions. */
  start(): void {
    this.unsubscribe = this.context.store.subscribe(crdStorage, ({ type, object }) => {
      const name = stringAt(object.metadata, 'name') ?? '';
      if (type === 'DELETED') this.withdraw(name, object);
      else if (object.metadata.deletionTimestamp !== undefined) this.cleanUp(object);
      else this.serve(name, object);
    });
  }

  /** Stops following definitions; what is served stays. */
  stop(): void {
    this.unsubscribe?.();
  }

  /** Adds the conditions and accepted names that the real controllers write, before the object is stored. */
  complete(crd: KubeObject): void {
    const finalizers = arrayAt(crd.metadata, 'finalizers');
    if (!finalizers.includes(cleanupFinalizer)) crd.metadata.finalizers = [...finalizers, cleanupFinalizer];
    const spec = objectAt(crd, 'spec') ?? {};
    const status = ensureObject(crd, 'status');
    status.acceptedNames = clone(objectAt(spec, 'names') ?? {});
    const storage = arrayAt(spec, 'versions')
      .filter(isObject)
      .find(version => version.storage === true);
    const stored = arrayAt(status, 'storedVersions');
    const current = stringAt(storage, 'name') ?? '';
    status.storedVersions = stored.includes(current) ? stored : [...stored, current];
    status.conditions = this.conditions(arrayAt(status, 'conditions').filter(isObject)) as JsonValue[];
  }

  private conditions(before: readonly JsonObject[]): JsonObject[] {
    const wanted: [string, string, string][] = [
      ['NamesAccepted', 'NoConflicts', 'no conflicts found'],
      ['Established', 'InitialNamesAccepted', 'the initial names have been accepted'],
    ];
    return wanted.map(([type, reason, message]) => {
      const known = before.find(condition => condition.type === type && condition.status === 'True');
      return known ?? { type, status: 'True', lastTransitionTime: timestamp(this.context.now()), reason, message };
    });
  }

  private serve(name: string, crd: KubeObject): void {
    for (const type of this.served.get(name) ?? []) this.context.registry.remove(type);
    const types = typesOfCrd(crd);
    this.served.set(name, types);
    for (const type of types) {
      this.context.registry.add(type);
      this.onServed(type);
    }
  }

  /** Deletes every object of a definition that is going; the definition itself follows. */
  private cleanUp(crd: KubeObject): void {
    const { store, registry } = this.context;
    const type = (this.served.get(stringAt(crd.metadata, 'name') ?? '') ?? [])[0];
    const key = type?.storageKey;
    let left = 0;
    if (type !== undefined && key !== undefined) {
      for (const object of store.list(key).objects) {
        const namespace = stringAt(object.metadata, 'namespace') ?? '';
        const result = this.deleter.delete(type, namespace, stringAt(object.metadata, 'name') ?? '', plainDelete);
        if (!result.gone) left += 1;
      }
    }
    const finish = (): void => {
      const definition = registry.get('apiextensions.k8s.io/v1', 'customresourcedefinitions');
      const now = store.get(crdStorage, '', stringAt(crd.metadata, 'name') ?? '');
      if (definition !== undefined && now !== undefined)
        this.deleter.removeFinalizer(definition, now, cleanupFinalizer);
    };
    if (left === 0 || key === undefined) {
      setImmediate(finish);
      return;
    }
    const stop = store.subscribe(key, event => {
      if (event.type !== 'DELETED' || store.list(key).objects.length > 0) return;
      stop();
      setImmediate(finish);
    });
  }

  private withdraw(name: string, crd: KubeObject): void {
    for (const type of this.served.get(name) ?? typesOfCrd(crd)) this.context.registry.remove(type);
    this.served.delete(name);
  }
}
