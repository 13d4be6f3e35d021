import { durationMs } from '../../api/duration.ts';
import { type GitSyncSpec, type GitSyncStatus, gitSyncSpecSchema } from '../../api/git-sync.ts';
import { API_VERSION } from '../../api/names.ts';
import { firstIssue } from '../../api/spec-issue.ts';
import { toTime } from '../../api/time.ts';
import type { GitTip } from '../../git/git-source.ts';
import { GitSourceError } from '../../git/git-source-error.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Clock, TimerHandle } from '../../kube/clock.ts';
import { classify } from '../../kube/errors.ts';
import type { EventRecorder } from '../../kube/event-recorder.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import { objectKey } from '../../kube/kube-object.ts';
import type { Reflector } from '../../kube/reflector.ts';
import { type WorkOutcome, WorkQueue } from '../../kube/work-queue.ts';
import type { Log } from '../log.ts';
import { mergeDiff } from '../merge-diff.ts';
import type { SecretReader } from '../secrets.ts';
import { Applier, type ApplyResult } from './applier.ts';
import { type GitSyncState, gitSyncConditions } from './conditions.ts';
import { DriftWatches } from './drift-watches.ts';
import { otherHolder } from './holders.ts';
import { entriesOf, type InventoryEntry, MAX_OBJECTS, upcomingEntries } from './inventory.ts';
import type { Manifest } from './manifests.ts';
import { type Pulled, Sources } from './sources.ts';
import type { Steering } from './steering.ts';
import { assertStored, isStored, writeSyncStatus } from './stored-git-sync.ts';
import { type SyncFact, syncFact } from './sync-fact.ts';
import { readSyncStatus } from './sync-status.ts';
import { NotItsTurn } from './turns.ts';
import { TypeResolver } from './type-resolver.ts';

const DEFAULT_INTERVAL_MS = 30_000;
/** Whose turn it is is woken; this is for who was woken and came too late. */
const TURN_MS = 10_000;
/** A host that answers nothing keeps three of them. */
const WORKERS = 8;
/** Drift is corrected at once, yet several changes of one moment in one go, and not before our own answer is read. */
const DRIFT_DELAY_MS = 50;
const MAX_FAILURES = 50;
/** Somebody who sets a field again whenever we do gets this many answers at once, and then one per pause. */
const EAGER_CORRECTIONS = 10;
const FIGHT_PAUSE_MS = 10_000;

export interface GitSyncParts {
  readonly client: KubeClient;
  readonly gitSyncs: Reflector;
  readonly secrets: SecretReader;
  readonly clock: Clock;
  readonly log: Log;
  readonly recorder: Pick<EventRecorder, 'record'>;
  /** What the Rollouts of a namespace steer of what Git declares. */
  readonly steeringOf: (namespace: string) => Steering;
  /** Folder for fetched objects. */
  readonly cacheDir: string;
  /** Whether repositories may be folders of this machine. */
  readonly allowFile: boolean;
  readonly random?: (() => number) | undefined;
}

/** Pulls repositories and makes the cluster equal to them: at the interval, on every change of a GitSync, and on drift. */
export class GitSyncController {
  readonly #parts: GitSyncParts;
  readonly #queue: WorkQueue;
  readonly #applier: Applier;
  readonly #watches: DriftWatches;
  readonly #sources: Sources;
  /** Inventory ids that something happened to. */
  readonly #suspects = new Set<string>();
  /** When drift was last corrected, by GitSync, newest last. */
  readonly #corrections = new Map<string, number[]>();
  #inspection: TimerHandle | undefined;
  #stopped = false;

  constructor(parts: GitSyncParts) {
    this.#parts = parts;
    const { client, clock, log, random = Math.random } = parts;
    this.#watches = new DriftWatches({
      client,
      log,
      onChange: id => this.#suspect([id]),
      onListed: (namespace, type) => this.#suspect(this.#applier.idsOf(namespace, type)),
    });
    this.#sources = new Sources(parts, key => this.#queue.add(key));
    const types = new TypeResolver(client);
    this.#applier = new Applier({ client, clock, random, types, watches: this.#watches });
    this.#queue = new WorkQueue({
      handler: key => this.#sync(key),
      concurrency: WORKERS,
      clock,
      random,
      baseDelayMs: 200,
    });
    parts.gitSyncs.store.addHandler((type, object, old) => {
      if (type !== 'modified' || old?.metadata.generation !== object.metadata.generation)
        this.#queue.add(objectKey(object.metadata));
    });
  }

  start(): void {
    this.#queue.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#parts.clock.clearTimeout(this.#inspection);
    await this.#queue.drain(5_000);
    await this.#watches.stop();
    await this.#sources.removeFetched();
  }

  /** Looks a moment later whether these are as we left them. */
  #suspect(ids: Iterable<string>): void {
    for (const id of ids) this.#suspects.add(id);
    if (this.#inspection !== undefined || this.#stopped || this.#suspects.size === 0) return;
    this.#inspection = this.#parts.clock.setTimeout(() => {
      this.#inspection = undefined;
      const known = new Map<string, Steering>();
      const steeringOf = (namespace: string) => {
        const steering = known.get(namespace) ?? this.#parts.steeringOf(namespace);
        known.set(namespace, steering);
        return steering;
      };
      const owners = [...this.#suspects].map(id => this.#applier.ownerOfDrift(id, steeringOf));
      this.#suspects.clear();
      for (const key of new Set(owners)) if (key !== undefined) this.#correct(key);
    }, DRIFT_DELAY_MS);
  }

  #correct(key: string): void {
    const now = this.#parts.clock.monotonic();
    const recent = (this.#corrections.get(key) ?? []).filter(at => now - at < EAGER_CORRECTIONS * FIGHT_PAUSE_MS);
    const isFight = recent.length >= EAGER_CORRECTIONS;
    this.#queue.addAfter(key, isFight ? FIGHT_PAUSE_MS : 0);
    this.#corrections.set(key, [...recent, now].slice(-EAGER_CORRECTIONS));
  }

  async #sync(key: string): Promise<WorkOutcome> {
    const { gitSyncs } = this.#parts;
    const slash = key.indexOf('/');
    const object = gitSyncs.store.get({ namespace: key.slice(0, slash), name: key.slice(slash + 1) });
    if (!object || object.metadata.deletionTimestamp !== undefined) {
      this.#rest(key);
      await this.#sources.remove(key);
      return { outcome: 'done' };
    }
    try {
      return await this.#pass(key, object);
    } catch (error) {
      // Without keeping a worker: others have drift to correct, and a server may take its time.
      if (error instanceof NotItsTurn) return { outcome: 'wakeAfter', ms: TURN_MS };
      // Deleted while it was worked on. Only its event says so: a 404 may pass, and nothing would bring it back.
      if (!gitSyncs.store.get(object.metadata)) return { outcome: 'done' };
      this.#parts.log.warn('a GitSync is tried again', { gitSync: key, error });
      return { outcome: 'backoff', cause: error, atLeastMs: classify(error).retryAfterMs };
    }
  }

  async #pass(key: string, object: KubeObject): Promise<WorkOutcome> {
    const { clock, allowFile } = this.#parts;
    const parsed = gitSyncSpecSchema.safeParse(object['spec']);
    if (!parsed.success) {
      await this.#refuse(object, firstIssue(parsed.error));
      return { outcome: 'done' };
    }
    const spec = parsed.data;
    if (spec.suspend) {
      this.#rest(key);
      const message = 'suspended by spec.suspend; nothing is pulled, applied or put right';
      await this.#tell(object, 'suspended', 'Suspended', message);
      return { outcome: 'done' };
    }
    if (spec.repository.startsWith('file:') && !allowFile) {
      const message = `${spec.repository} is a folder of the machine that the operator runs on; use an http(s) address, or start the operator with --git-allow-file`;
      await this.#tell(object, 'stalled', 'FileRepositoryNotAllowed', message);
      return { outcome: 'done' };
    }
    const interval = durationMs(spec.interval) ?? DEFAULT_INTERVAL_MS;
    const started = clock.monotonic();
    const { again } = await this.#pullAndApply(object, spec);
    if (again) return { outcome: 'backoff', cause: 'an object could not be applied yet' };
    return { outcome: 'wakeAfter', ms: Math.max(1_000, interval - (clock.monotonic() - started)) };
  }

  async #pullAndApply(object: KubeObject, spec: GitSyncSpec): Promise<{ again: boolean }> {
    const { log } = this.#parts;
    const status = readSyncStatus(object);
    const previous = entriesOf(status.inventory, object.metadata.namespace ?? '');
    let pulled: Pulled;
    try {
      pulled = await this.#sources.pull(object, spec);
    } catch (error) {
      if (error instanceof NotItsTurn) {
        await this.#keepLast(object, spec, previous);
        throw error;
      }
      const message = error instanceof Error ? error.message : 'unknown error';
      const reason = error instanceof GitSourceError ? error.code : 'PullFailed';
      log.warn('pull failed', { gitSync: objectKey(object.metadata), reason, error: message });
      const current = (await this.#tell(object, 'failed', reason, message)) ?? object;
      const kept = await this.#keepLast(object, spec, previous);
      if (kept) await this.#tell(current, 'failed', reason, message, storedOf(kept));
      return { again: kept?.again === true };
    }
    const { tip, reading } = pulled;
    const lastAttemptedRevision = tip.revision;
    if (!reading.ok) {
      const message = `${tip.revision}: ${reading.message}; nothing of this commit was applied`;
      await this.#tell(object, 'stalled', 'BuildFailed', message, { lastAttemptedRevision });
      return { again: false };
    }
    if (reading.manifests.length === 0 && previous.length > 0 && spec.prune !== false) {
      const message = `${tip.revision}: nothing is declared under ${spec.path || 'the root'}, and that would delete all ${previous.length} objects; check spec.path, or delete the objects yourself`;
      await this.#tell(object, 'stalled', 'NothingDeclared', message, { lastAttemptedRevision });
      return { again: false };
    }
    const { name, namespace = '' } = object.metadata;
    const holder = otherHolder({ namespace, name }, () => this.#parts.gitSyncs.store.values());
    const upcoming = spec.prune === false ? [] : upcomingEntries(reading.manifests, previous, namespace, holder);
    const inventory = [...previous, ...upcoming];
    if (inventory.length > MAX_OBJECTS) {
      const message = `${tip.revision}: ${upcoming.length} objects are new and ${previous.length} are applied or still to be deleted, more than ${MAX_OBJECTS} together; declare the new ones after the old ones are gone, or use several GitSyncs`;
      await this.#tell(object, 'stalled', 'BuildFailed', message, { lastAttemptedRevision });
      return { again: false };
    }
    let current = object;
    // Written before anything is applied: a pass may end at any point, and what is in no inventory is never deleted.
    if (status.lastAttemptedRevision !== tip.revision || upcoming.length > 0) {
      const change = { lastAttemptedRevision, inventory };
      current = (await this.#tell(object, 'progressing', 'Applying', `applying ${tip.revision}`, change)) ?? object;
    }
    pulled.inForceFor = object.metadata.uid;
    const result = await this.#apply(object, spec, tip, reading.manifests, inventory, false);
    await this.#report(current, status, tip, reading.manifests.length, result);
    return { again: result.again };
  }

  /** While Git cannot be asked, what it said last goes on being true: drift from it is put right, and nothing leaves. */
  async #keepLast(
    object: KubeObject,
    spec: GitSyncSpec,
    previous: readonly InventoryEntry[],
  ): Promise<ApplyResult | undefined> {
    const last = this.#sources.last(object, spec);
    // Not of a namesake that is gone: none of its objects are in this one's inventory.
    if (!last?.reading.ok || last.inForceFor !== object.metadata.uid) return undefined;
    return this.#apply(object, spec, last.tip, last.reading.manifests, previous, true);
  }

  async #apply(
    object: KubeObject,
    spec: GitSyncSpec,
    { revision }: GitTip,
    manifests: readonly Manifest[],
    previous: readonly InventoryEntry[],
    isHeld: boolean,
  ): Promise<ApplyResult> {
    const { gitSyncs, steeringOf } = this.#parts;
    const { name, namespace = '' } = object.metadata;
    const result = await this.#applier.apply({
      name,
      namespace,
      spec,
      revision,
      manifests,
      previous,
      steering: steeringOf(namespace),
      otherHolder: otherHolder({ namespace, name }, () => gitSyncs.store.values()),
      isHeld,
      isCurrent: () => isStored(gitSyncs.store, object),
      assertCurrent: () => assertStored(this.#parts, object),
    });
    if (!this.#stopped) this.#watches.use(`${namespace}/${name}`, namespace, result.types);
    return result;
  }

  async #report(
    object: KubeObject,
    status: GitSyncStatus,
    { revision }: GitTip,
    declared: number,
    result: ApplyResult,
  ): Promise<void> {
    const { failures, changed, again } = result;
    const failed = failures.length > 0;
    const message = failed
      ? `${failures.length} of ${declared} objects could not be applied: ${failures[0]?.message ?? ''}`
      : `${declared} objects applied at ${revision}`;
    const isNews = (!failed && status.lastAppliedRevision !== revision) || changed.length > 0;
    const state = failed ? (again ? 'failed' : 'stalled') : 'ready';
    await this.#tell(object, state, failed ? 'ApplyFailed' : 'Applied', message, {
      ...(failed ? {} : { lastAppliedRevision: revision }),
      ...(isNews ? { lastSyncedAt: toTime(this.#parts.clock.now()) } : {}),
      ...storedOf(result),
    });
  }

  /** A GitSync that is gone or suspended follows nothing. */
  #rest(key: string): void {
    this.#watches.use(key, key.slice(0, key.indexOf('/')), []);
    this.#applier.forget(key);
    this.#sources.rest(key);
    this.#corrections.delete(key);
  }

  /** Says that a spec cannot be read. One that breaks a rule of the definition altogether keeps every status from being stored. */
  async #refuse(object: KubeObject, message: string): Promise<void> {
    try {
      await this.#tell(object, 'stalled', 'InvalidSpec', message);
    } catch (error) {
      if (classify(error).code !== 'invalid') throw error;
      const note = `${message}; until it is mended the API server stores no status`;
      this.#record(object, { reason: 'SyncFailed', warning: true, note });
    }
  }

  /** Writes status when it says something new. @returns the object as stored then */
  async #tell(
    object: KubeObject,
    state: GitSyncState,
    reason: string,
    text: string,
    change: GitSyncStatus = {},
  ): Promise<KubeObject | undefined> {
    const before = readSyncStatus(object);
    const message = text.slice(0, 4096);
    const observedGeneration = object.metadata.generation;
    const now = this.#parts.clock.now();
    const conditions = gitSyncConditions(observedGeneration, before.conditions ?? [], state, reason, message, now);
    const diff = mergeDiff(object['status'], { ...before, ...change, message, conditions, observedGeneration });
    if (!diff) return undefined;
    const stored = await writeSyncStatus(this.#parts, object, diff);
    const fact = syncFact(before, state, message, change.failures ?? []);
    if (fact) this.#record(object, fact);
    return stored;
  }

  #record(object: KubeObject, { warning, reason, note }: SyncFact): void {
    const { name, namespace = '', uid = '', resourceVersion } = object.metadata;
    const regarding = { apiVersion: API_VERSION, kind: 'GitSync', namespace, name, uid, resourceVersion };
    this.#parts.recorder.record({ regarding, type: warning ? 'Warning' : 'Normal', reason, note });
    this.#parts.log[warning ? 'warn' : 'info'](note, { gitSync: `${namespace}/${name}`, reason });
  }
}

const storedOf = ({ inventory, failures }: ApplyResult): GitSyncStatus => ({
  inventory: [...inventory],
  failures: failures.length > 0 ? failures.slice(0, MAX_FAILURES) : undefined,
});
