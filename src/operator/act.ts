import { runSpecOf } from '../analysis/stored-run.ts';
import {
  FIELD_MANAGER,
  HASH_LABEL,
  MIN_READY_SECONDS_ANNOTATION,
  REPLICAS_ANNOTATION,
  TEMPLATE_RESTORED_AT_ANNOTATION,
} from '../api/names.ts';
import type { ApiObject } from '../api/object-meta.ts';
import { restoredReplicaSet } from '../core/children.ts';
import type { Action } from '../core/decision.ts';
import type { ActionProblem } from '../core/snapshot.ts';
import type { KubeClient, Patch } from '../kube/client.ts';
import { ApiError } from '../kube/errors.ts';
import { isRecord, type KubeObject } from '../kube/kube-object.ts';
import type { ResourceType } from '../kube/resource-path.ts';
import { RESOURCES, resourceOf } from './resources.ts';
import { WRITE } from './write-limit.ts';

/** How one action ended. */
export type Outcome =
  | { readonly kind: 'done' }
  /** The world changed under the plan: drop it and observe again. */
  | { readonly kind: 'conflict'; readonly error: unknown }
  /** Repeating cannot help until something else changes; the next decision is told. */
  | { readonly kind: 'problem'; readonly problem: ActionProblem; readonly error?: unknown }
  | { readonly kind: 'failed'; readonly error: unknown };

/** Work that is started here and goes on beside the pass. */
export interface Background {
  takeSample(rollout: KubeObject, action: Extract<Action, { type: 'TakeSample' }>): void;
  inspectPods(rollout: KubeObject, podTemplateHash: string, since: number): void;
  terminateRun(rollout: KubeObject, action: Extract<Action, { type: 'TerminateAnalysisRun' }>): Promise<void>;
}

/** Carries out one action. Every action may be repeated; what it was decided on is a precondition of the write. */
export class Actor {
  readonly #client: KubeClient;
  readonly #background: Background;

  constructor(client: KubeClient, background: Background) {
    this.#client = client;
    this.#background = background;
  }

  async perform(rollout: KubeObject, action: Action): Promise<Outcome> {
    try {
      return (await this.#dispatch(rollout, action)) ?? { kind: 'done' };
    } catch (error) {
      return outcomeOf(error, action);
    }
  }

  async #dispatch(rollout: KubeObject, action: Action): Promise<Outcome | undefined> {
    const namespace = rollout.metadata.namespace ?? '';
    const client = this.#client;
    switch (action.type) {
      case 'CreateRevision':
        return this.#create(rollout, RESOURCES.controllerRevisions, action.object);
      case 'CreateReplicaSet':
        return this.#create(rollout, RESOURCES.replicaSets, action.object);
      case 'CreateService':
        return this.#create(rollout, RESOURCES.services, action.object);
      case 'CreateAnalysisRun':
        return this.#create(rollout, RESOURCES.analysisRuns, action.object);
      case 'CreateRoute':
        return this.#create(rollout, resourceOf(action.ref) ?? RESOURCES.httpRoutes, action.object);
      case 'RestoreReplicaSet':
        return this.#restore(rollout, action);
      case 'ScaleReplicaSet':
        await this.#patchSet(namespace, action.target, {
          metadata: { annotations: { [REPLICAS_ANNOTATION]: String(action.to) } },
          spec: { replicas: action.to },
        });
        return;
      case 'RestoreTemplate':
        return this.#restoreTemplate(rollout, action);
      case 'AnnotateReplicaSet':
        await this.#patchSet(namespace, action.target, { metadata: { annotations: action.annotations } });
        return;
      case 'SetMinReadySeconds':
        await this.#patchSet(namespace, action.target, {
          metadata: { annotations: { [MIN_READY_SECONDS_ANNOTATION]: String(action.seconds) } },
          spec: { minReadySeconds: action.seconds },
        });
        return;
      case 'SelectRevision': {
        // A selector is an atomic map: applying one key server-side would replace all the others. A merge patch keeps them.
        const body = { spec: { selector: { ...action.mend, [HASH_LABEL]: action.podTemplateHash } } };
        await client.patch(RESOURCES.services, { namespace, name: action.service }, { kind: 'merge', body }, WRITE);
        return;
      }
      case 'PatchRoute': {
        const type = resourceOf(action.ref) ?? RESOURCES.httpRoutes;
        const patch: Patch = { kind: 'json', body: action.patch };
        await client.patch(type, { namespace, name: action.ref.name }, patch, {
          ...WRITE,
          fieldManager: FIELD_MANAGER,
        });
        return;
      }
      case 'TerminateAnalysisRun':
        await this.#background.terminateRun(rollout, action);
        return;
      case 'TakeSample':
        this.#background.takeSample(rollout, action);
        return;
      case 'InspectPods':
        this.#background.inspectPods(rollout, action.podTemplateHash, action.since);
        return;
      case 'Delete':
        await client.delete(
          DELETABLE[action.kind],
          { namespace, name: action.target.name },
          { ...WRITE, uid: action.target.uid, propagation: 'Background' },
        );
        return;
    }
  }

  async #patchSet(
    namespace: string,
    target: { name: string; uid: string; resourceVersion: string },
    change: Record<string, unknown>,
  ) {
    const metadata = {
      ...(change['metadata'] as object | undefined),
      uid: target.uid,
      resourceVersion: target.resourceVersion,
    };
    await this.#client.patch(
      RESOURCES.replicaSets,
      { namespace, name: target.name },
      { kind: 'merge', body: { ...change, metadata } },
      WRITE,
    );
  }

  /** Creates a child. One that exists and is ours is the same wish fulfilled; one of somebody else is a name taken. */
  async #create(rollout: KubeObject, type: ResourceType, object: ApiObject): Promise<Outcome | undefined> {
    try {
      await this.#client.create(type, object as unknown as KubeObject, WRITE);
      return undefined;
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'alreadyExists') throw error;
      const { name, namespace } = object.metadata;
      const existing = await this.#client.find(type, { name, namespace }, WRITE);
      const owner = existing?.metadata.ownerReferences?.find(ref => ref.controller === true);
      if (!existing) return { kind: 'conflict', error };
      if (owner?.uid === rollout.metadata.uid) {
        // It may take minutes to go. What is the matter is to be told meanwhile, which a conflict would put off.
        if (existing.metadata.deletionTimestamp !== undefined) return { kind: 'failed', error };
        // Asked for again it would be refused again, and a conflict tells nobody.
        if (type === RESOURCES.analysisRuns && !runSpecOf(existing)) {
          const message = `AnalysisRun ${name} is there and its spec cannot be read; delete it to have it made again`;
          return { kind: 'problem', problem: { kind: 'NameTaken', name, message }, error };
        }
        await this.#relabel(type, existing, object);
        return { kind: 'conflict', error };
      }
      const message = `${type.kind} ${name} exists and belongs to ${owner ? `${owner.kind} ${owner.name}` : 'nobody'}`;
      return { kind: 'problem', problem: { kind: 'NameTaken', name, message }, error };
    }
  }

  /**
   * A child that lost our labels has left the caches, which select by them: it is there and cannot be seen. They are put
   * back; whoever took them off, the pods' own selector cannot change.
   */
  async #relabel(type: ResourceType, existing: KubeObject, wanted: ApiObject): Promise<void> {
    if (type !== RESOURCES.replicaSets && type !== RESOURCES.controllerRevisions) return;
    const { name, namespace, uid, resourceVersion, labels = {} } = existing.metadata;
    const lost = Object.entries(wanted.metadata.labels ?? {}).filter(([key, value]) => labels[key] !== value);
    if (lost.length === 0 || !selectsAs(existing, wanted)) return;
    const body = { metadata: { uid, resourceVersion, labels: Object.fromEntries(lost) } };
    await this.#client.patch(type, { namespace, name }, { kind: 'merge', body }, WRITE);
  }

  /** The revision's template is read live: the cache keeps only its metadata. */
  async #restore(
    rollout: KubeObject,
    action: Extract<Action, { type: 'RestoreReplicaSet' }>,
  ): Promise<Outcome | undefined> {
    const object = await this.#asDeclared(rollout, action.revisionName, action.name, action.replicas);
    if (!object) {
      const message = `ReplicaSet ${action.name} and its ControllerRevision ${action.revisionName} are both gone`;
      return { kind: 'problem', problem: { kind: 'RevisionLost', name: action.name, message } };
    }
    return this.#create(rollout, RESOURCES.replicaSets, object);
  }

  /** Who wrote the template is forgotten with it, or it would seem to be somebody else's for ever. */
  async #restoreTemplate(
    rollout: KubeObject,
    { target: { name, resourceVersion }, revisionName, at }: Extract<Action, { type: 'RestoreTemplate' }>,
  ): Promise<Outcome | undefined> {
    const declared = await this.#asDeclared(rollout, revisionName, name, 0);
    if (!declared) return { kind: 'conflict', error: new Error(`ControllerRevision ${revisionName} is gone`) };
    const annotation = TEMPLATE_RESTORED_AT_ANNOTATION.replace('/', '~1');
    const body = [
      { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
      { op: 'replace', path: '/metadata/managedFields', value: [{}] },
      { op: 'add', path: `/metadata/annotations/${annotation}`, value: at },
      { op: 'replace', path: '/spec/template', value: (declared['spec'] as { template: unknown }).template },
    ];
    const { namespace } = rollout.metadata;
    await this.#client.patch(RESOURCES.replicaSets, { namespace, name }, { kind: 'json', body }, WRITE);
    return undefined;
  }

  /** A ReplicaSet as its ControllerRevision keeps it; undefined when that is gone, or not of this Rollout. */
  async #asDeclared(
    { metadata: { namespace, uid } }: KubeObject,
    revisionName: string,
    name: string,
    replicas: number,
  ): Promise<ApiObject | undefined> {
    const revision = await this.#client.find(RESOURCES.controllerRevisions, { namespace, name: revisionName }, WRITE);
    const owned = revision?.metadata.ownerReferences?.some(ref => ref.uid === uid);
    return revision && owned ? restoredReplicaSet(revision as unknown as ApiObject, name, replicas) : undefined;
  }
}

const DELETABLE: Readonly<Record<'ReplicaSet' | 'ControllerRevision' | 'AnalysisRun', ResourceType>> = {
  ReplicaSet: RESOURCES.replicaSets,
  ControllerRevision: RESOURCES.controllerRevisions,
  AnalysisRun: RESOURCES.analysisRuns,
};

/** Whether a set selects the pods of the template that is meant: a wrong label would send traffic to another revision. */
function selectsAs(existing: KubeObject, wanted: ApiObject): boolean {
  const spec = isRecord(existing.spec) ? existing.spec : {};
  const selector = isRecord(spec.selector) ? spec.selector : {};
  const selected = isRecord(selector.matchLabels) ? selector.matchLabels[HASH_LABEL] : undefined;
  return selected === undefined || selected === wanted.metadata.labels?.[HASH_LABEL];
}

function outcomeOf(error: unknown, action: Action): Outcome {
  if (!(error instanceof ApiError)) return { kind: 'failed', error };
  if (error.code === 'conflict' || error.code === 'notFound') return { kind: 'conflict', error };
  // A JSON Patch whose `test` failed is answered with 422: the route was reordered under us.
  if (action.type === 'PatchRoute' && error.code === 'invalid') return { kind: 'conflict', error };
  const name = nameOf(action);
  if (action.type === 'CreateReplicaSet' && error.code === 'invalid')
    return {
      kind: 'problem',
      problem: { kind: 'TemplateRejected', name, message: error.message.slice(0, 1000) },
      error,
    };
  if (error.code === 'forbidden' || error.code === 'invalid') {
    const message = `${error.message.slice(0, 1000)}${lacksRights(error) ? "; check the operator's permissions" : ''}`;
    return { kind: 'problem', problem: { kind: 'WriteRefused', name, message }, error };
  }
  return { kind: 'failed', error };
}

/** RBAC says who cannot do what; a quota, a policy or a webhook answers with the same code. */
function lacksRights({ code, message }: ApiError): boolean {
  return code === 'forbidden' && /User "[^"]*" cannot /.test(message);
}

function nameOf(action: Action): string {
  if ('object' in action) return action.object.metadata.name;
  if ('target' in action) return action.target.name;
  if ('ref' in action) return action.ref.name;
  return action.type;
}
