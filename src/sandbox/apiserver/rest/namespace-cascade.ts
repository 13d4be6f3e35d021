import type { KubeObject } from '../json.ts';
import { arrayAt, stringAt } from '../json.ts';
import type { ServerContext } from './context.ts';
import type { Deleter } from './deleter.ts';
import { plainDelete } from './write-options.ts';

/** Empties namespaces that are being deleted and removes them when the last object is gone. */
export class NamespaceCascade {
  private readonly context: ServerContext;
  private readonly deleter: Deleter;
  private readonly terminating = new Set<string>();
  private unsubscribes: (() => void)[] = [];
  private timer: NodeJS.Immediate | undefined;

  constructor(context: ServerContext, deleter: Deleter) {
    this.context = context;
    this.deleter = deleter;
  }

  /** Starts following namespaces. */
  start(): void {
    this.unsubscribes.push(
      this.context.store.subscribe('/namespaces', ({ type, object }) => {
        const name = stringAt(object.metadata, 'name') ?? '';
        if (type === 'DELETED' || object.metadata.deletionTimestamp === undefined) return;
        this.terminating.add(name);
        this.schedule();
      }),
    );
  }

  /** Follows a namespaced type: each deletion may have emptied a namespace. */
  follow(storageKey: string): void {
    this.unsubscribes.push(
      this.context.store.subscribe(storageKey, ({ type, object }) => {
        if (type === 'DELETED' && this.terminating.has(stringAt(object.metadata, 'namespace') ?? '')) this.schedule();
      }),
    );
  }

  /** Stops all work. */
  stop(): void {
    for (const unsubscribe of this.unsubscribes) unsubscribe();
    this.unsubscribes = [];
    if (this.timer !== undefined) clearImmediate(this.timer);
  }

  private schedule(): void {
    this.timer ??= setImmediate(() => {
      this.timer = undefined;
      for (const name of [...this.terminating]) this.advance(name);
    });
  }

  private advance(name: string): void {
    const { store, registry } = this.context;
    const namespace = store.get('/namespaces', '', name);
    if (namespace === undefined) {
      this.terminating.delete(name);
      return;
    }
    let left = 0;
    for (const type of registry.storages()) {
      if (!type.namespaced) continue;
      for (const object of store.list(type.storageKey, name).objects) {
        if (!this.deleteOne(type, object, name)) left += 1;
      }
    }
    if (left > 0 || arrayAt(namespace.metadata, 'finalizers').length > 0) return;
    this.terminating.delete(name);
    store.remove('/namespaces', namespace);
  }

  private deleteOne(type: Parameters<Deleter['delete']>[0], object: KubeObject, namespace: string): boolean {
    const name = stringAt(object.metadata, 'name') ?? '';
    if (object.metadata.deletionTimestamp !== undefined) return false;
    return this.deleter.delete(type, namespace, name, { ...plainDelete, propagationPolicy: 'Background' }).gone;
  }
}
