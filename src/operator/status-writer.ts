import type { RolloutStatus } from '../api/rollout-status.ts';
import type { KubeClient } from '../kube/client.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { mergeDiff } from './merge-diff.ts';
import { RESOURCES } from './resources.ts';

/**
 * The one writer of a Rollout's status: a merge patch of what differs, conditional on the version it was decided on.
 * Resolves to the stored object, or undefined when nothing differed and so nothing was written. @throws ApiError
 */
export async function writeStatus(
  client: KubeClient,
  rollout: KubeObject,
  status: RolloutStatus,
): Promise<KubeObject | undefined> {
  const diff = mergeDiff(rollout['status'], status);
  if (!diff) return undefined;
  const { name, namespace, resourceVersion } = rollout.metadata;
  const body = { metadata: { resourceVersion }, status: diff };
  return client.patch(RESOURCES.rollouts, { name, namespace }, { kind: 'merge', body }, { subresource: 'status' });
}
