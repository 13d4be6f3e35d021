import { ApiError, errorFromResponse } from './errors.ts';
import { AnswerTooLong } from './http-exchange.ts';
import type { KubeObject } from './kube-object.ts';
import { isRecord } from './kube-object.ts';
import type { ResourceType } from './resource-path.ts';
import { apiVersionOf, resourceLabel, resourcePath } from './resource-path.ts';
import type { Query, Transport, TransportRequest, TransportResponse } from './transport.ts';

/** What to list. */
export interface ListOptions {
  /** Left out: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Objects per page. Default 500: larger pages block the event loop while they are parsed. */
  readonly limit?: number | undefined;
  /** Time for each page, in milliseconds. Default 60 s. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Runs on every item while its page is at hand, to keep less of it; undefined drops the item. */
  readonly map?: ((item: unknown) => KubeObject | undefined) | undefined;
}

/** A consistent list: every item as of `resourceVersion`. */
export interface KubeList {
  readonly items: KubeObject[];
  readonly resourceVersion: string;
  /** How many times the list had to start over because its continue token had expired. */
  readonly restarts: number;
}

const PAGE_LIMIT = 500;
/** Parsed, a page takes several times its length. One of larger objects is asked for again in smaller ones. */
const PAGE_BYTES = 32 << 20;
const PAGE_TIMEOUT_MS = 60_000;

/**
 * Lists a collection page by page. A continue token that expired (410) starts the list over; the second time in one go,
 * because a collection that cannot be paged through within the server's history would start over for ever.
 * @throws ApiError
 */
export async function listPages(transport: Transport, type: ResourceType, options: ListOptions): Promise<KubeList> {
  for (let restarts = 0; ; restarts += 1) {
    const result = await listOnce(transport, type, options, restarts < 2 ? (options.limit ?? PAGE_LIMIT) : undefined);
    if (result !== 'expired') return { ...result, restarts };
    if (restarts >= 2) throw listError(type, options, 'gone', 'the list expired even without paging');
  }
}

async function listOnce(
  transport: Transport,
  type: ResourceType,
  options: ListOptions,
  most: number | undefined,
): Promise<{ items: KubeObject[]; resourceVersion: string } | 'expired'> {
  const items: KubeObject[] = [];
  let limit = most;
  const path = resourcePath(type, { namespace: options.namespace });
  const map = options.map ?? (item => item as KubeObject);
  let next: string | undefined;
  for (;;) {
    const page = await fetchPage(transport, type, path, options, { limit, continue: next });
    if (page === 'tooLarge') {
      limit = Math.max(1, (limit ?? 1) >> 2);
      continue;
    }
    if (page === 'expired' && next !== undefined) return 'expired';
    if (page === 'expired') throw listError(type, options, 'gone', 'the list expired at its first page');
    for (const item of page.items) {
      const kept = map(withType(item, type));
      if (kept !== undefined) items.push(kept);
    }
    next = page.next;
    if (!next) {
      if (page.resourceVersion) return { items, resourceVersion: page.resourceVersion };
      throw listError(type, options, 'transient', 'the list carried no resourceVersion, a watch could not follow it');
    }
  }
}

interface Page {
  readonly items: readonly unknown[];
  readonly next: string | undefined;
  readonly resourceVersion: string | undefined;
}

async function fetchPage(
  transport: Transport,
  type: ResourceType,
  path: string,
  options: ListOptions,
  paging: Query & { readonly limit: number | undefined },
): Promise<Page | 'expired' | 'tooLarge'> {
  const isSmallest = paging.limit === undefined || paging.limit <= 1;
  const response = await answerOf(transport, isSmallest, {
    method: 'GET',
    verb: 'list',
    resource: resourceLabel(type),
    path,
    query: { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector, ...paging },
    timeoutMs: options.timeoutMs ?? PAGE_TIMEOUT_MS,
    signal: options.signal,
  });
  if (response === 'tooLarge') return response;
  if (response.status === 410) return 'expired';
  if (response.status >= 300) {
    const retryAfter = response.headers['retry-after'];
    throw errorFromResponse({ ...response, verb: 'list', path, retryAfter, nowMs: transport.clock.now() });
  }
  const body = isRecord(response.body) ? response.body : {};
  const meta = isRecord(body.metadata) ? body.metadata : {};
  if (!Array.isArray(body.items) && body.items !== null) {
    throw listError(type, options, 'transient', 'the answer has no items');
  }
  return {
    items: body.items ?? [],
    next: typeof meta.continue === 'string' ? meta.continue : undefined,
    resourceVersion: typeof meta.resourceVersion === 'string' ? meta.resourceVersion : undefined,
  };
}

async function answerOf(
  transport: Transport,
  isSmallest: boolean,
  request: TransportRequest,
): Promise<TransportResponse | 'tooLarge'> {
  if (isSmallest) return transport.request(request);
  try {
    return await transport.request({ ...request, maxBytes: PAGE_BYTES });
  } catch (error) {
    if (error instanceof ApiError && error.cause instanceof AnswerTooLong) return 'tooLarge';
    throw error;
  }
}

/** Items of a list of a built-in type carry neither apiVersion nor kind; watch events do. Objects must look the same. */
function withType(item: unknown, type: ResourceType): unknown {
  if (isRecord(item)) {
    item.apiVersion ??= apiVersionOf(type);
    item.kind ??= type.kind;
  }
  return item;
}

function listError(type: ResourceType, options: ListOptions, code: 'gone' | 'transient', message: string): ApiError {
  return new ApiError({ code, message, verb: 'list', path: resourcePath(type, { namespace: options.namespace }) });
}
