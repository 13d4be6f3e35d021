import type { GitSyncSpec, GitSyncStatus } from '../../api/git-sync.ts';
import {
  GIT_PATH_ANNOTATION,
  GIT_REPOSITORY_ANNOTATION,
  GIT_REVISION_ANNOTATION,
  GIT_SYNC_LABEL,
  GROUP,
} from '../../api/names.ts';
import type { KubeClient } from '../../kube/client.ts';
import { ApiError } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import type { ResourceType } from '../../kube/resource-path.ts';
import { adoptOurs } from './adopt-ours.ts';
import type { Manifest } from './manifests.ts';
import type { TypeResolver } from './type-resolver.ts';

/** Field manager of everything that the synchronizer applies. */
export const GIT_SYNC_MANAGER = 'sluice-gitsync';

type InventoryEntry = NonNullable<GitSyncStatus['inventory']>[number];
type Failure = NonNullable<GitSyncStatus['failures']>[number];

export interface ApplyResult {
  readonly inventory: readonly InventoryEntry[];
  readonly failures: readonly Failure[];
  /** Types that were applied, to watch for drift. */
  readonly types: readonly ResourceType[];
  readonly changed: readonly string[];
}

export interface ApplyRequest {
  readonly name: string;
  readonly namespace: string;
  readonly spec: GitSyncSpec;
  readonly revision: string;
  readonly manifests: readonly Manifest[];
  readonly previous: readonly InventoryEntry[];
}

/** Definitions first, then what may need them, Rollouts last: their Services and templates are there when they start. */
const ORDER = [
  'Namespace',
  'CustomResourceDefinition',
  'ServiceAccount',
  'Role',
  'RoleBinding',
  'ConfigMap',
  'Secret',
  'Service',
];

/** Applies one commit with server-side apply, and deletes what left the repository. */
export class Applier {
  readonly #client: KubeClient;
  readonly #types: TypeResolver;
  readonly #isSteered: (namespace: string, object: KubeObject) => boolean;
  /** Version that our own apply left, by inventory id: an event with it is no drift. */
  readonly #applied = new Map<string, string>();

  /** @param isSteered whether a Rollout steers traffic through this object */
  constructor(client: KubeClient, types: TypeResolver, isSteered: (namespace: string, object: KubeObject) => boolean) {
    this.#client = client;
    this.#isSteered = isSteered;
    this.#types = types;
  }

  async apply(request: ApplyRequest): Promise<ApplyResult> {
    const inventory: InventoryEntry[] = [];
    const failures: Failure[] = [];
    const types = new Map<string, ResourceType>();
    const changed: string[] = [];
    for (const manifest of [...request.manifests].sort((a, b) => rank(a) - rank(b))) {
      const { object } = manifest;
      const id = inventoryId(object, request.namespace);
      const before = request.previous.find(entry => entry.id === id);
      const revision = before?.digest === manifest.digest ? before.revision : request.revision;
      try {
        const type = await this.#types.resolve(object);
        const refusal = refusalOf(object, type, request.namespace);
        if (refusal || !type) {
          failures.push({ id, message: refusal ?? 'unknown kind' });
          if (before) inventory.push(before);
          continue;
        }
        const stored = await this.#applyOne(request, manifest, type, revision);
        const version = stored.metadata.resourceVersion ?? '';
        if (this.#applied.get(id) !== version) changed.push(id);
        this.#applied.set(id, version);
        types.set(`${type.group}/${type.plural}`, type);
        inventory.push({ id, version: type.version, digest: manifest.digest, revision });
      } catch (error) {
        if (!(error instanceof ApiError) || error.code === 'transient' || error.code === 'notLeader') throw error;
        failures.push({ id, message: error.message.slice(0, 1024) });
        if (before) inventory.push(before);
      }
    }
    // What is not pruned now stays known, so that it can be later.
    const gone = request.previous.filter(entry => !inventory.some(({ id }) => id === entry.id));
    const prunes = request.spec.prune !== false && failures.length === 0;
    const kept = prunes ? await this.#prune(request, gone, failures) : gone;
    return { inventory: [...inventory, ...kept], failures: failures.slice(0, 50), types: [...types.values()], changed };
  }

  /** True when an observed version is the one that our own apply left. */
  isOurs(id: string, resourceVersion: string | undefined): boolean {
    return resourceVersion !== undefined && this.#applied.get(id) === resourceVersion;
  }

  async #applyOne(
    request: ApplyRequest,
    manifest: Manifest,
    type: ResourceType,
    revision: string,
  ): Promise<KubeObject> {
    const { name } = manifest.object.metadata;
    const at = { name, ...(type.namespaced ? { namespace: request.namespace } : {}) };
    const live = this.#isSteered(request.namespace, manifest.object) ? await this.#client.find(type, at) : undefined;
    const object = adoptOurs(manifest.object, live);
    const { namespace: _given, ...metadata } = object.metadata;
    const isRollout = object.kind === 'Rollout' && (object.apiVersion ?? '').startsWith(`${GROUP}/`);
    const provenance = isRollout
      ? {
          [GIT_REPOSITORY_ANNOTATION]: request.spec.repository,
          [GIT_REVISION_ANNOTATION]: revision,
          [GIT_PATH_ANNOTATION]: manifest.file,
        }
      : {};
    const body = {
      ...object,
      metadata: {
        ...metadata,
        ...(type.namespaced ? { namespace: request.namespace } : {}),
        labels: { ...metadata.labels, [GIT_SYNC_LABEL]: request.name },
        annotations: { ...metadata.annotations, ...provenance },
      },
    };
    delete (body as Record<string, unknown>)['status'];
    return this.#client.patch(type, at, { kind: 'apply', body, force: true }, { fieldManager: GIT_SYNC_MANAGER });
  }

  /** Deletes what left the repository; gives back what could not be deleted, with the reason among the failures. */
  async #prune(request: ApplyRequest, gone: readonly InventoryEntry[], failures: Failure[]): Promise<InventoryEntry[]> {
    const kept: InventoryEntry[] = [];
    for (const entry of gone) {
      try {
        if (!(await this.#pruneOne(request, entry))) kept.push(entry);
      } catch (error) {
        if (!(error instanceof ApiError) || error.code === 'transient' || error.code === 'notLeader') throw error;
        kept.push(entry);
        failures.push({ id: entry.id, message: error.message.slice(0, 1024) });
      }
    }
    return kept;
  }

  /** True when the object is gone, or was not ours to delete. */
  async #pruneOne(request: ApplyRequest, entry: InventoryEntry): Promise<boolean> {
    const [namespace = '', name = '', group = '', kind = ''] = entry.id.split('_');
    const apiVersion = group === '' ? entry.version : `${group}/${entry.version}`;
    const type = await this.#types.resolve({ apiVersion, kind });
    if (!type) return true;
    const at = { name, ...(type.namespaced ? { namespace } : {}) };
    const live = await this.#client.find(type, at);
    // Somebody took it over, or it was recreated by hand: not ours to delete.
    if (live?.metadata.labels?.[GIT_SYNC_LABEL] !== request.name) return true;
    const outcome = await this.#client.delete(type, at, { uid: live.metadata.uid, propagation: 'Background' });
    this.#applied.delete(entry.id);
    return outcome.outcome !== 'deleting';
  }
}

/** `<namespace>_<name>_<group>_<kind>`, as Flux writes it. */
export function inventoryId(object: Pick<KubeObject, 'apiVersion' | 'kind' | 'metadata'>, namespace: string): string {
  const apiVersion = object.apiVersion ?? '';
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
  return `${namespace}_${object.metadata.name}_${group}_${object.kind ?? ''}`;
}

function rank(manifest: Manifest): number {
  const { kind = '', apiVersion = '' } = manifest.object;
  if (kind === 'Rollout' && apiVersion.startsWith(`${GROUP}/`)) return 1_000;
  const index = ORDER.indexOf(kind);
  return index === -1 ? 500 : index;
}

/** A GitSync speaks for its own namespace only: a team's repository must not reach into another's. */
function refusalOf(object: KubeObject, type: ResourceType | undefined, namespace: string): string | undefined {
  const what = `${object.kind ?? ''} ${object.metadata.name}`;
  if (!type)
    return `${what}: the cluster does not serve ${object.apiVersion ?? ''} ${object.kind ?? ''}; install its definition first`;
  if (!type.namespaced) return `${what} is cluster-scoped; a GitSync declares objects of its own namespace only`;
  const given = object.metadata.namespace;
  if (given !== undefined && given !== namespace)
    return `${what} names namespace ${given}; a GitSync declares objects of its own namespace ${namespace} only`;
  return undefined;
}
