import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Condition } from '../../api/conditions.ts';
import { durationMs } from '../../api/duration.ts';
import { type GitSyncSpec, type GitSyncStatus, gitSyncSpecSchema, gitSyncStatusSchema } from '../../api/git-sync.ts';
import { GIT_SYNC_LABEL } from '../../api/names.ts';
import { toTime } from '../../api/time.ts';
import { GitSource, GitSourceError, type GitTree } from '../../git/git-source.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import { objectKey } from '../../kube/kube-object.ts';
import { Reflector } from '../../kube/reflector.ts';
import type { ResourceType } from '../../kube/resource-path.ts';
import { type WorkOutcome, WorkQueue } from '../../kube/work-queue.ts';
import type { Log } from '../log.ts';
import { mergeDiff } from '../merge-diff.ts';
import { RESOURCES } from '../resources.ts';
import type { SecretReader } from '../secrets.ts';
import { trimToMetadata } from '../trim.ts';
import { Applier, inventoryId } from './applier.ts';
import { readManifests } from './manifests.ts';
import { TypeResolver } from './type-resolver.ts';

const DEFAULT_INTERVAL_MS = 30_000;
/** Drift is corrected at once, yet several changes of one moment in one go. */
const DRIFT_DELAY_MS = 50;

export interface GitSyncParts {
  readonly client: KubeClient;
  readonly gitSyncs: Reflector;
  readonly secrets: SecretReader;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether a Rollout steers traffic through an object that Git declares. */
  readonly isSteered: (namespace: string, object: KubeObject) => boolean;
  /** Folder for fetched objects. */
  readonly cacheDir: string;
}

/** Pulls repositories and makes the cluster equal to them: at the interval, on every change of a GitSync, and on drift. */
export class GitSyncController {
  readonly #parts: GitSyncParts;
  readonly #queue: WorkQueue;
  readonly #applier: Applier;
  readonly #sources = new Map<string, { readonly id: string; readonly source: GitSource }>();
  readonly #watches = new Map<string, Reflector>();

  constructor(parts: GitSyncParts) {
    this.#parts = parts;
    this.#applier = new Applier(parts.client, new TypeResolver(parts.client), parts.isSteered);
    this.#queue = new WorkQueue({ handler: key => this.#sync(key), concurrency: 2, baseDelayMs: 200 });
    parts.gitSyncs.store.addHandler((type, object, old) => {
      if (type !== 'modified' || old?.metadata.generation !== object.metadata.generation)
        this.#queue.add(objectKey(object.metadata));
    });
  }

  start(): void {
    this.#queue.start();
  }

  async stop(): Promise<void> {
    await this.#queue.drain(5_000);
    await Promise.all([...this.#watches.values()].map(watch => watch.stop()));
  }

  async #sync(key: string): Promise<WorkOutcome> {
    const { gitSyncs, clock } = this.#parts;
    const slash = key.indexOf('/');
    const object = gitSyncs.store.get({ namespace: key.slice(0, slash), name: key.slice(slash + 1) });
    if (!object) {
      await this.#sources.get(key)?.source.remove();
      this.#sources.delete(key);
      return { outcome: 'done' };
    }
    const parsed = gitSyncSpecSchema.safeParse(object['spec']);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      await this.#write(object, {
        conditions: this.#conditions(
          object,
          'InvalidSpec',
          `spec.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`,
          'stalled',
        ),
      });
      return { outcome: 'done' };
    }
    if (parsed.data.suspend) return { outcome: 'done' };
    const interval = durationMs(parsed.data.interval) ?? DEFAULT_INTERVAL_MS;
    const started = clock.now();
    await this.#pullAndApply(object, parsed.data);
    return { outcome: 'wakeAfter', ms: Math.max(1_000, interval - (clock.now() - started)) };
  }

  async #pullAndApply(object: KubeObject, spec: GitSyncSpec): Promise<void> {
    const { clock, log } = this.#parts;
    const stored = gitSyncStatusSchema.safeParse(object['status'] ?? {});
    const status: GitSyncStatus = stored.success ? stored.data : {};
    let tree: GitTree;
    try {
      tree = await this.#sourceOf(object, spec).pull(await this.#credentials(object, spec));
    } catch (error) {
      const message = error instanceof GitSourceError || error instanceof Error ? error.message : 'unknown error';
      const reason = error instanceof GitSourceError ? error.code : 'PullFailed';
      log.warn('pull failed', { gitSync: objectKey(object.metadata), reason, error: message });
      await this.#write(object, { message, conditions: this.#conditions(object, reason, message, 'failed') });
      return;
    }
    const { namespace = '', name } = object.metadata;
    const reading = readManifests(tree.files, namespace);
    if (!reading.ok) {
      const message = `${tree.revision}: ${reading.message}; nothing of this commit was applied`;
      await this.#write(object, {
        lastAttemptedRevision: tree.revision,
        message,
        conditions: this.#conditions(object, 'BuildFailed', message, 'stalled'),
      });
      return;
    }
    let current = object;
    if (status.lastAttemptedRevision !== tree.revision)
      current =
        (await this.#write(object, {
          lastAttemptedRevision: tree.revision,
          message: `applying ${tree.revision}`,
          conditions: this.#conditions(object, 'Applying', `applying ${tree.revision}`, 'progressing'),
        })) ?? object;
    const result = await this.#applier.apply({
      name,
      namespace,
      spec,
      revision: tree.revision,
      manifests: reading.manifests,
      previous: status.inventory ?? [],
    });
    for (const type of result.types) this.#watchFor(type, namespace);
    const failed = result.failures.length > 0;
    const message = failed
      ? `${result.failures.length} of ${reading.manifests.length} objects could not be applied: ${result.failures[0]?.message ?? ''}`
      : `${reading.manifests.length} objects applied at ${tree.revision}`;
    const isNews = status.lastAppliedRevision !== tree.revision || failed || result.changed.length > 0;
    await this.#write(current, {
      ...(failed ? {} : { lastAppliedRevision: tree.revision }),
      ...(isNews ? { lastSyncedAt: toTime(clock.now()) } : {}),
      message: message.slice(0, 4096),
      inventory: [...result.inventory],
      failures: failed ? [...result.failures] : undefined,
      conditions: this.#conditions(current, failed ? 'ApplyFailed' : 'Applied', message, failed ? 'stalled' : 'ready'),
    });
  }

  #sourceOf(object: KubeObject, spec: GitSyncSpec): GitSource {
    const key = objectKey(object.metadata);
    const id = createHash('sha256')
      .update(`${key} ${spec.repository} ${spec.branch} ${spec.path ?? ''}`)
      .digest('hex')
      .slice(0, 24);
    const known = this.#sources.get(key);
    if (known?.id === id) return known.source;
    void known?.source.remove();
    const source = new GitSource(
      { repository: spec.repository, branch: spec.branch, path: spec.path ?? '' },
      join(this.#parts.cacheDir, id),
    );
    this.#sources.set(key, { id, source });
    return source;
  }

  async #credentials(object: KubeObject, spec: GitSyncSpec) {
    if (!spec.secretRef) return {};
    const { namespace = '' } = object.metadata;
    const data = await this.#parts.secrets.readAll(namespace, spec.secretRef.name);
    const { username, password, bearerToken } = data;
    return {
      ...(username ? { username } : {}),
      ...(password ? { password } : {}),
      ...(bearerToken ? { bearerToken } : {}),
    };
  }

  /** Watches what was applied; a change that is not our own is drift. */
  #watchFor(type: ResourceType, namespace: string): void {
    const id = `${namespace}/${type.group}/${type.plural}`;
    if (this.#watches.has(id)) return;
    const watch = new Reflector({
      client: this.#parts.client,
      type,
      namespace,
      labelSelector: GIT_SYNC_LABEL,
      trim: keepLabels,
      optional: true,
    });
    watch.store.addHandler((change, object, old, source) => {
      const owner = object.metadata.labels?.[GIT_SYNC_LABEL];
      const sameSpec =
        change === 'modified' &&
        object.metadata.generation !== undefined &&
        old?.metadata.generation === object.metadata.generation &&
        sameNames(old, object);
      if (!owner || source === 'list' || sameSpec) return;
      const inventory = inventoryId(
        { apiVersion: object.apiVersion, kind: type.kind, metadata: object.metadata },
        namespace,
      );
      if (change !== 'deleted' && this.#applier.isOurs(inventory, object.metadata.resourceVersion)) return;
      this.#queue.addAfter(`${namespace}/${owner}`, DRIFT_DELAY_MS);
    });
    this.#watches.set(id, watch);
    watch.start();
  }

  async #write(object: KubeObject, change: GitSyncStatus): Promise<KubeObject | undefined> {
    const before = (object['status'] ?? {}) as Record<string, unknown>;
    const merged = { ...before, ...change, observedGeneration: object.metadata.generation };
    const diff = mergeDiff(before, merged);
    if (!diff) return undefined;
    const { name, namespace } = object.metadata;
    return this.#parts.client.patch(
      RESOURCES.gitSyncs,
      { name, namespace },
      { kind: 'merge', body: { status: diff } },
      { subresource: 'status' },
    );
  }

  #conditions(
    object: KubeObject,
    reason: string,
    message: string,
    state: 'ready' | 'progressing' | 'failed' | 'stalled',
  ): Condition[] {
    const before = ((object['status'] as { conditions?: Condition[] } | undefined)?.conditions ?? []) as Condition[];
    const claim = (type: string, status: Condition['status']): Condition => {
      const old = before.find(condition => condition.type === type && condition.status === status);
      const { generation } = object.metadata;
      return {
        type,
        status,
        reason,
        message: message.slice(0, 4096),
        ...(generation === undefined ? {} : { observedGeneration: generation }),
        lastTransitionTime: old?.lastTransitionTime ?? toTime(this.#parts.clock.now()),
      };
    };
    if (state === 'ready') return [claim('Ready', 'True')];
    if (state === 'progressing') return [claim('Ready', 'Unknown'), claim('Reconciling', 'True')];
    if (state === 'failed') return [claim('Ready', 'False'), claim('Reconciling', 'True')];
    return [claim('Ready', 'False'), claim('Stalled', 'True')];
  }
}

function keepLabels(object: KubeObject): KubeObject {
  const { labels, annotations } = object.metadata;
  return {
    ...trimToMetadata(object),
    metadata: {
      ...trimToMetadata(object).metadata,
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
    },
  };
}

function sameNames(a: KubeObject | undefined, b: KubeObject): boolean {
  return JSON.stringify(a?.metadata.labels) === JSON.stringify(b.metadata.labels);
}
