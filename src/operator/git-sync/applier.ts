import type { GitSyncSpec, GitSyncStatus } from '../../api/git-sync.ts';
import { GIT_SYNC_LABEL, GROUP } from '../../api/names.ts';
import { ApiError } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import type { ResourceType } from '../../kube/resource-path.ts';
import { oursIn } from './adopt-ours.ts';
import { applyObject, bodyOf, type ObjectApplierParts } from './apply-object.ts';
import { digestOf } from './canonical.ts';
import type { DriftWatches } from './drift-watches.ts';
import { type HeldObject, holdObject, isAsLeft } from './held-object.ts';
import { type InventoryEntry, inventoryId, readInventoryId } from './inventory.ts';
import type { Manifest } from './manifests.ts';
import type { Steering } from './steering.ts';
import { Outdated } from './stored-git-sync.ts';
import { apiVersionOf, type TypeResolver } from './type-resolver.ts';

type Failure = NonNullable<GitSyncStatus['failures']>[number];

export interface ApplyResult {
  readonly inventory: readonly InventoryEntry[];
  readonly failures: readonly Failure[];
  /** Types that were declared, to watch for drift. */
  readonly types: readonly ResourceType[];
  readonly changed: readonly string[];
  /** Something failed that may work in a moment. */
  readonly again: boolean;
}

export interface ApplyRequest {
  readonly name: string;
  readonly namespace: string;
  readonly spec: GitSyncSpec;
  readonly revision: string;
  readonly manifests: readonly Manifest[];
  readonly previous: readonly InventoryEntry[];
  readonly steering: Steering;
  /** Name of another GitSync that holds an object, if one does. */
  readonly otherHolder: (id: string) => string | undefined;
  /** Git could not be asked: what it declared last is put right, and nothing leaves. */
  readonly isHeld: boolean;
  /** Whether the GitSync is still the one that is applied, as far as is known; asked before each object. */
  readonly isCurrent: () => boolean;
  /** Throws when the GitSync that is applied is no longer the stored one; asked before each deletion. */
  readonly assertCurrent: () => Promise<void>;
}

export interface ApplierParts extends ObjectApplierParts {
  readonly types: Pick<TypeResolver, 'resolve' | 'resolveForSure' | 'forget'>;
  readonly watches: Pick<DriftWatches, 'see'>;
}

/** What our last apply of an object said and left. */
interface Left {
  readonly gitSync: string;
  readonly type: ResourceType;
  /** Digest of what was declared, and what of it was not Git's. */
  readonly declared: string;
  readonly held: HeldObject;
}

interface Pass {
  readonly inventory: InventoryEntry[];
  readonly failures: Failure[];
  readonly types: Map<string, ResourceType>;
  readonly changed: string[];
  again: boolean;
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

/**
 * Applies one commit with server-side apply, and deletes what left the repository. What a watch shows to be as our last
 * apply left it is not applied again. What was left is known since the start of the process only: the first apply after
 * it asks the server, which stores nothing when nothing is to be changed.
 */
export class Applier {
  readonly #parts: ApplierParts;
  readonly #left = new Map<string, Left>();

  constructor(parts: ApplierParts) {
    this.#parts = parts;
  }

  /**
   * @throws ApiError when the server cannot be reached or has no time: everything else is a failure of its object
   * @throws Outdated when the GitSync was changed or suspended meanwhile
   */
  async apply(request: ApplyRequest): Promise<ApplyResult> {
    const pass: Pass = { inventory: [], failures: [], types: new Map(), changed: [], again: false };
    const previous = new Map(request.previous.map(entry => [entry.id, entry]));
    for (const manifest of [...request.manifests].sort((a, b) => rank(a) - rank(b))) {
      if (!request.isCurrent())
        throw new Outdated(`GitSync ${request.namespace}/${request.name} was changed meanwhile`);
      const id = inventoryId(manifest.object, request.namespace);
      const before = previous.get(id);
      const holder = request.otherHolder(id);
      if (holder !== undefined) {
        pass.failures.push({
          id,
          message: `${whatIs(manifest.object)} is declared by GitSync ${holder} too; keep one`,
        });
        continue;
      }
      try {
        const refusal = await this.#applyOne(request, manifest, id, before, pass);
        if (refusal === undefined) continue;
        pass.failures.push({ id, message: refusal });
      } catch (error) {
        this.#note(pass, id, error, whatIs(manifest.object));
        this.#left.delete(id);
        if (error instanceof ApiError && error.status === 404)
          this.#parts.types.forget(manifest.object.apiVersion ?? '');
      }
      if (before) pass.inventory.push(before);
    }
    const declared = new Set(pass.inventory.map(entry => entry.id));
    // Rollouts came last and leave first. What is not pruned now stays known, so that it can be later.
    const gone = request.previous.filter(({ id }) => !declared.has(id));
    const mayLeave = pass.failures.length === 0 && !request.isHeld;
    const kept = mayLeave ? await this.#letGo(request, gone.toReversed(), pass) : gone;
    const stays = new Set(kept);
    return {
      // In the order in which they were stored, or each pass would store another one.
      inventory: [...pass.inventory, ...gone.filter(entry => stays.has(entry) && !request.otherHolder(entry.id))],
      failures: pass.failures,
      types: [...pass.types.values()],
      changed: pass.changed,
      again: pass.again,
    };
  }

  /** The GitSync that has to look again, when an object is not as its last apply left it. */
  ownerOfDrift(id: string, steeringOf: (namespace: string) => Steering): string | undefined {
    const left = this.#left.get(id);
    if (!left) return undefined;
    const { namespace, name } = readInventoryId(id);
    const { object } = this.#parts.watches.see(namespace, left.type, name);
    return object && isAsLeft(left.held, object, steeringOf(namespace)) ? undefined : left.gitSync;
  }

  /** Ids of what was applied of a type. */
  *idsOf(namespace: string, type: ResourceType): Generator<string> {
    for (const [id, left] of this.#left)
      if (left.type.plural === type.plural && left.type.group === type.group && id.startsWith(`${namespace}_`))
        yield id;
  }

  /** Forgets what was left for a GitSync that is gone or rests. */
  forget(gitSync: string): void {
    for (const [id, left] of this.#left) if (left.gitSync === gitSync) this.#left.delete(id);
  }

  /** @returns why not, when the object is none that a GitSync may declare */
  async #applyOne(
    request: ApplyRequest,
    manifest: Manifest,
    id: string,
    before: InventoryEntry | undefined,
    pass: Pass,
  ): Promise<string | undefined> {
    const { types, watches } = this.#parts;
    const { object, digest } = manifest;
    const { namespace, steering } = request;
    const type = await types.resolve(object);
    const refusal = refusalOf(object, type, namespace);
    if (refusal !== undefined || !type) return refusal ?? 'unknown kind';
    pass.types.set(`${object.apiVersion}/${type.plural}`, type);
    const revision = before?.digest === digest ? before.revision : request.revision;
    const body = bodyOf(manifest, type, request, revision);
    const declared = `${digestOf(body)} ${oursIn(body, steering) ?? ''}`;
    const left = this.#left.get(id);
    const seen = watches.see(namespace, type, object.metadata.name);
    const isSettled =
      left?.declared === declared && seen.following && seen.object && isAsLeft(left.held, seen.object, steering);
    if (!isSettled) {
      const stored = await applyObject(this.#parts, type, body, steering);
      const known = seen.object ?? left?.held;
      // Right after a start nothing is known of what was there; the inventory says whether this manifest was applied.
      const isNews = known
        ? known.metadata.resourceVersion !== stored.metadata.resourceVersion
        : before?.digest !== digest;
      if (isNews) pass.changed.push(id);
      const gitSync = `${namespace}/${request.name}`;
      this.#left.set(id, { gitSync, type, declared, held: holdObject(stored) });
    }
    pass.inventory.push({ id, version: type.version, digest, revision });
    return undefined;
  }

  /** Without pruning what left the repository is nobody's from then on, and another GitSync may take it. */
  async #letGo(request: ApplyRequest, gone: readonly InventoryEntry[], pass: Pass): Promise<InventoryEntry[]> {
    if (request.spec.prune !== false) return this.#prune(request, gone, pass);
    for (const { id } of gone) this.#left.delete(id);
    return [];
  }

  /** Deletes what left the repository; gives back what could not be deleted, with the reason among the failures. */
  async #prune(request: ApplyRequest, gone: readonly InventoryEntry[], pass: Pass): Promise<InventoryEntry[]> {
    const kept: InventoryEntry[] = [];
    for (const entry of gone) {
      try {
        if (await this.#pruneOne(request, entry)) this.#left.delete(entry.id);
        else kept.push(entry);
      } catch (error) {
        // Never seen applied and not even to be read: what Git declared was refused, and nothing came of it.
        if (entry.digest === '' && error instanceof ApiError && error.code === 'forbidden') continue;
        kept.push(entry);
        // Also a 404 that is not about the object: its kind may be gone.
        if (error instanceof ApiError && error.status === 404)
          this.#parts.types.forget(apiVersionOf(readInventoryId(entry.id).group, entry.version));
        this.#note(pass, entry.id, error, entry.id);
      }
    }
    return kept;
  }

  /** True when the object is gone, or was not ours to delete. */
  async #pruneOne(request: ApplyRequest, entry: InventoryEntry): Promise<boolean> {
    const { name, group, kind } = readInventoryId(entry.id);
    // Taken over by another GitSync; or this one itself, which leaves its own deletion to people.
    if (request.otherHolder(entry.id) !== undefined) return true;
    if (kind === 'GitSync' && group === GROUP && name === request.name) return true;
    const type = await this.#parts.types.resolveForSure(group, entry.version, kind);
    // A GitSync applies nothing that is cluster-scoped, and nothing outside its own namespace, whatever an entry says.
    if (!type?.namespaced) return true;
    const at = { name, namespace: request.namespace };
    const { client } = this.#parts;
    const live = await client.find(type, at);
    // Somebody took it over, or it was recreated by hand: not ours to delete.
    if (live?.metadata.labels?.[GIT_SYNC_LABEL] !== request.name) return true;
    await request.assertCurrent();
    const outcome = await client.delete(type, at, { uid: live.metadata.uid, propagation: 'Background' });
    return outcome.outcome !== 'deleting';
  }

  /** One object's trouble is its own, whatever it is: a webhook that is down must not stop all that comes after it. */
  #note(pass: Pass, id: string, error: unknown, what: string): void {
    if (!(error instanceof ApiError)) throw error;
    const isEverybodys = error.status === 0 || error.code === 'notLeader' || error.code === 'tooManyRequests';
    if (isEverybodys) throw error;
    if (error.code === 'transient' || error.code === 'conflict') pass.again = true;
    pass.failures.push({ id, message: `${what}: ${error.message}`.slice(0, 1024) });
  }
}

const whatIs = (object: KubeObject): string => `${object.kind ?? ''} ${object.metadata.name}`;

function rank(manifest: Manifest): number {
  const { kind = '', apiVersion = '' } = manifest.object;
  if (kind === 'Rollout' && apiVersion.startsWith(`${GROUP}/`)) return 1_000;
  const index = ORDER.indexOf(kind);
  return index === -1 ? 500 : index;
}

/** A GitSync speaks for its own namespace only: a team's repository must not reach into another's. */
function refusalOf(object: KubeObject, type: ResourceType | undefined, namespace: string): string | undefined {
  const what = whatIs(object);
  if (!type)
    return `${what}: the cluster does not serve ${object.apiVersion ?? ''} ${object.kind ?? ''}; install its definition first`;
  if (!type.namespaced) return `${what} is cluster-scoped; a GitSync declares objects of its own namespace only`;
  const given = object.metadata.namespace;
  if (given !== undefined && given !== namespace)
    return `${what} names namespace ${given}; a GitSync declares objects of its own namespace ${namespace} only`;
  return undefined;
}
