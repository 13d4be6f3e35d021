import type { KubeObject } from './kube-object.ts';

/** The values under which an object is found in one index; none leaves it out. Must be pure. */
export type IndexFunction = (object: KubeObject) => readonly string[];

/** Index functions by index name. */
export type IndexFunctions = Readonly<Record<string, IndexFunction>>;

/**
 * The objects under one value: nearly always one, and a Map of one costs more than the object's own entry.
 * More than one are kept by key.
 */
type Bucket = { readonly key: string; readonly object: KubeObject } | Map<string, KubeObject>;

/** The objects of one store by index name and value. */
export class StoreIndex {
  readonly #functions: readonly (readonly [string, IndexFunction])[];
  readonly #onError: (error: unknown, object: KubeObject) => void;
  readonly #byIndex = new Map<string, Map<string, Bucket>>();
  /** What was indexed is remembered, so that an object that someone changed in place can still be taken out. */
  readonly #valuesByKey = new Map<string, readonly (readonly string[])[]>();

  constructor(functions: IndexFunctions, onError: (error: unknown, object: KubeObject) => void) {
    this.#functions = Object.entries(functions);
    this.#onError = onError;
    for (const [name] of this.#functions) this.#byIndex.set(name, new Map());
  }

  /** Objects with this value. @throws RangeError for an index that does not exist, which is a bug of the caller */
  lookup(indexName: string, value: string): KubeObject[] {
    const index = this.#byIndex.get(indexName);
    if (!index) throw new RangeError(`no index "${indexName}" on this store`);
    const bucket = index.get(value);
    if (bucket === undefined) return [];
    return bucket instanceof Map ? [...bucket.values()] : [bucket.object];
  }

  set(key: string, object: KubeObject): void {
    this.remove(key);
    if (this.#functions.length === 0) return;
    const values = this.#functions.map(([, fn]) => this.#valuesOf(fn, object));
    this.#valuesByKey.set(key, values);
    this.#functions.forEach(([name], position) => {
      const index = this.#byIndex.get(name);
      for (const value of values[position] ?? []) if (index) put(index, value, key, object);
    });
  }

  remove(key: string): void {
    const values = this.#valuesByKey.get(key);
    if (!values) return;
    this.#valuesByKey.delete(key);
    this.#functions.forEach(([name], position) => {
      const index = this.#byIndex.get(name);
      for (const value of values[position] ?? []) {
        const bucket = index?.get(value);
        if (bucket instanceof Map) bucket.delete(key);
        if (bucket instanceof Map ? bucket.size === 0 : bucket?.key === key) index?.delete(value);
      }
    });
  }

  #valuesOf(fn: IndexFunction, object: KubeObject): readonly string[] {
    try {
      return fn(object);
    } catch (error) {
      this.#onError(error, object);
      return [];
    }
  }
}

function put(index: Map<string, Bucket>, value: string, key: string, object: KubeObject): void {
  const bucket = index.get(value);
  if (bucket instanceof Map) bucket.set(key, object);
  else if (bucket === undefined || bucket.key === key) index.set(value, { key, object });
  else
    index.set(
      value,
      new Map([
        [bucket.key, bucket.object],
        [key, object],
      ]),
    );
}
