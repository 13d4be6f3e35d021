import type { Clock } from './clock.ts';
import { ApiError, errorFromResponse } from './errors.ts';
import { isRecord } from './kube-object.ts';
import { LineSplitter } from './line-splitter.ts';
import type { WatchEndCause } from './reflector-observation.ts';
import type { Query, Transport, TransportStream } from './transport.ts';

/** One watch request. */
export interface WatchRequest {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly path: string;
  readonly query: Query;
  readonly resource: string;
  /** Without a single byte for this long the connection is taken for dead. Must exceed the server's bookmark period (60 s). */
  readonly stallMs: number;
  readonly maxLineBytes: number;
  readonly signal: AbortSignal;
  /** The server accepted the watch. */
  readonly onOpen: () => void;
  readonly onEvent: (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: unknown) => void;
  readonly onBookmark: (resourceVersion: string) => void;
  /** A line that is JSON but not a watch event. */
  readonly onMalformed: (reason: string) => void;
}

/** How a watch ended and what it carried. */
export interface WatchEnd {
  readonly cause: WatchEndCause;
  /** Present for `error` and, when there was one, for `reset`. */
  readonly error?: ApiError | undefined;
  /** Events and bookmarks. */
  readonly events: number;
  readonly bytes: number;
}

const OPEN_TIMEOUT_MS = 30_000;
const ERROR_BODY_TIMEOUT_MS = 10_000;

/** Runs one watch to its end. Never throws: every end is a value. */
export async function runWatch(request: WatchRequest): Promise<WatchEnd> {
  const stop = new AbortController();
  const onParent = () => stop.abort(new Error('stopped'));
  if (request.signal.aborted) onParent();
  else request.signal.addEventListener('abort', onParent, { once: true });
  try {
    const stream = await request.transport.stream({
      method: 'GET',
      verb: 'watch',
      path: request.path,
      query: { ...request.query, watch: true, allowWatchBookmarks: true },
      resource: request.resource,
      timeoutMs: Math.min(OPEN_TIMEOUT_MS, request.stallMs),
      signal: stop.signal,
    });
    if (stream.status !== 200) return ended(await refusal(request, stream, stop));
    request.onOpen();
    return await consume(request, stream, stop);
  } catch (error) {
    if (request.signal.aborted) return { cause: 'stopped', events: 0, bytes: 0 };
    return ended(asApiError(request, error));
  } finally {
    request.signal.removeEventListener('abort', onParent);
    stop.abort(new Error('watch ended'));
  }
}

async function consume(request: WatchRequest, stream: TransportStream, stop: AbortController): Promise<WatchEnd> {
  const { clock } = request;
  const splitter = new LineSplitter(request.maxLineBytes);
  const seen = { events: 0, bytes: 0 };
  let lastByteAt = clock.monotonic();
  let stalled = false;
  const check = () => {
    const silentMs = clock.monotonic() - lastByteAt;
    if (silentMs < request.stallMs) {
      timer = clock.setTimeout(check, request.stallMs - silentMs);
      return;
    }
    stalled = true;
    stop.abort(new Error('stalled'));
  };
  let timer = clock.setTimeout(check, request.stallMs);
  try {
    for await (const chunk of stream.message as AsyncIterable<Buffer>) {
      lastByteAt = clock.monotonic();
      seen.bytes += chunk.length;
      const lines = splitter.push(chunk);
      if (lines === 'tooLong') return { cause: 'lineTooLong', ...seen };
      for (const line of lines) {
        const end = handleLine(request, line, seen);
        if (end) return { ...end, ...seen };
        if (request.signal.aborted) return { cause: 'stopped', ...seen };
      }
    }
    if (!stream.message.complete) return { cause: 'reset', ...seen };
    return { cause: splitter.pendingBytes > 0 ? 'truncated' : 'closed', ...seen };
  } catch (error) {
    if (request.signal.aborted) return { cause: 'stopped', ...seen };
    if (stalled) return { cause: 'stalled', ...seen };
    const cause = splitter.pendingBytes > 0 ? 'truncated' : 'reset';
    return { cause, error: asApiError(request, error), ...seen };
  } finally {
    clock.clearTimeout(timer);
    stream.message.destroy();
  }
}

/** Handles one line; an answer means that the watch is over. */
function handleLine(
  request: WatchRequest,
  line: string,
  seen: { events: number },
): { cause: WatchEndCause; error?: ApiError } | undefined {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch {
    return { cause: 'garbage' };
  }
  if (!isRecord(event)) return { cause: 'garbage' };
  const { type, object } = event;
  if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') {
    seen.events += 1;
    request.onEvent(type, object);
    return undefined;
  }
  if (type === 'BOOKMARK') {
    seen.events += 1;
    const meta = isRecord(object) && isRecord(object.metadata) ? object.metadata : {};
    if (typeof meta.resourceVersion === 'string') request.onBookmark(meta.resourceVersion);
    return undefined;
  }
  if (type === 'ERROR') return endOf(statusError(request, object));
  request.onMalformed(`unknown event type ${JSON.stringify(type)?.slice(0, 60)}`);
  return undefined;
}

function statusError(request: WatchRequest, object: unknown): ApiError {
  const status = isRecord(object) && typeof object.code === 'number' ? object.code : 500;
  const nowMs = request.clock.now();
  return errorFromResponse({ verb: 'watch', path: request.path, status, body: object, nowMs });
}

async function refusal(request: WatchRequest, stream: TransportStream, stop: AbortController): Promise<ApiError> {
  const timer = request.clock.setTimeout(() => stop.abort(new Error('stalled')), ERROR_BODY_TIMEOUT_MS);
  const body = await request.transport.readErrorBody(stream, stop.signal);
  request.clock.clearTimeout(timer);
  const retryAfter = stream.headers['retry-after'];
  const nowMs = request.clock.now();
  return errorFromResponse({ verb: 'watch', path: request.path, status: stream.status, body, retryAfter, nowMs });
}

/** Too old, or from the future of a restored server: only a fresh list helps. */
function endOf(error: ApiError): { cause: WatchEndCause; error: ApiError } {
  return { cause: error.code === 'gone' || error.isResourceVersionTooLarge ? 'expired' : 'error', error };
}

function ended(error: ApiError): WatchEnd {
  return { ...endOf(error), events: 0, bytes: 0 };
}

function asApiError(request: WatchRequest, error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = `connection lost: ${error instanceof Error ? error.message : String(error)}`;
  return new ApiError({ code: 'transient', message, verb: 'watch', path: request.path, cause: error });
}
