import type { ServerResponse } from 'node:http';
import type { KubeObject } from '../control-plane/api-client.ts';
import type { ProxiedRequest } from './proxied-request.ts';

/** What a list answered, and what the watches that followed it changed. */
interface Collection {
  readonly apiVersion: string;
  readonly kind: string;
  readonly items: ReadonlyMap<string, KubeObject>;
  readonly resourceVersion: string;
}

/** The collections that an operator follows as they were at one moment. */
export type StaleView = ReadonlyMap<string, Collection>;

interface ListAnswer {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly KubeObject[];
}

/** Keeps the collections as the operator's own lists and watches show them, so that any moment can be served again later. */
export class Collections {
  readonly #now = new Map<string, Collection>();

  /** Takes over the answer of a list, page by page. */
  listed(request: ProxiedRequest, body: unknown): void {
    const { apiVersion, kind, metadata, items } = body as ListAnswer;
    if (metadata?.resourceVersion === undefined || !Array.isArray(items)) return;
    const key = collectionKey(request);
    const before = request.query.has('continue') ? (this.#now.get(key)?.items ?? []) : [];
    const all = new Map(before);
    for (const item of items as KubeObject[]) all.set(objectKey(item), item);
    this.#now.set(key, { apiVersion, kind, items: all, resourceVersion: metadata.resourceVersion });
  }

  /** Takes over an event or a bookmark of a watch. */
  changed(request: ProxiedRequest, type: string, object: KubeObject): void {
    const key = collectionKey(request);
    const collection = this.#now.get(key);
    const { resourceVersion } = object.metadata;
    if (!collection || resourceVersion === undefined) return;
    if (type === 'BOOKMARK') {
      this.#now.set(key, { ...collection, resourceVersion });
      return;
    }
    const items = new Map(collection.items);
    if (type === 'DELETED') items.delete(objectKey(object));
    else items.set(objectKey(object), object);
    this.#now.set(key, { ...collection, items, resourceVersion });
  }

  /** The collections as they are; later changes do not show in it. */
  snapshot(): StaleView {
    return new Map(this.#now);
  }
}

/** Answers a list from a view; false when the view does not know the collection. */
export function answerFromView(view: StaleView, request: ProxiedRequest, response: ServerResponse): boolean {
  const collection = view.get(collectionKey(request));
  if (!collection) return false;
  const { apiVersion, kind, items, resourceVersion } = collection;
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ apiVersion, kind, metadata: { resourceVersion }, items: [...items.values()] }));
  return true;
}

function collectionKey({ path, query }: ProxiedRequest): string {
  return `${path} ${query.get('labelSelector') ?? ''} ${query.get('fieldSelector') ?? ''}`;
}

function objectKey({ metadata: { namespace = '', name } }: KubeObject): string {
  return `${namespace}/${name}`;
}
