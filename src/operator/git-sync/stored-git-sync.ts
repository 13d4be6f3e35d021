import { isSame } from '../../core/same-json.ts';
import type { KubeClient } from '../../kube/client.ts';
import { ApiError } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import type { ObjectStore } from '../../kube/store.ts';
import { RESOURCES } from '../resources.ts';
import { WRITE } from '../write-limit.ts';

/** Somebody who writes a GitSync more often than this during one write of its status is waited for. */
const TRIES = 5;

export interface StoredGitSyncParts {
  readonly client: Pick<KubeClient, 'find' | 'patch'>;
  readonly gitSyncs: { readonly store: Pick<ObjectStore, 'noteWritten'> };
}

/** The GitSync that was worked on is not the stored one any more: what came of it is nobody's. */
export class Outdated extends Error {}

/**
 * Writes a difference to the status of exactly the GitSync that was read. One of the same name that was made anew meanwhile must not
 * inherit an inventory, and what another leader stored must not be replaced by what a lagging cache shows.
 * @throws Outdated, ApiError
 */
export async function writeSyncStatus(
  parts: StoredGitSyncParts,
  object: KubeObject,
  diff: Readonly<Record<string, unknown>>,
): Promise<KubeObject> {
  const { name, namespace } = object.metadata;
  let { resourceVersion } = object.metadata;
  for (let tries = 1; ; tries++) {
    try {
      const body = { metadata: { resourceVersion }, status: diff };
      const options = { ...WRITE, subresource: 'status' };
      return await parts.client.patch(RESOURCES.gitSyncs, { name, namespace }, { kind: 'merge', body }, options);
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'conflict' || tries >= TRIES) throw error;
      const stored = await readStored(parts, object);
      // A change of its spec or labels is no reason to lose what was done; a status that we did not read is.
      if (!isSame(stored['status'], object['status'])) throw outdated(object);
      ({ resourceVersion } = stored.metadata);
    }
  }
}

/** As far as the cache knows; also the beginning of its deletion is a new generation. */
export function isStored(store: Pick<ObjectStore, 'get'>, { metadata }: KubeObject): boolean {
  const known = store.get(metadata)?.metadata;
  return known !== undefined && known.uid === metadata.uid && known.generation === metadata.generation;
}

/** For what cannot be undone: that the GitSync is still there, and asks for what was read. @throws Outdated, ApiError */
export async function assertStored(parts: StoredGitSyncParts, object: KubeObject): Promise<void> {
  const { metadata } = await readStored(parts, object);
  // Also the beginning of its deletion is a new generation.
  if (metadata.generation !== object.metadata.generation) throw outdated(object);
}

/** Asks the server, and lets the cache know. */
async function readStored({ client, gitSyncs }: StoredGitSyncParts, object: KubeObject): Promise<KubeObject> {
  const { name, namespace, uid } = object.metadata;
  const stored = await client.find(RESOURCES.gitSyncs, { name, namespace }, WRITE);
  if (stored) gitSyncs.store.noteWritten(stored);
  if (!stored || stored.metadata.uid !== uid) throw outdated(object);
  return stored;
}

const outdated = ({ metadata }: KubeObject): Outdated =>
  new Outdated(`GitSync ${metadata.namespace}/${metadata.name} has changed since it was looked at`);
