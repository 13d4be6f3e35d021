import type { KubeClient } from '../../kube/client.ts';
import { matchesSelector } from './label-selector.ts';
import type { Pod, ReplicaSet } from './workload-objects.ts';
import { placeOf } from './workload-objects.ts';
import { PODS } from './workload-types.ts';

/** Adopts orphan pods that a ReplicaSet selects and releases its pods that it no longer selects, as Kubernetes does. */
export class PodClaims {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** @returns true when something was changed: count again when the cache has seen it. @throws ApiError */
  async claim(replicaSet: ReplicaSet, owned: readonly Pod[], candidates: readonly Pod[]): Promise<boolean> {
    if (replicaSet.metadata.deletionTimestamp !== undefined) return false;
    const { selector } = replicaSet.spec;
    const released = owned.filter(pod => !matchesSelector(selector, pod.metadata.labels));
    const adopted = candidates.filter(
      pod =>
        pod.metadata.deletionTimestamp === undefined &&
        !pod.metadata.ownerReferences?.some(owner => owner.controller) &&
        matchesSelector(selector, pod.metadata.labels),
    );
    for (const pod of released) {
      await this.#setOwners(
        pod,
        (pod.metadata.ownerReferences ?? []).filter(one => one.uid !== replicaSet.metadata.uid),
      );
    }
    for (const pod of adopted) {
      await this.#setOwners(pod, [...(pod.metadata.ownerReferences ?? []), ownerReference(replicaSet)]);
    }
    return released.length + adopted.length > 0;
  }

  async #setOwners(pod: Pod, ownerReferences: readonly unknown[]): Promise<void> {
    const { uid, resourceVersion } = pod.metadata;
    const body = { metadata: { uid, resourceVersion, ownerReferences } };
    await this.#client.patch(PODS, placeOf(pod), { kind: 'merge', body });
  }
}

/** The reference that makes a pod belong to a ReplicaSet. */
export function ownerReference(replicaSet: ReplicaSet) {
  const { name, uid = '' } = replicaSet.metadata;
  return { apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid, controller: true, blockOwnerDeletion: true };
}
