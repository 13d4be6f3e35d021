import { ApiError, errorFromResponse } from './errors.ts';
import type { KubeObject, ObjectName } from './kube-object.ts';
import { isRecord } from './kube-object.ts';
import type { KubeList, ListOptions } from './list-pages.ts';
import { listPages } from './list-pages.ts';
import type { ResourceType } from './resource-path.ts';
import { groupVersionPath, resourceLabel, resourcePath } from './resource-path.ts';
import type { Query, Transport, TransportRequest, TransportResponse } from './transport.ts';

/** Options of every call. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  /** Whose sockets are used; those of ordinary requests when absent. */
  readonly pool?: TransportRequest['pool'];
  /** `status`, `scale`, ... */
  readonly subresource?: string | undefined;
}

/** Options of calls that change something. */
export interface WriteOptions extends CallOptions {
  /** Owner of the written fields; defaults to the client's. */
  readonly fieldManager?: string | undefined;
  /** The server validates and answers, but stores nothing. */
  readonly dryRun?: boolean | undefined;
  /** Skips the leadership check; only for the leader lease itself. */
  readonly bypassGuard?: boolean | undefined;
}

/** A change to one object. `strategic` is refused by the server for custom resources. */
export type Patch =
  | { readonly kind: 'json'; readonly body: readonly unknown[] }
  | { readonly kind: 'merge'; readonly body: unknown }
  | { readonly kind: 'strategic'; readonly body: unknown }
  | { readonly kind: 'apply'; readonly body: unknown; readonly force?: boolean };

/** Options of a delete. A precondition that does not hold throws `conflict`. */
export interface DeleteOptions extends WriteOptions {
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly propagation?: 'Foreground' | 'Background' | 'Orphan' | undefined;
  readonly gracePeriodSeconds?: number | undefined;
}

/** `deleting` means that finalizers or a grace period still keep the object. */
export type DeleteOutcome =
  | { readonly outcome: 'deleted' }
  | { readonly outcome: 'deleting'; readonly object: KubeObject }
  | { readonly outcome: 'absent' };

/** Input of {@link KubeClient}. */
export interface KubeClientOptions {
  readonly transport: Transport;
  /** Default field manager of all writes. */
  readonly fieldManager: string;
  /** Told of every object that one of our writes returned (not of dry runs), so that caches can learn it at once. */
  readonly onWritten?: (type: ResourceType, object: KubeObject) => void;
}

const CONTENT_TYPE: Record<Patch['kind'], string> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  // The server parses the body as YAML, of which JSON is a part.
  apply: 'application/apply-patch+yaml',
};

/** Calls on single objects and collections, as raw JSON. Nothing is retried here: what a failure means is the caller's to judge. */
export class KubeClient {
  readonly transport: Transport;
  readonly #options: KubeClientOptions;

  constructor(options: KubeClientOptions) {
    this.#options = options;
    this.transport = options.transport;
  }

  /** Reads one object. @throws ApiError, `notFound` included */
  async get(type: ResourceType, name: ObjectName, options: CallOptions = {}): Promise<KubeObject> {
    const path = resourcePath(type, { ...name, subresource: options.subresource });
    return (await this.#call(type, { method: 'GET', verb: 'get', path, ...timing(options) })) as KubeObject;
  }

  /** Reads one object that may be missing. @throws ApiError, but not when the server says that this very object is missing */
  async find(type: ResourceType, name: ObjectName, options: CallOptions = {}): Promise<KubeObject | undefined> {
    try {
      return await this.get(type, name, options);
    } catch (error) {
      return missing(error, name.name);
    }
  }

  /** Lists a whole collection, page by page, consistently. @throws ApiError */
  list(type: ResourceType, options: ListOptions = {}): Promise<KubeList> {
    return listPages(this.transport, type, options);
  }

  /** Creates an object; its metadata says where. @throws ApiError, `alreadyExists` included */
  create(type: ResourceType, object: KubeObject, options: WriteOptions = {}): Promise<KubeObject> {
    const { namespace, name } = object.metadata;
    const at = { namespace, ...(options.subresource ? { name, subresource: options.subresource } : {}) };
    return this.#write(type, { method: 'POST', verb: 'create', path: resourcePath(type, at), body: object }, options);
  }

  /** Replaces an object; with a resourceVersion in its metadata only if it is unchanged. @throws ApiError, `conflict` included */
  update(type: ResourceType, object: KubeObject, options: WriteOptions = {}): Promise<KubeObject> {
    const { namespace, name } = object.metadata;
    const path = resourcePath(type, { namespace, name, subresource: options.subresource });
    return this.#write(type, { method: 'PUT', verb: 'update', path, body: object }, options);
  }

  /** Changes a part of an object. @throws ApiError */
  patch(type: ResourceType, name: ObjectName, patch: Patch, options: WriteOptions = {}): Promise<KubeObject> {
    const request: TransportRequest = {
      method: 'PATCH',
      verb: patch.kind === 'apply' ? 'apply' : 'patch',
      path: resourcePath(type, { ...name, subresource: options.subresource }),
      query: patch.kind === 'apply' && patch.force ? { force: true } : {},
      body: patch.body,
      contentType: CONTENT_TYPE[patch.kind],
    };
    return this.#write(type, request, options);
  }

  /** Deletes an object. @throws ApiError, `conflict` when a precondition fails; a missing object is an outcome, not an error */
  async delete(type: ResourceType, name: ObjectName, options: DeleteOptions = {}): Promise<DeleteOutcome> {
    const preconditions = { uid: options.uid, resourceVersion: options.resourceVersion };
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      ...(options.uid || options.resourceVersion ? { preconditions } : {}),
      ...(options.propagation ? { propagationPolicy: options.propagation } : {}),
      ...(options.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: options.gracePeriodSeconds }),
      ...(options.dryRun ? { dryRun: ['All'] } : {}),
    };
    const path = resourcePath(type, name);
    const request: TransportRequest = { method: 'DELETE', verb: 'delete', path, body, ...timing(options) };
    const { bypassGuard } = options;
    try {
      return deleteOutcome(await this.#call(type, { ...request, bypassGuard }));
    } catch (error) {
      missing(error, name.name);
      return { outcome: 'absent' };
    }
  }

  /** Whether the server serves a type right now (its CRD is installed and established). @throws ApiError */
  async isServed(type: ResourceType, options: CallOptions = {}): Promise<boolean> {
    const path = groupVersionPath(type);
    const response = await this.transport.request({
      method: 'GET',
      verb: 'discover',
      resource: resourceLabel(type),
      path,
      ...timing(options),
    });
    if (response.status === 404) return false;
    const body = this.#bodyOf({ method: 'GET', verb: 'discover', path }, response);
    const resources = isRecord(body) && Array.isArray(body.resources) ? body.resources : [];
    return resources.some(resource => isRecord(resource) && resource.name === type.plural);
  }

  async #write(type: ResourceType, request: TransportRequest, options: WriteOptions): Promise<KubeObject> {
    const query: Query = {
      ...request.query,
      fieldManager: options.fieldManager ?? this.#options.fieldManager,
      dryRun: options.dryRun ? 'All' : undefined,
    };
    const { bypassGuard } = options;
    const written = (await this.#call(type, { ...request, query, bypassGuard, ...timing(options) })) as KubeObject;
    const isWhole = options.subresource === undefined || options.subresource === 'status';
    if (!options.dryRun && isWhole && isRecord(written) && isRecord(written.metadata)) {
      this.#options.onWritten?.(type, written);
    }
    return written;
  }

  async #call(type: ResourceType, request: TransportRequest): Promise<unknown> {
    const labelled = { ...request, resource: resourceLabel(type) };
    return this.#bodyOf(labelled, await this.transport.request(labelled));
  }

  #bodyOf(request: TransportRequest, response: TransportResponse): unknown {
    if (response.status < 300) return response.body;
    const error = errorFromResponse({
      ...response,
      verb: request.verb ?? request.method,
      path: request.path,
      retryAfter: response.headers['retry-after'],
      nowMs: this.transport.clock.now(),
    });
    throw error;
  }
}

function timing(options: CallOptions): Pick<TransportRequest, 'signal' | 'timeoutMs' | 'pool'> {
  return { signal: options.signal, timeoutMs: options.timeoutMs, pool: options.pool };
}

/** The server answers with a Status, or with the object, which may be gone already or waiting for its finalizers. */
function deleteOutcome(body: unknown): DeleteOutcome {
  if (!isRecord(body) || body.kind === 'Status' || !isRecord(body.metadata)) return { outcome: 'deleted' };
  const meta = body.metadata;
  const held = Array.isArray(meta.finalizers) && meta.finalizers.length > 0;
  const grace = meta.deletionGracePeriodSeconds;
  if (held || (typeof grace === 'number' && grace > 0)) return { outcome: 'deleting', object: body as KubeObject };
  return { outcome: 'deleted' };
}

/**
 * Nothing, when an error says that this very object is missing. Other answers of 404 say nothing of it: from a server that does
 * not know the type yet or for the moment, or from a proxy in between. @throws ApiError the error, which passes in that case
 */
function missing(error: unknown, name: string): undefined {
  if (!(error instanceof ApiError) || error.code !== 'notFound') throw error;
  if (error.about === name) return undefined;
  const { verb, path, status, reason } = error;
  const message = `${status}, which is not about this object`;
  throw new ApiError({ code: 'transient', message, verb, path, status, reason, cause: error });
}
