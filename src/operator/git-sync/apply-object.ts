import type { GitSyncSpec } from '../../api/git-sync.ts';
import {
  GIT_PATH_ANNOTATION,
  GIT_REPOSITORY_ANNOTATION,
  GIT_REVISION_ANNOTATION,
  GIT_SYNC_LABEL,
  GROUP,
} from '../../api/names.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import { ApiError } from '../../kube/errors.ts';
import type { KubeObject, ObjectName } from '../../kube/kube-object.ts';
import type { ResourceType } from '../../kube/resource-path.ts';
import { sleep } from '../../kube/sleep.ts';
import { adoptOurs, oursIn } from './adopt-ours.ts';
import type { Manifest } from './manifests.ts';
import type { Steering } from './steering.ts';

/** Field manager of everything that the synchronizer applies. */
export const GIT_SYNC_MANAGER = 'sluice-gitsync';

/** A Rollout on trial writes its route every few seconds at most; whoever loses this often has another problem. */
const TRIES = 5;
const RETRY_MS = 50;

export interface ObjectApplierParts {
  readonly client: Pick<KubeClient, 'find' | 'patch' | 'delete'>;
  readonly clock: Clock;
  readonly random: () => number;
}

/** What one manifest becomes in the cluster: with its label, its namespace and, on a Rollout, where it came from. */
export function bodyOf(
  manifest: Manifest,
  type: ResourceType,
  from: { readonly name: string; readonly namespace: string; readonly spec: GitSyncSpec },
  revision: string,
): KubeObject {
  const { object } = manifest;
  const { namespace: _given, annotations: declared, ...metadata } = object.metadata;
  const isRollout = object.kind === 'Rollout' && type.group === GROUP;
  const provenance = isRollout
    ? {
        [GIT_REPOSITORY_ANNOTATION]: from.spec.repository,
        [GIT_REVISION_ANNOTATION]: revision,
        [GIT_PATH_ANNOTATION]: manifest.file,
      }
    : {};
  const annotations = { ...declared, ...provenance };
  return {
    ...object,
    metadata: {
      ...metadata,
      name: object.metadata.name,
      namespace: from.namespace,
      labels: { ...metadata.labels, [GIT_SYNC_LABEL]: from.name },
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
  };
}

/**
 * A server answers within 60 s, however long a webhook hangs (30 s at most): its answer is this object's own trouble, where none
 * is taken for an outage of the server, which would hold up all the others.
 */
const APPLY = { fieldManager: GIT_SYNC_MANAGER, timeoutMs: 65_000 } as const;

/**
 * Applies one object. Where a Rollout steers it, values of the live object go into the apply, so it holds only for the
 * version that they were read from: a weight that an abort wrote in between must not come back, not even for a moment.
 * @throws ApiError, `conflict` included when others were faster every time
 */
export async function applyObject(
  parts: ObjectApplierParts,
  type: ResourceType,
  body: KubeObject,
  steering: Steering,
): Promise<KubeObject> {
  const { client, clock, random } = parts;
  const at: ObjectName = { name: body.metadata.name, namespace: body.metadata.namespace };
  const apply = (object: KubeObject) => client.patch(type, at, { kind: 'apply', body: object, force: true }, APPLY);
  if (oursIn(body, steering) === undefined) return apply(body);
  for (let tries = 1; ; tries++) {
    const live = await client.find(type, at);
    const adopted = adoptOurs(body, live, steering);
    const resourceVersion = live?.metadata.resourceVersion;
    try {
      return await apply(
        resourceVersion === undefined ? adopted : { ...adopted, metadata: { ...adopted.metadata, resourceVersion } },
      );
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'conflict' || tries >= TRIES) throw error;
      await sleep(clock, RETRY_MS * tries * (0.5 + random()));
    }
  }
}
