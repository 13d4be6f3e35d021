import { HASH_LABEL } from '../api/names.ts';
import { fromTime } from '../api/time.ts';
import type { InspectedPod, PodInspection } from '../core/snapshot.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { ApiError } from '../kube/errors.ts';
import { isRecord, type KubeObject, objectKey } from '../kube/kube-object.ts';
import { type Caches, ownerKey } from './caches.ts';
import type { Log } from './log.ts';
import type { Memory, RolloutMemory } from './memory.ts';
import { RESOURCES } from './resources.ts';
import { Turnstile } from './turnstile.ts';

export interface PodInspectorParts {
  readonly client: KubeClient;
  readonly caches: Pick<Caches, 'replicaSets'>;
  readonly memory: Memory;
  readonly clock: Clock;
  readonly log: Log;
  readonly enqueue: (key: string) => void;
}

/** Lists at once: hundreds of canaries may get pods together, and writes must not stand in line behind them. */
const LOOKS_AT_ONCE = 8;
/** How many pods of a revision are remembered; the worst come first. */
const KEPT = 50;
/** The API server's clock, in whole seconds, may be behind ours: the first pods of an attempt are its own. */
const CLOCKS_APART_MS = 5_000;
/** Crash loops are looked for again by then, whatever was asked. */
const LONGEST_REST_MS = 30_000;

/** Looks at the pods of one revision, live and off the Rollout's own path, and remembers what they say. */
export class PodInspector {
  readonly #parts: PodInspectorParts;
  readonly #running = new Set<string>();
  readonly #looks = new Turnstile(LOOKS_AT_ONCE);
  /** Until when the server asked to wait (Retry-After), monotonic milliseconds. */
  #restUntil = Number.NEGATIVE_INFINITY;

  constructor(parts: PodInspectorParts) {
    this.#parts = parts;
  }

  /** @param since when the attempt began, epoch milliseconds: pods that are older are judged by their restarts from their first look on */
  inspect(rollout: KubeObject, podTemplateHash: string, since: number): void {
    const key = objectKey(rollout.metadata);
    if (this.#running.has(key) || this.#parts.clock.monotonic() < this.#restUntil) return;
    this.#running.add(key);
    // Taken now: a Rollout that is forgotten meanwhile must not be remembered again.
    const known = this.#parts.memory.of(key);
    void this.#looks
      .run(() => this.#look(known, rollout, podTemplateHash, since))
      .finally(() => this.#running.delete(key));
  }

  async #look(known: RolloutMemory, rollout: KubeObject, podTemplateHash: string, since: number): Promise<void> {
    const { client, clock, log, enqueue } = this.#parts;
    const key = objectKey(rollout.metadata);
    try {
      const labelSelector = `${HASH_LABEL}=${podTemplateHash}`;
      const sets = this.#setsOf(rollout);
      // All of them: the one that crashes may be the last.
      const { items } = await client.list(RESOURCES.pods, {
        namespace: rollout.metadata.namespace,
        labelSelector,
        map: item => slimPod(item, sets),
      });
      const { restartsBefore: last } = known;
      const isSame = last?.podTemplateHash === podTemplateHash && last.since === since;
      const before = isSame ? last : { podTemplateHash, since, byPod: older(items, since) };
      known.restartsBefore = before;
      const sinceThen = (pod: InspectedPod) => ({
        ...pod,
        restarts: Math.max(0, pod.restarts - (before.byPod.get(pod.name) ?? 0)),
      });
      const inspection: PodInspection = {
        podTemplateHash,
        at: clock.now(),
        pods: items.map(viewPod).map(sinceThen).sort(byTrouble).slice(0, KEPT),
      };
      known.inspection = inspection;
      if (inspection.pods.some(pod => pod.restarts > 0 || pod.waiting !== undefined)) enqueue(key);
    } catch (error) {
      if (error instanceof ApiError && error.retryAfterMs !== undefined)
        this.#restUntil = Math.max(this.#restUntil, clock.monotonic() + Math.min(error.retryAfterMs, LONGEST_REST_MS));
      log.debug('pods could not be looked at', { rollout: key, error });
    }
  }

  /** By uid: equal templates of two Rollouts have equal hashes, and names such as `shop` and `shop-eu` begin alike. */
  #setsOf({ metadata: { namespace, uid } }: KubeObject): ReadonlySet<string | undefined> {
    const sets = this.#parts.caches.replicaSets.store.byIndex('owner', ownerKey(namespace, uid));
    return new Set(sets.map(set => set.metadata.uid));
  }
}

/** What is judged of a pod of these ReplicaSets; undefined for others. A pod's spec is most of its size. */
function slimPod(item: unknown, sets: ReadonlySet<string | undefined>): KubeObject | undefined {
  if (!isRecord(item) || !isRecord(item.metadata)) return undefined;
  const { apiVersion, kind, metadata, status } = item as unknown as KubeObject;
  const owner = metadata.ownerReferences?.find(ref => ref.controller === true);
  if (!owner || !sets.has(owner.uid)) return undefined;
  const { name, creationTimestamp } = metadata;
  return { apiVersion, kind, metadata: { name, ...(creationTimestamp && { creationTimestamp }) }, status };
}

/** Restarts of the pods that there were before, by name. */
function older(pods: readonly KubeObject[], since: number): Map<string, number> {
  const old = pods.filter(({ metadata }) => (fromTime(metadata.creationTimestamp) ?? since) < since - CLOCKS_APART_MS);
  return new Map(old.map(pod => [pod.metadata.name, viewPod(pod).restarts]));
}

/** Restarts are what a revision is aborted for; of pods with as many, one that waits says why. */
function byTrouble(a: InspectedPod, b: InspectedPod): number {
  return b.restarts - a.restarts || Number(b.waiting !== undefined) - Number(a.waiting !== undefined);
}

/** Reads restarts, readiness and the reason why a container waits. */
export function viewPod(pod: KubeObject): InspectedPod {
  const status = isRecord(pod.status) ? pod.status : {};
  const containers = [status.containerStatuses, status.initContainerStatuses].flatMap(list =>
    Array.isArray(list) ? list.filter(isRecord) : [],
  );
  const restarts = Math.max(0, ...containers.map(c => (typeof c.restartCount === 'number' ? c.restartCount : 0)));
  const waiting = containers
    .map(c => (isRecord(c.state) && isRecord(c.state.waiting) ? c.state.waiting.reason : undefined))
    .find(r => typeof r === 'string' && r !== 'ContainerCreating' && r !== 'PodInitializing');
  const conditions = Array.isArray(status.conditions) ? status.conditions.filter(isRecord) : [];
  const ready = conditions.some(c => c.type === 'Ready' && c.status === 'True');
  return {
    name: pod.metadata.name,
    ready,
    restarts,
    ...(typeof waiting === 'string' ? { waiting: waiting.slice(0, 64) } : {}),
  };
}
