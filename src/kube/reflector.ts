import { Backoff } from './backoff.ts';
import type { KubeClient } from './client.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { auditDrift } from './drift-audit.ts';
import type { ApiErrorCode } from './errors.ts';
import { ApiError } from './errors.ts';
import type { KubeObject } from './kube-object.ts';
import type { ReflectorObservation } from './reflector-observation.ts';
import type { ResourceType } from './resource-path.ts';
import { resourceLabel, resourcePath } from './resource-path.ts';
import { sleep } from './sleep.ts';
import { ObjectStore } from './store.ts';
import type { IndexFunctions } from './store-index.ts';
import type { WatchEnd } from './watch-stream.ts';
import { runWatch } from './watch-stream.ts';

/** Input of {@link Reflector}. Times in milliseconds. */
export interface ReflectorOptions {
  readonly client: KubeClient;
  readonly type: ResourceType;
  /** Left out: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Keeps less of each object; may change it in place. Default: drops `metadata.managedFields`. */
  readonly trim?: ((object: KubeObject) => KubeObject) | undefined;
  readonly indexers?: IndexFunctions | undefined;
  /** See {@link ObjectStore}: one `spec` for all versions of a generation. */
  readonly specByGeneration?: boolean | undefined;
  /** The type may be missing from the cluster: `hasSynced` is then true once its absence is confirmed. */
  readonly optional?: boolean | undefined;
  readonly observe?: ((observation: ReflectorObservation) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly pageLimit?: number | undefined;
  /** Default 100 s; the server sends a bookmark about every 60 s. */
  readonly stallMs?: number | undefined;
  /** Least time between two watch requests. Default 1 s. */
  readonly minWatchSpacingMs?: number | undefined;
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number } | undefined;
  /** Default 1 h; 0 turns the audit off. */
  readonly auditIntervalMs?: number | undefined;
  readonly auditGraceMs?: number | undefined;
  readonly maxLineBytes?: number | undefined;
}

/** What keeps a reflector from following its type, while it does. */
export interface ReflectorFailure {
  readonly code: ApiErrorCode;
  readonly message: string;
  /** Wall clock of the first failure in a row, milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** A snapshot of a reflector for readiness, conditions and metrics. */
export interface ReflectorState {
  readonly synced: boolean;
  /** The server confirmed that it does not serve the type. */
  readonly absent: boolean;
  readonly watching: boolean;
  readonly failure: ReflectorFailure | undefined;
  /** Time since the server last told us anything, bookmarks included; undefined before the first list. */
  readonly lastContactAgeMs: number | undefined;
}

const SHORT_WATCH_MS = 1000;
/** A watch that lived so long was no failure: what cuts it may cut any that is quiet for a while. */
const HEALTHY_WATCH_MS = 5_000;
/** A list that expires sooner than this expires because of the server. */
const SHORT_LIST_MS = 10_000;
const MAX_LINE_BYTES = 8 << 20;

/**
 * Keeps an {@link ObjectStore} equal to a collection of the API server: a consistent paginated list, then a watch, for ever.
 * It never gives up and never throws; trouble shows in {@link Reflector.state} and in the observations.
 *
 * | the watch or list ended with        | next                                                        |
 * | clean close                         | watch from the last resourceVersion, at least 1 s after the last one began |
 * | reset or cut line after 5 s or more | the same                                                    |
 * | reset, truncated line, silence      | backoff, watch from the last resourceVersion                |
 * | silence again                       | list: etcd may have been set back, and nothing is that new  |
 * | 410, resourceVersion in the future  | list (at once; with backoff when it comes again in 10 s)    |
 * | garbage, line too long              | backoff, list                                               |
 * | 429, 503 with Retry-After           | wait as told, then the same request                         |
 * | 401 (after one reload), 403, 5xx    | backoff, then the same request                              |
 * | 404                                 | backoff, list; empty the store when discovery confirms it   |
 *
 * A backoff ends early when the server is seen to be back; a wait that the server asked for never does.
 */
export class Reflector {
  /** The cache. Add handlers before {@link Reflector.start}. */
  readonly store: ObjectStore;
  readonly type: ResourceType;
  readonly #options: ReflectorOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #backoff: Backoff;
  readonly #stop = new AbortController();
  readonly #onSynced: (() => void)[] = [];
  #running: Promise<unknown> | undefined;
  /** Why a list is due; undefined while a watch can go on. */
  #listCause: string | undefined = 'start';
  /** Watches in a row that said nothing at all until they were given up. */
  #silences = 0;
  #synced = false;
  #absent = false;
  #watching = false;
  #failure: ReflectorFailure | undefined;
  #lastContactAt: number | undefined;
  #watchBeganAt = Number.NEGATIVE_INFINITY;
  #listedAt = Number.NEGATIVE_INFINITY;
  /** Lists that were outdated shortly after they had been made. */
  #expiredInARow = 0;
  /** The server said how long to wait. */
  #isTold = false;

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.type = options.type;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#backoff = new Backoff(options.backoff ?? { baseMs: 800, maxMs: 30_000 }, this.#random);
    this.store = new ObjectStore({
      indexers: options.indexers,
      trim: options.trim,
      specByGeneration: options.specByGeneration,
      namespace: options.namespace,
      addsWrites: options.labelSelector === undefined && options.fieldSelector === undefined,
      clock: this.#clock,
      observe: options.observe,
    });
  }

  /** Starts following; a second call does nothing. */
  start(): void {
    this.#running ??= Promise.all([this.#run(), this.#auditForEver()]);
  }

  /** Stops for good and waits until nothing runs any more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Whether the store has held a complete list once (or the optional type is confirmed absent). */
  hasSynced(): boolean {
    return this.#synced || (this.#options.optional === true && this.#absent);
  }

  /** Resolves when {@link Reflector.hasSynced} becomes true; false when `timeoutMs` passed first. */
  waitForSync(timeoutMs: number): Promise<boolean> {
    if (this.hasSynced()) return Promise.resolve(true);
    return new Promise(resolve => {
      const timer = this.#clock.setTimeout(() => resolve(this.hasSynced()), timeoutMs);
      this.#onSynced.push(() => {
        this.#clock.clearTimeout(timer);
        resolve(true);
      });
    });
  }

  /** How it is going. */
  state(): ReflectorState {
    return {
      synced: this.hasSynced(),
      absent: this.#absent,
      watching: this.#watching,
      failure: this.#failure,
      lastContactAgeMs: this.#lastContactAt === undefined ? undefined : this.#clock.monotonic() - this.#lastContactAt,
    };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#isTold = false;
      const delayMs = this.#listCause === undefined ? await this.#watchOnce() : await this.#listOnce(this.#listCause);
      if (delayMs > 0) await this.#wait(delayMs);
    }
  }

  async #wait(ms: number): Promise<void> {
    const { signal } = this.#stop;
    if (this.#isTold) {
      await sleep(this.#clock, ms, signal);
      return;
    }
    if (!(await this.#options.client.transport.reachability.wait(ms, signal))) return;
    this.#backoff.reset();
    await sleep(this.#clock, this.#spacingMs(), signal);
  }

  async #listOnce(cause: string): Promise<number> {
    const { client, type } = this.#options;
    const startedAt = this.#clock.monotonic();
    const journal = this.store.openJournal();
    try {
      const list = await client.list(type, {
        ...this.#scope(),
        signal: this.#stop.signal,
        map: raw => this.store.prepare(raw, 'list'),
      });
      await this.store.replace(list.items, list.resourceVersion, journal);
      this.#listedAt = this.#clock.monotonic();
      const ms = this.#clock.monotonic() - startedAt;
      this.#report({ kind: 'listed', cause, objects: list.items.length, ms });
      this.#listCause = undefined;
      this.#absent = false;
      this.#synced = true;
      this.#contact();
      this.#settled();
      return 0;
    } catch (error) {
      if (this.#stop.signal.aborted) return 0;
      const failure = asApiError(error, type);
      if (failure.code === 'notFound') await this.#confirmAbsence();
      return this.#failed(failure);
    } finally {
      this.store.closeJournal(journal);
    }
  }

  /** A 404 may be a passing state of a starting server; only what discovery says too empties the store. */
  async #confirmAbsence(): Promise<void> {
    const { client, type } = this.#options;
    try {
      if (await client.isServed(type, { signal: this.#stop.signal })) return;
    } catch {
      return;
    }
    if (this.store.size > 0 || this.store.lastSyncRV() !== undefined) {
      const journal = this.store.openJournal();
      await this.store.replace([], undefined, journal).finally(() => this.store.closeJournal(journal));
    }
    this.#absent = true;
    this.#synced = false;
    this.#settled();
  }

  async #watchOnce(): Promise<number> {
    this.#watchBeganAt = this.#clock.monotonic();
    const end = await runWatch({
      transport: this.#options.client.transport,
      clock: this.#clock,
      path: resourcePath(this.type, { namespace: this.#options.namespace }),
      resource: resourceLabel(this.type),
      query: {
        resourceVersion: this.store.lastSyncRV(),
        labelSelector: this.#options.labelSelector,
        fieldSelector: this.#options.fieldSelector,
        // Random, so that the watches of many types and replicas do not all reconnect together.
        timeoutSeconds: Math.floor(290 + this.#random() * 290),
      },
      stallMs: this.#options.stallMs ?? 100_000,
      maxLineBytes: this.#options.maxLineBytes ?? MAX_LINE_BYTES,
      signal: this.#stop.signal,
      onOpen: () => {
        this.#watching = true;
        this.#recovered();
        this.#contact();
      },
      onEvent: (type, raw) => {
        this.#contact();
        const object = this.store.prepare(raw, 'watch');
        if (object) this.store.applyEvent(type, object);
      },
      onBookmark: rv => {
        this.#contact();
        this.store.advance(rv);
      },
      onMalformed: reason => this.#report({ kind: 'malformed', source: 'watch', object: '', reason }),
    });
    this.#watching = false;
    return this.#afterWatch(end);
  }

  /** Decides what follows a watch; the table is at the top of the class. */
  #afterWatch(end: WatchEnd): number {
    const ms = this.#clock.monotonic() - this.#watchBeganAt;
    this.#report({ kind: 'watchEnded', cause: end.cause, ms, events: end.events, bytes: end.bytes });
    if (end.events > 0 || ms >= HEALTHY_WATCH_MS) this.#backoff.reset();
    this.#silences = end.cause === 'stalled' && end.bytes === 0 ? this.#silences + 1 : 0;
    if (this.#silences > 1) this.#listCause = 'stalled';
    const spacing = this.#spacingMs();
    switch (end.cause) {
      case 'stopped':
        return 0;
      case 'closed':
        // Closed at once and without a word is not a timeout but a server that cannot serve us.
        return end.events === 0 && ms < SHORT_WATCH_MS ? Math.max(spacing, this.#backoff.next()) : spacing;
      case 'expired': {
        this.#listCause = 'expired';
        if (this.#clock.monotonic() - this.#listedAt > SHORT_LIST_MS) this.#expiredInARow = 0;
        const repeated = this.#expiredInARow > 0;
        this.#expiredInARow += 1;
        return repeated ? Math.max(spacing, this.#backoff.next()) : 0;
      }
      case 'garbage':
      case 'lineTooLong':
        this.#listCause = end.cause;
        return Math.max(spacing, this.#backoff.next());
      default: {
        if (end.cause === 'error' && end.error?.code === 'notFound') this.#listCause = 'notFound';
        const isCut = end.cause === 'reset' || end.cause === 'truncated';
        if (isCut && ms >= HEALTHY_WATCH_MS) return spacing;
        return Math.max(spacing, end.error ? this.#failed(end.error) : this.#backoff.next());
      }
    }
  }

  /** Notes a failure and says how long to wait. */
  #failed(error: ApiError): number {
    if (this.#failure?.code !== error.code) {
      this.#report({ kind: 'failing', code: error.code, message: error.message });
    }
    const sinceMs = this.#failure?.sinceMs ?? this.#clock.now();
    this.#failure = { code: error.code, message: error.message, sinceMs };
    const delayMs = this.#backoff.next();
    const { retryAfterMs = 0 } = error;
    this.#isTold = retryAfterMs > 0;
    // As told, plus a little so that not everyone who was told the same comes back in the same instant.
    return this.#isTold ? retryAfterMs + this.#random() * Math.min(1000, retryAfterMs * 0.1) : delayMs;
  }

  /** Until the next watch may begin. */
  #spacingMs(): number {
    const ms = this.#clock.monotonic() - this.#watchBeganAt;
    return Math.max(0, (this.#options.minWatchSpacingMs ?? 1000) - ms);
  }

  #recovered(): void {
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#report({ kind: 'recovered' });
  }

  #settled(): void {
    if (this.hasSynced()) for (const wake of this.#onSynced.splice(0)) wake();
  }

  #contact(): void {
    this.#lastContactAt = this.#clock.monotonic();
  }

  async #auditForEver(): Promise<void> {
    const intervalMs = this.#options.auditIntervalMs ?? 3_600_000;
    if (intervalMs <= 0) return;
    const { signal } = this.#stop;
    while (await sleep(this.#clock, intervalMs * (0.9 + 0.2 * this.#random()), signal)) {
      if (!this.#synced || !this.#watching) continue;
      const { client, type, auditGraceMs } = this.#options;
      const audit = { client, type, store: this.store, scope: this.#scope(), graceMs: auditGraceMs ?? 90_000, signal };
      // A failing list is the main loop's to report; the audit just comes again.
      const drift = await auditDrift(audit).catch(() => undefined);
      if (drift) this.#report({ kind: 'audited', ...drift });
    }
  }

  #scope() {
    const { namespace, labelSelector, fieldSelector, pageLimit } = this.#options;
    return { namespace, labelSelector, fieldSelector, limit: pageLimit };
  }

  #report(observation: ReflectorObservation): void {
    this.#options.observe?.(observation);
  }
}

function asApiError(error: unknown, type: ResourceType): ApiError {
  if (error instanceof ApiError) return error;
  const message = `unexpected: ${error instanceof Error ? error.message : String(error)}`;
  return new ApiError({ code: 'transient', message, verb: 'list', path: resourceLabel(type), cause: error });
}
