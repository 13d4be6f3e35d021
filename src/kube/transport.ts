import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import type { ClusterConfig } from './config.ts';
import type { PoolName } from './connection-pools.ts';
import { ConnectionPools } from './connection-pools.ts';
import type { ApiErrorCode } from './errors.ts';
import { ApiError } from './errors.ts';
import { goJson } from './go-json.ts';
import { ExchangeFailure, exchange, readBody } from './http-exchange.ts';
import { Reachability } from './reachability.ts';

/** Query parameters; undefined ones are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** One request to the API server. */
export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Query | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly contentType?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Total time for connecting, sending and reading, in milliseconds. Default 30 s. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Labels for metrics and error messages; the verb defaults to the method. */
  readonly verb?: string | undefined;
  readonly resource?: string | undefined;
  /** Longest answer accepted, in bytes; that of the transport when absent. */
  readonly maxBytes?: number | undefined;
  /** Only the leader lease itself may write without being the leader. */
  readonly bypassGuard?: boolean | undefined;
  /** Whose sockets are used; those of ordinary requests when absent. */
  readonly pool?: Exclude<PoolName, 'watch'> | undefined;
}

/** An answer with its body read; `body` is parsed JSON, or text when it was not JSON. */
export interface TransportResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** An answer whose body the caller reads as it comes, and destroys when done. */
export interface TransportStream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly message: IncomingMessage;
}

/** What the observer is told after each request. `status` is 0 when no answer came; `code` then says why. */
export interface RequestObservation {
  readonly verb: string;
  readonly resource: string;
  readonly status: number;
  readonly code?: ApiErrorCode | undefined;
  readonly ms: number;
}

/** Input of {@link Transport}. */
export interface TransportOptions {
  readonly config: ClusterConfig;
  readonly clock?: Clock;
  readonly userAgent?: string;
  /** Asked right before a mutating request is written; false refuses it with code `notLeader`. */
  readonly guard?: () => boolean;
  readonly observe?: (observation: RequestObservation) => void;
  /** Longest answer accepted, in bytes. Default 128 MiB: a page of 500 large objects. */
  readonly maxResponseBytes?: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const TLS_FAILURE = /^(CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|ERR_TLS_|ERR_SSL_|HOSTNAME_MISMATCH)/;

/**
 * Raw JSON over keep-alive HTTP(S) to one API server. Answers of any status are returned, not thrown; only a missing answer,
 * a refusal by the guard and an abort throw {@link ApiError}.
 */
export class Transport {
  readonly #options: TransportOptions;
  /** The clock that all deadlines of this transport run on. */
  readonly clock: Clock;
  /** Whether the server does what it is asked, as seen by all requests together. */
  readonly reachability: Reachability;
  readonly #pools: ConnectionPools;
  readonly #base: URL;
  #reloading: Promise<void> | undefined;
  #reloads = 0;
  readonly #endOfWrites = new AbortController();
  #writing = 0;
  #closed = false;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.clock = options.clock ?? systemClock;
    this.reachability = new Reachability(this.clock);
    this.#pools = new ConnectionPools(options.config);
    this.#base = new URL(options.config.server);
  }

  /** Sends a request and reads the whole answer. @throws ApiError `transient`, `aborted` or `notLeader` */
  async request(request: TransportRequest): Promise<TransportResponse> {
    const started = this.clock.monotonic();
    const guarded = isGuarded(request);
    const ends = guarded ? [request.signal, this.#endOfWrites.signal] : [request.signal];
    const deadline = new Deadline(this.clock, request.timeoutMs ?? DEFAULT_TIMEOUT_MS, ends);
    if (guarded) this.#writing += 1;
    try {
      const message = await this.#send(request, request.pool ?? 'request', deadline.signal);
      const body = await this.#parse(request, message, deadline.signal);
      this.#observe(request, started, message.statusCode ?? 0);
      return { status: message.statusCode ?? 0, headers: message.headers, body };
    } catch (error) {
      const failure = this.#failure(request, error);
      this.#observe(request, started, 0, failure.code);
      throw failure;
    } finally {
      if (guarded) this.#writing -= 1;
      deadline.clear();
    }
  }

  /**
   * Opens a stream from the watch pool; `timeoutMs` only bounds the wait for the headers.
   * `signal` also ends the stream afterwards. @throws ApiError `transient` or `aborted`
   */
  async stream(request: TransportRequest): Promise<TransportStream> {
    const started = this.clock.monotonic();
    const deadline = new Deadline(this.clock, request.timeoutMs ?? DEFAULT_TIMEOUT_MS, [request.signal]);
    try {
      const message = await this.#send(request, 'watch', deadline.signal);
      deadline.stopTimer();
      message.once('close', () => deadline.clear());
      this.#observe(request, started, message.statusCode ?? 0);
      return { status: message.statusCode ?? 0, headers: message.headers, message };
    } catch (error) {
      deadline.clear();
      const failure = this.#failure(request, error);
      this.#observe(request, started, 0, failure.code);
      throw failure;
    }
  }

  /** Reads and parses the body of a stream that turned out to be an error. */
  async readErrorBody(stream: TransportStream, signal: AbortSignal): Promise<unknown> {
    const bytes = await readBody(stream.message, 1 << 20, signal).catch(() => Buffer.alloc(0));
    return parseJsonOrText(bytes);
  }

  /**
   * Closes the sockets of writes that are under way, and lets none begin; those of the leader lease go on.
   * @returns whether any was under way, which the server may learn a moment later
   */
  endWrites(): boolean {
    const cutOff = this.#writing > 0;
    this.#endOfWrites.abort();
    return cutOff;
  }

  /** Closes all connections; later requests fail. */
  close(): void {
    this.#closed = true;
    this.#pools.close();
  }

  async #send(request: TransportRequest, pool: PoolName, signal: AbortSignal): Promise<IncomingMessage> {
    let reauthenticated = false;
    for (let attempt = 1; ; attempt += 1) {
      if (this.#closed) throw new Error('the transport is closed');
      const reloadsBefore = this.#reloads;
      try {
        const message = await this.#attempt(request, pool, signal);
        if (message.statusCode !== 401 || reauthenticated) return message;
        // A 401 was not executed, so any verb can be repeated with fresh credentials.
        reauthenticated = true;
        message.resume();
      } catch (error) {
        if (!(error instanceof ExchangeFailure) || signal.aborted || attempt >= 4) throw error;
        const badCertificate = !error.sent && error.errno !== undefined && TLS_FAILURE.test(error.errno);
        const staleSocket = error.reusedSocket && request.method === 'GET';
        if (staleSocket) continue;
        if (!badCertificate || reauthenticated) throw error;
        reauthenticated = true;
      }
      await this.#reload(reloadsBefore);
    }
  }

  async #attempt(request: TransportRequest, pool: PoolName, signal: AbortSignal): Promise<IncomingMessage> {
    // A login helper that hangs must not outlive the deadline.
    const credentials = Promise.all([this.#pools.agent(pool), this.#options.config.requestHeaders()]);
    const [agent, auth] = await orAborted(credentials, signal);
    const body = request.body === undefined ? undefined : Buffer.from(goJson(request.body));
    const { guard } = this.#options;
    return exchange({
      url: this.#url(request),
      method: request.method,
      headers: {
        accept: 'application/json',
        'user-agent': this.#options.userAgent ?? 'sluice',
        ...(body ? { 'content-type': request.contentType ?? 'application/json' } : {}),
        ...request.headers,
        ...auth,
      },
      body,
      agent,
      signal,
      beforeSend: guard && isGuarded(request) ? () => (guard() ? undefined : this.#refusal(request)) : undefined,
    });
  }

  /** Many requests may meet the same 401 at once; the credentials are read once for all of them. */
  async #reload(reloadsBefore: number): Promise<void> {
    if (this.#reloads !== reloadsBefore) return;
    this.#reloading ??= this.#options.config.reload().finally(() => {
      this.#reloads += 1;
      this.#reloading = undefined;
    });
    await this.#reloading;
  }

  async #parse(request: TransportRequest, message: IncomingMessage, signal: AbortSignal): Promise<unknown> {
    const maxBytes = request.maxBytes ?? this.#options.maxResponseBytes ?? 128 << 20;
    const bytes = await readBody(message, maxBytes, signal).catch((cause: Error) => {
      throw new ExchangeFailure(cause, true, false);
    });
    const body = parseJsonOrText(bytes);
    if (typeof body === 'string' && (message.statusCode ?? 0) < 300) {
      throw new ExchangeFailure(new Error(`${request.path} answered with something that is not JSON`), true, false);
    }
    return body;
  }

  #url(request: TransportRequest): URL {
    const url = new URL(this.#base);
    url.pathname = `${this.#base.pathname.replace(/\/$/, '')}${request.path}`;
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return url;
  }

  #refusal(request: TransportRequest): ApiError {
    return new ApiError({
      code: 'notLeader',
      message: 'refused: this process does not hold the leader lease (any more); the leader will do it',
      verb: request.verb ?? request.method,
      path: request.path,
    });
  }

  #failure(request: TransportRequest, error: unknown): ApiError {
    const cause = error instanceof ExchangeFailure ? error.cause : error;
    if (cause instanceof ApiError) return cause;
    const aborted = request.signal?.aborted === true || (isGuarded(request) && this.#endOfWrites.signal.aborted);
    const text = cause instanceof Error ? cause.message : String(cause);
    const sent = error instanceof ExchangeFailure && error.sent;
    return new ApiError({
      code: aborted ? 'aborted' : 'transient',
      message: `no answer: ${text}`,
      verb: request.verb ?? request.method,
      path: request.path,
      mayHaveBeenApplied: sent && request.method !== 'GET',
      cause,
    });
  }

  #observe(request: TransportRequest, started: number, status: number, code?: ApiErrorCode): void {
    this.reachability.note({ status, code });
    this.#options.observe?.({
      verb: request.verb ?? request.method.toLowerCase(),
      resource: request.resource ?? '',
      status,
      code,
      ms: this.clock.monotonic() - started,
    });
  }
}

/** Whether it may change something that whoever leads writes too: anything but the lease itself. */
function isGuarded({ method, bypassGuard }: TransportRequest): boolean {
  return method !== 'GET' && bypassGuard !== true;
}

/** An abort signal that fires with the first of some others or when time is up, and leaves no listener behind. */
class Deadline {
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  readonly #timer: unknown;
  readonly #parents: readonly (AbortSignal | undefined)[];
  readonly #onParent = () => this.#controller.abort(new Error('aborted by the caller'));

  constructor(clock: Clock, ms: number, parents: readonly (AbortSignal | undefined)[]) {
    this.#clock = clock;
    this.#parents = parents;
    this.#timer = clock.setTimeout(() => this.#controller.abort(new Error(`not done after ${ms} ms`)), ms);
    if (parents.some(parent => parent?.aborted)) this.#onParent();
    else for (const parent of parents) parent?.addEventListener('abort', this.#onParent, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stopTimer(): void {
    this.#clock.clearTimeout(this.#timer);
  }

  clear(): void {
    this.stopTimer();
    for (const parent of this.#parents) parent?.removeEventListener('abort', this.#onParent);
  }
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function parseJsonOrText(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  const text = bytes.toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text.slice(0, 2000);
  }
}
