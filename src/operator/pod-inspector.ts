import { HASH_LABEL, ROLLOUT_LABEL } from '../api/names.ts';
import type { InspectedPod, PodInspection } from '../core/snapshot.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { isRecord, type KubeObject, objectKey } from '../kube/kube-object.ts';
import type { Log } from './log.ts';
import type { Memory } from './memory.ts';
import { RESOURCES } from './resources.ts';

export interface PodInspectorParts {
  readonly client: KubeClient;
  readonly memory: Memory;
  readonly clock: Clock;
  readonly log: Log;
  readonly enqueue: (key: string) => void;
}

/** Looks at the pods of one revision, live and off the Rollout's own path, and remembers what they say. */
export class PodInspector {
  readonly #parts: PodInspectorParts;
  readonly #running = new Set<string>();

  constructor(parts: PodInspectorParts) {
    this.#parts = parts;
  }

  inspect(rollout: KubeObject, podTemplateHash: string): void {
    const key = objectKey(rollout.metadata);
    if (this.#running.has(key)) return;
    this.#running.add(key);
    void this.#look(key, rollout, podTemplateHash).finally(() => this.#running.delete(key));
  }

  async #look(key: string, rollout: KubeObject, podTemplateHash: string): Promise<void> {
    const { client, memory, clock, log, enqueue } = this.#parts;
    try {
      const labelSelector = `${HASH_LABEL}=${podTemplateHash}`;
      const { items } = await client.list(RESOURCES.pods, { namespace: rollout.metadata.namespace, labelSelector });
      const inspection: PodInspection = {
        podTemplateHash,
        at: clock.now(),
        pods: items
          .filter(pod => belongs(pod, rollout))
          .slice(0, 50)
          .map(viewPod),
      };
      memory.of(key).inspection = inspection;
      if (inspection.pods.some(pod => pod.restarts > 0 || pod.waiting !== undefined)) enqueue(key);
    } catch (error) {
      log.debug('pods could not be looked at', { rollout: key, error });
    }
  }
}

/** Equal templates of two Rollouts have equal hashes: the name of the owning set tells them apart. */
function belongs(pod: KubeObject, rollout: KubeObject): boolean {
  const owner = pod.metadata.ownerReferences?.find(ref => ref.controller === true);
  return (
    owner?.name.startsWith(`${rollout.metadata.name}-`) ??
    pod.metadata.labels?.[ROLLOUT_LABEL] === rollout.metadata.name
  );
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
