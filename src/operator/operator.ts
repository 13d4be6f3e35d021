import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { FIELD_MANAGER } from '../api/names.ts';
import { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { systemClock } from '../kube/clock.ts';
import type { ClusterConfig } from '../kube/config.ts';
import { ConsistencyTracker } from '../kube/consistency.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import { objectKey } from '../kube/kube-object.ts';
import { LeaderElector } from '../kube/lease.ts';
import { sleep } from '../kube/sleep.ts';
import { Transport } from '../kube/transport.ts';
import { WorkQueue } from '../kube/work-queue.ts';
import { Actor } from './act.ts';
import { type Caches, cacheOf, createCaches } from './caches.ts';
import { Courier } from './courier.ts';
import { wireEvents } from './enqueue.ts';
import { Executor } from './executor.ts';
import { GitSyncController } from './git-sync/git-sync-controller.ts';
import { steeringOf } from './git-sync/steering.ts';
import { type Check, HttpServer } from './http-server.ts';
import { LiveReader } from './live-reader.ts';
import { isTold, type Log } from './log.ts';
import { Memory } from './memory.ts';
import { Metrics } from './metrics.ts';
import { PodInspector } from './pod-inspector.ts';
import { Reconciler } from './reconciler.ts';
import { Reporter } from './report.ts';
import { Sampler } from './sampler.ts';
import { SecretReader } from './secrets.ts';
import { endInOrder, type Part } from './shutdown.ts';

export interface OperatorOptions {
  readonly config: ClusterConfig;
  readonly log: Log;
  /** Namespace of the operator: its lease, its Secrets, the platform's Notifiers. */
  readonly namespace: string;
  /** Left out: all namespaces. */
  readonly watchNamespace?: string | undefined;
  readonly leaderElection: boolean;
  readonly gitSync: boolean;
  /** Folder for fetched Git objects. */
  readonly gitCacheDir: string;
  /** Whether a GitSync may name a folder of this machine. Default false. */
  readonly gitAllowFile?: boolean | undefined;
  /** 0: any free port. Undefined: no server. */
  readonly httpPort?: number | undefined;
  readonly httpHost?: string | undefined;
  readonly concurrency?: number | undefined;
  /** How long stopping waits for what runs, in milliseconds. Default 16 s: a write that hangs ends before. */
  readonly finishMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

const DEFAULT_CONCURRENCY = 16;
/**
 * Stopping takes no longer than these together, in milliseconds: then the process ends, before the pod's grace period of 30 s
 * does, after which nobody would give the lease back.
 */
const FINISH_MS = 16_000;
const TELL_MS = 4_000;
/** For the API server to see that the sockets of writes are closed: it then drops what still waits, such as for a webhook. */
const NOTICE_MS = 250;
const GIVE_BACK_MS = 4_000;
const CLOSE_MS = 1_000;
const LEASE_NAME = 'sluice-operator';

/** All parts of the operator, wired once. */
export class Operator {
  readonly metrics = new Metrics();
  readonly #options: OperatorOptions;
  readonly #transport: Transport;
  readonly #caches: Caches;
  readonly #queue: WorkQueue;
  readonly #recorder: EventRecorder;
  readonly #elector: LeaderElector | undefined;
  readonly #gitSync: GitSyncController | undefined;
  readonly #http: HttpServer | undefined;
  readonly #courier: Courier;
  readonly #sampler: Sampler;
  #active = false;
  #stopped = false;
  #lost: (why: string) => void = () => undefined;
  /** Resolves when the process should end, because leadership was lost. */
  readonly lost: Promise<string>;

  constructor(options: OperatorOptions) {
    this.#options = options;
    const clock = options.clock ?? systemClock;
    const { log, namespace } = options;
    const { metrics } = this;
    const isLeader = () => !options.leaderElection || this.#elector?.isLeader() === true;
    this.lost = new Promise(resolve => {
      this.#lost = resolve;
    });
    this.#transport = new Transport({
      config: options.config,
      clock,
      userAgent: 'sluice-operator',
      guard: isLeader,
      observe: observation => metrics.request(observation),
    });
    const client: KubeClient = new KubeClient({
      transport: this.#transport,
      fieldManager: FIELD_MANAGER,
      onWritten: (type, object) => cacheOf(this.#caches, type)?.store.noteWritten(object),
    });
    this.#caches = createCaches({
      client,
      namespace: options.watchNamespace,
      observe: (cache, observation) => {
        metrics.watch(cache, observation.kind === 'change' ? observation.source : observation.kind);
        if (observation.kind === 'malformed' || observation.kind === 'handlerError')
          log.warn('a cache refused an object', { cache, ...observation });
        if (observation.kind === 'failing')
          log.warn('a watch is failing', { cache, code: observation.code, error: observation.message });
      },
    });
    const memory = new Memory();
    const secrets = new SecretReader(client);
    this.#recorder = new EventRecorder({
      client,
      component: 'sluice',
      instance: hostname(),
      clock,
      observe: result => metrics.event(result),
    });
    const enqueue = (key: string, lane: 'urgent' | 'normal' = 'normal') => this.#queue.add(key, lane);
    this.#courier = new Courier({
      caches: this.#caches,
      memory,
      secrets,
      recorder: this.#recorder,
      metrics,
      log,
      clock,
      enqueue,
      isLeader,
    });
    const caches = this.#caches;
    const liveReader = new LiveReader(client, caches);
    this.#sampler = new Sampler({
      client,
      caches,
      liveReader,
      secrets,
      metrics,
      log,
      clock,
      operatorNamespace: namespace,
      enqueue,
    });
    const inspector = new PodInspector({ client, caches, memory, clock, log, enqueue });
    const actor = new Actor(client, {
      takeSample: (rollout, action) => this.#sampler.take(rollout, action),
      terminateRun: (rollout, action) => this.#sampler.terminate(rollout, action),
      inspectPods: (rollout, hash, since) => inspector.inspect(rollout, hash, since),
    });
    const reporter = new Reporter({ recorder: this.#recorder, metrics, courier: this.#courier, log, clock });
    const stepAside = () => this.#queue.stepAside();
    const reconciler = new Reconciler({
      caches,
      client,
      consistency: new ConsistencyTracker(clock),
      memory,
      executor: new Executor({ actor, caches, liveReader, memory, log, clock, stepAside }),
      reporter,
      liveReader,
      metrics,
      clock,
      operatorNamespace: namespace,
    });
    this.#queue = new WorkQueue({
      handler: key => reconciler.pass(key),
      concurrency: options.concurrency ?? DEFAULT_CONCURRENCY,
      clock,
      observe: observation => {
        metrics.queue(observation);
        if (observation.kind === 'retry' && observation.failures > 3 && isTold(observation.failures))
          log.warn('a Rollout is retried', {
            rollout: observation.key,
            failures: observation.failures,
            error: observation.cause,
          });
      },
    });
    wireEvents(this.#caches, enqueue);
    // Nobody works the queue of a standby: what came and went meanwhile would stay in it until a takeover.
    this.#caches.rollouts.store.addHandler((type, object) => {
      if (type === 'deleted' && !this.#active) this.#queue.forget(objectKey(object.metadata));
    });
    if (options.gitSync)
      this.#gitSync = new GitSyncController({
        client,
        gitSyncs: this.#caches.gitSyncs,
        secrets,
        clock,
        log,
        recorder: this.#recorder,
        cacheDir: options.gitCacheDir,
        allowFile: options.gitAllowFile === true,
        steeringOf: at => steeringOf(this.#caches.rollouts.store.values(), at),
      });
    let failures = 0;
    if (options.leaderElection)
      this.#elector = new LeaderElector({
        client,
        namespace,
        name: LEASE_NAME,
        identity: `${hostname()}-${randomUUID().slice(0, 8)}`,
        clock,
        onAcquired: () => this.#lead(),
        onStandby: holder =>
          log.info('standing by: the lease is held by another process, which is to serve the same namespaces', {
            lease: `${namespace}/${LEASE_NAME}`,
            holder,
            watchNamespace: options.watchNamespace ?? 'all',
          }),
        onLost: why => {
          metrics.leader(false);
          log.error('leadership is lost', { why });
          this.#lost(why);
        },
        // An outage is told anew, however many there were before.
        onHeld: () => {
          failures = 0;
        },
        onError: error => {
          failures += 1;
          log[isTold(failures) ? 'warn' : 'debug']('the leader lease cannot be taken or renewed', { failures, error });
        },
      });
    if (options.httpPort !== undefined)
      this.#http = new HttpServer({
        readiness: () => this.readiness(),
        metricsText: async () => {
          // What a standby has in its queue waits for a pass of the leader, not for one of its own.
          const depth = this.#active ? this.#queue.depth() : { urgent: 0, normal: 0 };
          metrics.depth('urgent', depth.urgent);
          metrics.depth('normal', depth.normal);
          return { contentType: metrics.registry.contentType, body: await metrics.registry.metrics() };
        },
      });
  }

  /** Starts everything. Caches fill at once, also in a standby; writing waits for leadership. @returns the HTTP port */
  async start(): Promise<number | undefined> {
    const port = await this.#http?.listen(this.#options.httpPort ?? 0, this.#options.httpHost);
    for (const cache of this.#activeCaches()) cache.start();
    void this.#standForElection();
    return port;
  }

  /** Whether every cache has synced once, and what is missing. */
  readiness(): Check[] {
    const used = new Set(this.#activeCaches());
    const caches = Object.entries(this.#caches).filter(([, cache]) => used.has(cache));
    const checks = caches.map(([name, cache]) => {
      const state = cache.state();
      return {
        name: `cache ${name}`,
        ok: state.synced,
        ...(state.failure ? { detail: state.failure.message.slice(0, 300) } : {}),
      };
    });
    const leader = this.#active ? 'leading' : 'standby';
    return [...checks, { name: 'leadership', ok: true, detail: leader }];
  }

  /** Finishes what runs, tells what is owed, gives the lease back; all in good time. Never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const { log, clock = systemClock, finishMs = FINISH_MS } = this.#options;
    const tools = { log, clock };
    const running: Part[] = [
      ['passes', () => this.#queue.drain(finishMs)],
      ['measurements', () => this.#sampler.stop()],
      ['alerts', () => this.#courier.stop()],
    ];
    await Promise.all([
      endInOrder([['GitSyncs', () => this.#gitSync?.stop()]], finishMs, tools),
      endInOrder(running, finishMs, tools),
    ]);
    await endInOrder([['events', () => this.#recorder.drain(TELL_MS)]], TELL_MS, tools);
    // Whoever leads next must not meet a write of ours that was still on its way.
    if (this.#transport.endWrites()) await sleep(clock, NOTICE_MS);
    await endInOrder([['lease', () => this.#elector?.stop()]], GIVE_BACK_MS, tools);
    const rest: Part[] = [
      ['caches', () => Promise.all(Object.values(this.#caches).map(cache => cache.stop()))],
      ['HTTP', () => this.#http?.close()],
    ];
    await endInOrder(rest, CLOSE_MS, tools);
    this.#transport.close();
  }

  /** Caches that are used: those of the synchronizer only where it runs. */
  #activeCaches() {
    const { gitSyncs, ...others } = this.#caches;
    return this.#options.gitSync ? [...Object.values(others), gitSyncs] : Object.values(others);
  }

  /**
   * Never on caches that are not complete: an empty one reads as "everything is gone". And who cannot fill them, for want of a
   * definition or a permission, must not keep those from leading who can.
   */
  async #standForElection(): Promise<void> {
    const { log } = this.#options;
    for (const cache of this.#activeCaches())
      while (!this.#stopped && !(await cache.waitForSync(30_000))) {
        const { failure } = cache.state();
        log.error('waiting for a cache', { resource: cache.type.plural, error: failure?.message ?? 'no answer yet' });
      }
    if (this.#stopped) return;
    if (this.#elector) this.#elector.start();
    else this.#lead();
  }

  #lead(): void {
    const { log } = this.#options;
    if (this.#active || this.#stopped) return;
    this.#active = true;
    this.metrics.leader(true);
    log.info('leading', { rollouts: this.#caches.rollouts.store.size });
    this.#queue.start();
    this.#gitSync?.start();
  }
}
