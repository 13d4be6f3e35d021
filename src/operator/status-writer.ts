import type { KubeClient } from '../kube/client.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { RESOURCES } from './resources.ts';
import { WRITE } from './write-limit.ts';

/**
 * The one writer of a Rollout's status: a merge patch of what differs, conditional on the version it was decided on.
 * Resolves to the stored object. @throws ApiError
 */
export async function writeStatus(
  client: KubeClient,
  rollout: KubeObject,
  diff: Readonly<Record<string, unknown>>,
): Promise<KubeObject> {
  const { name, namespace, resourceVersion } = rollout.metadata;
  const body = { metadata: { resourceVersion }, status: diff };
  const options = { ...WRITE, subresource: 'status' };
  return client.patch(RESOURCES.rollouts, { name, namespace }, { kind: 'merge', body }, options);
}

/** Members of a status that was written, which the API server left out: its definition of Rollouts does not know them. */
export function droppedMembers(diff: Readonly<Record<string, unknown>>, stored: KubeObject): string[] {
  const status = (stored['status'] ?? {}) as Record<string, unknown>;
  return Object.keys(diff).filter(member => diff[member] !== null && !Object.hasOwn(status, member));
}
