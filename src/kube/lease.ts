import type { CallOptions, KubeClient } from './client.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { ApiError } from './errors.ts';
import type { KubeObject, ObjectName } from './kube-object.ts';
import { isRecord } from './kube-object.ts';
import { microTime } from './micro-time.ts';
import { LEASES } from './resource-types.ts';
import { sleep } from './sleep.ts';

/** Why leadership ended. */
export type LeaseLoss = 'renewDeadlinePassed' | 'takenOver' | 'leaseDeleted' | 'released';

/** Input of {@link LeaderElector}. Times in milliseconds; must hold leaseMs > renewDeadlineMs > retryMs * 1.2. */
export interface LeaderElectorOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  /** Unique per process, e.g. pod name plus a random suffix. */
  readonly identity: string;
  readonly onAcquired: () => void;
  /** Stop writing; the process should end. Not called for a release by {@link LeaderElector.stop}. */
  readonly onLost: (why: Exclude<LeaseLoss, 'released'>) => void;
  /** Another one holds the lease; told once for each that does. */
  readonly onStandby?: ((holder: string) => void) | undefined;
  /** The lease was taken or renewed. */
  readonly onHeld?: (() => void) | undefined;
  /** A failed attempt to get or renew the lease; attempts go on. */
  readonly onError?: ((error: unknown) => void) | undefined;
  readonly leaseMs?: number | undefined;
  readonly renewDeadlineMs?: number | undefined;
  readonly retryMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
}

interface Observation {
  readonly lease: KubeObject;
  /** When this state of the lease was first seen, on our own monotonic clock: clocks of others are never trusted. */
  readonly at: number;
}

/**
 * Leader election on a Lease, as client-go does it: 15 s lease, 10 s renew deadline, 2 s retry. {@link LeaderElector.isLeader}
 * compares clocks only, so a process that was frozen, or whose event loop was blocked, is not the leader when it wakes, before
 * any timer has run: give it to the transport as its guard.
 */
export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #leaseMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryMs: number;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #observed: Observation | undefined;
  #leading = false;
  #waitsFor: string | undefined;
  #monotonicDeadline = Number.NEGATIVE_INFINITY;
  #wallDeadline = Number.NEGATIVE_INFINITY;

  constructor(options: LeaderElectorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#leaseMs = options.leaseMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryMs = options.retryMs ?? 2000;
    if (!(this.#leaseMs > this.#renewDeadlineMs && this.#renewDeadlineMs > this.#retryMs * 1.2)) {
      throw new RangeError('leader election needs leaseMs > renewDeadlineMs > 1.2 * retryMs');
    }
  }

  /**
   * Whether this process may write right now. Both clocks must agree: the monotonic one does not count while a machine sleeps,
   * the wall clock does; a wall clock that jumps ahead only costs the time to the next renewal.
   */
  isLeader(): boolean {
    return this.#leading && this.#clock.monotonic() < this.#monotonicDeadline && this.#clock.now() < this.#wallDeadline;
  }

  /** The holder last seen, for status pages; undefined before the first look and when nobody holds the lease. */
  currentHolder(): string | undefined {
    return holderOf(this.#observed?.lease);
  }

  /** Becomes a candidate. Leadership lost ends the candidacy. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Gives the lease back, so that the next leader need not wait for it to expire. Finish your writes before. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    const held = this.isLeader();
    this.#leading = false;
    const lease = this.#observed?.lease;
    if (!held || !lease) return;
    await this.#put(lease, '', 1000).catch(error => this.#options.onError?.(error));
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#leading = await this.#tryAcquire();
      if (this.#leading) break;
      if (!(await sleep(this.#clock, this.#jittered(), signal))) return;
    }
    // Stopped in the very moment: what was taken is given back.
    if (signal.aborted) return;
    this.#options.onAcquired();
    while (await sleep(this.#clock, this.#jittered(), signal)) {
      const loss = await this.#renewInTime();
      if (!loss) continue;
      this.#leading = false;
      this.#options.onLost(loss);
      return;
    }
  }

  async #tryAcquire(): Promise<boolean> {
    const begun = this.#begin();
    try {
      const lease = await this.#read();
      if (!lease) {
        this.#accept(await this.#create(), begun);
        return true;
      }
      this.#observe(lease);
      if (!this.#mayTake(lease)) {
        this.#standBy(holderOf(lease) ?? '');
        return false;
      }
      this.#accept(await this.#put(lease, this.#options.identity, this.#leaseMs), begun);
      return true;
    } catch (error) {
      // Losing the race for a free lease is how elections go, not an error.
      if (!isRace(error)) this.#options.onError?.(error);
      return false;
    }
  }

  #standBy(holder: string): void {
    if (this.#waitsFor === holder) return;
    this.#waitsFor = holder;
    this.#options.onStandby?.(holder);
  }

  /** One renewal, which has until the deadline; where that has passed already, a moment to find out what holds. */
  async #renewInTime(): Promise<Exclude<LeaseLoss, 'released'> | undefined> {
    const over = new AbortController();
    const patienceMs = Math.max(this.#monotonicDeadline - this.#clock.monotonic(), this.#retryMs);
    const late = sleep(this.#clock, patienceMs, over.signal).then(() => 'renewDeadlinePassed' as const);
    const loss = await Promise.race([this.#renew(), late]);
    over.abort();
    return loss;
  }

  /** One renewal; a loss when leadership is over. */
  async #renew(): Promise<Exclude<LeaseLoss, 'released'> | undefined> {
    const begun = this.#begin();
    try {
      const known = this.#observed?.lease;
      if (!known) return 'leaseDeleted';
      this.#accept(await this.#put(known, this.#options.identity, this.#leaseMs), begun);
      return undefined;
    } catch (error) {
      const loss = await this.#lossBehind(error);
      if (loss) return loss;
      if (!isRace(error)) this.#options.onError?.(error);
      return this.#clock.monotonic() >= this.#monotonicDeadline ? 'renewDeadlinePassed' : undefined;
    }
  }

  /** A renewal was refused: somebody touched the lease. Look before deciding. */
  async #lossBehind(error: unknown): Promise<'takenOver' | 'leaseDeleted' | undefined> {
    if (!(error instanceof ApiError)) return undefined;
    if (error.code !== 'conflict' && error.code !== 'notFound' && !error.mayHaveBeenApplied) return undefined;
    try {
      const lease = await this.#read();
      if (!lease || lease.metadata.uid !== this.#observed?.lease.metadata.uid) return 'leaseDeleted';
      this.#observe(lease);
      return holderOf(lease) === this.#options.identity ? undefined : 'takenOver';
    } catch (readError) {
      this.#options.onError?.(readError);
      return undefined;
    }
  }

  #mayTake(lease: KubeObject): boolean {
    const holder = holderOf(lease);
    if (holder === undefined || holder === this.#options.identity) return true;
    const spec = specOf(lease);
    const seconds = typeof spec.leaseDurationSeconds === 'number' ? spec.leaseDurationSeconds : this.#leaseMs / 1000;
    return this.#observed !== undefined && this.#clock.monotonic() >= this.#observed.at + seconds * 1000;
  }

  #observe(lease: KubeObject): void {
    const same = this.#observed?.lease.metadata.resourceVersion === lease.metadata.resourceVersion;
    const at = same && this.#observed ? this.#observed.at : this.#clock.monotonic();
    this.#observed = { lease, at };
  }

  /** The lease is ours; the deadline counts from before the request was sent, for that is when the others' clock may start. */
  #accept(lease: KubeObject, begun: { monotonic: number; now: number }): void {
    this.#observe(lease);
    this.#monotonicDeadline = begun.monotonic + this.#renewDeadlineMs;
    this.#wallDeadline = begun.now + this.#renewDeadlineMs;
    this.#options.onHeld?.();
  }

  #begin(): { monotonic: number; now: number } {
    return { monotonic: this.#clock.monotonic(), now: this.#clock.now() };
  }

  #read(): Promise<KubeObject | undefined> {
    return this.#options.client.find(LEASES, this.#name(), this.#call());
  }

  #create(): Promise<KubeObject> {
    const now = microTime(this.#clock.now());
    const spec = {
      holderIdentity: this.#options.identity,
      leaseDurationSeconds: Math.max(1, Math.ceil(this.#leaseMs / 1000)),
      acquireTime: now,
      renewTime: now,
      leaseTransitions: 0,
    };
    const metadata = { namespace: this.#options.namespace, name: this.#options.name };
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
    return this.#options.client.create(LEASES, lease, { bypassGuard: true, ...this.#call() });
  }

  /** Writes over exactly the lease that was read: its resourceVersion is the precondition. */
  #put(lease: KubeObject, holder: string, durationMs: number): Promise<KubeObject> {
    const before = specOf(lease);
    const now = microTime(this.#clock.now());
    const transitions = typeof before.leaseTransitions === 'number' ? before.leaseTransitions : 0;
    const changes = holder !== '' && holder !== before.holderIdentity;
    const spec = {
      ...before,
      holderIdentity: holder,
      leaseDurationSeconds: Math.max(1, Math.ceil(durationMs / 1000)),
      acquireTime: changes ? now : (before.acquireTime ?? now),
      renewTime: now,
      leaseTransitions: changes ? transitions + 1 : transitions,
    };
    return this.#options.client.update(LEASES, { ...lease, spec }, { bypassGuard: true, ...this.#call() });
  }

  #name(): ObjectName {
    return { namespace: this.#options.namespace, name: this.#options.name };
  }

  /** Short enough that a hanging attempt leaves room for another one before the deadline, and that on another socket. */
  #call(): CallOptions {
    return { timeoutMs: this.#renewDeadlineMs / 2, pool: 'lease' };
  }

  #jittered(): number {
    return this.#retryMs * (1 + 0.2 * this.#random());
  }
}

function specOf(lease: KubeObject): Record<string, unknown> {
  return isRecord(lease.spec) ? lease.spec : {};
}

function holderOf(lease: KubeObject | undefined): string | undefined {
  const holder = lease && specOf(lease).holderIdentity;
  return typeof holder === 'string' && holder !== '' ? holder : undefined;
}

function isRace(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 'conflict' || error.code === 'alreadyExists');
}
