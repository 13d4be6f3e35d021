import { Backoff } from './backoff.ts';
import type { KubeClient } from './client.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { ApiError, type ApiErrorCode } from './errors.ts';
import { EVENTS } from './resource-types.ts';
import { sleep } from './sleep.ts';

/** The object an event is about. */
export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion?: string | undefined;
}

/** One thing that happened. */
export interface RecordedEvent {
  readonly regarding: EventSubject;
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, stable: scripts match on it. */
  readonly reason: string;
  /** For people; cut at 1024 characters. */
  readonly note: string;
}

/** Input of {@link EventRecorder}. */
export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** Shown as SOURCE, e.g. the name of the operator. */
  readonly component: string;
  /** Which process, e.g. the pod name. */
  readonly instance: string;
  /** Events waiting to be sent. Default 20 000; the oldest are dropped beyond it. */
  readonly maxQueued?: number | undefined;
  /** Requests at once. Default 2. */
  readonly concurrency?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly observe?: ((what: 'sent' | 'dropped' | 'failed') => void) | undefined;
}

interface Pending {
  readonly key: string;
  readonly event: RecordedEvent;
  readonly firstAt: number;
  lastAt: number;
  count: number;
}

interface Series {
  readonly namespace: string;
  readonly name: string;
  readonly firstAt: number;
  count: number;
}

const MAX_NOTE = 1024;
const MAX_SERIES = 4096;
/** All canaries of thousands of Rollouts that pass a step in the same second; about 1 kB each while they wait. */
const MAX_QUEUED = 20_000;
/** A leader whose renewal is late is none for a moment; one that is none for good ends. */
const MAY_PASS: readonly ApiErrorCode[] = ['transient', 'tooManyRequests', 'notLeader'];
/** An event that nobody could be told for this long is history. */
const GIVE_UP_MS = 600_000;
/** An answered error may be about this one event, which must not hold up the others for long. */
const MAX_ERRORS = 6;
/** The server forgets events after an hour by default; a repeat after ten minutes is news again. */
const SERIES_MAX_AGE_MS = 600_000;

/**
 * Writes Kubernetes events besides the hot path: recording only queues, never waits and never throws. A repeat of the same
 * object, reason and note raises the count of the event that is there. (Core v1 events: kubectl's lists and `describe`, and
 * older tools, all show their count and time; events.k8s.io writes land in the same place but leave those fields empty.)
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #queue = new Map<string, Pending>();
  readonly #sending = new Set<string>();
  readonly #series = new Map<string, Series>();
  readonly #stop = new AbortController();
  #idle: (() => void)[] = [];
  #stopped = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  /** Queues an event. */
  record(event: RecordedEvent): void {
    if (this.#stopped) {
      this.#options.observe?.('dropped');
      return;
    }
    const now = this.#clock.now();
    const { regarding, type, reason } = event;
    const note = event.note.length > MAX_NOTE ? `${event.note.slice(0, MAX_NOTE - 1)}…` : event.note;
    const key = JSON.stringify([
      regarding.uid,
      regarding.kind,
      regarding.namespace,
      regarding.name,
      type,
      reason,
      note,
    ]);
    const queued = this.#queue.get(key);
    if (queued) {
      queued.count += 1;
      queued.lastAt = now;
      return;
    }
    this.#queue.set(key, { key, event: { ...event, note }, firstAt: now, lastAt: now, count: 1 });
    while (this.#queue.size > (this.#options.maxQueued ?? MAX_QUEUED)) {
      const [oldest] = this.#queue.keys();
      if (oldest === undefined) break;
      this.#queue.delete(oldest);
      this.#options.observe?.('dropped');
    }
    this.#pump();
  }

  /** Takes nothing new and sends what waits, for at most `timeoutMs`. @returns whether everything was sent or given up */
  async drain(timeoutMs: number): Promise<boolean> {
    this.#stopped = true;
    if (this.#queue.size === 0 && this.#sending.size === 0) return true;
    return new Promise(resolve => {
      const timer = this.#clock.setTimeout(() => {
        this.#stop.abort(new Error('shutting down'));
        resolve(false);
      }, timeoutMs);
      this.#idle.push(() => {
        this.#clock.clearTimeout(timer);
        resolve(true);
      });
    });
  }

  #pump(): void {
    for (const [key, pending] of this.#queue) {
      if (this.#stop.signal.aborted || this.#sending.size >= (this.#options.concurrency ?? 2)) return;
      // Two requests for one series would overwrite each other's count.
      if (this.#sending.has(key)) continue;
      this.#queue.delete(key);
      this.#sending.add(key);
      void this.#send(pending).then(what => {
        this.#sending.delete(key);
        this.#options.observe?.(what);
        this.#pump();
        if (this.#queue.size === 0 && this.#sending.size === 0) for (const wake of this.#idle.splice(0)) wake();
      });
    }
  }

  async #send(pending: Pending): Promise<'sent' | 'failed'> {
    const backoff = new Backoff({ baseMs: 500, maxMs: 15_000 }, this.#random);
    const name = `${pending.event.regarding.name.slice(0, 200)}.${this.#suffix()}`;
    const { reachability } = this.#options.client.transport;
    const giveUpAt = this.#clock.monotonic() + GIVE_UP_MS;
    let errors = 0;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#write(pending, name);
        return 'sent';
      } catch (error) {
        const code = error instanceof ApiError ? error.code : 'terminal';
        // An earlier attempt, whose answer was lost, did create it.
        if (code === 'alreadyExists' && attempt > 1) {
          this.#remember(pending, name, pending.count);
          return 'sent';
        }
        if (!MAY_PASS.includes(code)) return 'failed';
        const { status, retryAfterMs: askedMs } = error as ApiError;
        // What stands in between answers 502 to 504 for all of them.
        if (status === 500 && ++errors >= MAX_ERRORS) return 'failed';
        const { signal } = this.#stop;
        if (askedMs !== undefined) await sleep(this.#clock, Math.max(askedMs, backoff.next()), signal);
        else await reachability.wait(backoff.next(), signal);
        if (signal.aborted || this.#clock.monotonic() > giveUpAt) return 'failed';
      }
    }
  }

  async #write(pending: Pending, name: string): Promise<void> {
    const { signal } = this.#stop;
    const series = this.#series.get(pending.key);
    if (series && pending.lastAt - series.firstAt < SERIES_MAX_AGE_MS) {
      const count = series.count + pending.count;
      const body = { count, lastTimestamp: seconds(pending.lastAt) };
      try {
        await this.#options.client.patch(EVENTS, series, { kind: 'merge', body }, { signal });
        series.count = count;
        return;
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== 'notFound') throw error;
        this.#series.delete(pending.key);
      }
    }
    await this.#options.client.create(EVENTS, this.#object(pending, name), { signal });
    this.#remember(pending, name, pending.count);
  }

  #object(pending: Pending, name: string) {
    const { regarding, type, reason, note } = pending.event;
    const { component, instance } = this.#options;
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace: regarding.namespace ?? 'default' },
      involvedObject: regarding,
      type,
      reason,
      message: note,
      count: pending.count,
      firstTimestamp: seconds(pending.firstAt),
      lastTimestamp: seconds(pending.lastAt),
      source: { component },
      reportingComponent: component,
      reportingInstance: instance,
    };
  }

  #remember(pending: Pending, name: string, count: number): void {
    const namespace = pending.event.regarding.namespace ?? 'default';
    this.#series.delete(pending.key);
    this.#series.set(pending.key, { namespace, name, firstAt: pending.firstAt, count });
    if (this.#series.size <= MAX_SERIES) return;
    const [oldest] = this.#series.keys();
    if (oldest !== undefined) this.#series.delete(oldest);
  }

  #suffix(): string {
    const random = Math.floor(this.#random() * 2 ** 32).toString(16);
    return `${Math.floor(this.#clock.now()).toString(16)}${random.padStart(8, '0')}`;
  }
}

/** A Kubernetes Time: whole seconds. */
function seconds(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
