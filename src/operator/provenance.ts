import {
  GIT_PATH_ANNOTATION,
  GIT_REPOSITORY_ANNOTATION,
  GIT_REVISION_ANNOTATION,
  GIT_SYNC_LABEL,
} from '../api/names.ts';
import type { Source } from '../api/rollout-status.ts';
import type { KubeObject } from '../kube/kube-object.ts';

/** Where a Rollout's spec was declared, from what its labels and annotations say. */
export function provenanceOf(rollout: KubeObject): Source | undefined {
  const annotations = rollout.metadata.annotations ?? {};
  const sync = rollout.metadata.labels?.[GIT_SYNC_LABEL];
  const revision = annotations[GIT_REVISION_ANNOTATION];
  const repository = annotations[GIT_REPOSITORY_ANNOTATION];
  const path = annotations[GIT_PATH_ANNOTATION];
  if (sync === undefined && revision === undefined && repository === undefined) return undefined;
  return {
    provider: sync === undefined ? 'Annotation' : 'GitSync',
    ...(repository === undefined ? {} : { repository: repository.slice(0, 2048) }),
    ...(revision === undefined ? {} : { revision: revision.slice(0, 512), ...refOf(revision) }),
    ...(path === undefined ? {} : { path: path.slice(0, 2048) }),
    ...(sync === undefined ? {} : { object: `GitSync ${rollout.metadata.namespace ?? ''}/${sync}`.slice(0, 512) }),
  };
}

/** `main@sha1:…` names the branch before the digest. */
function refOf(revision: string): { ref?: string } {
  const at = revision.lastIndexOf('@');
  return at > 0 ? { ref: revision.slice(0, at).slice(0, 512) } : {};
}
