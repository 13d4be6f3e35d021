import { API_VERSION, HASH_LABEL, REPLICAS_ANNOTATION, REVISION_ANNOTATION, ROLLOUT_LABEL } from '../api/names.ts';
import type { ApiObject } from '../api/object-meta.ts';
import type { Action } from './decision.ts';
import type { Draft } from './draft.ts';
import { serviceNames } from './prerequisites.ts';
import type { ReplicaSetView } from './replica-set-view.ts';
import { desiredRevision, keptRevision } from './revisions.ts';
import { sortedJson } from './sorted-json.ts';
import type { World } from './world.ts';

/** Metadata that GitOps tools put on what they apply; on a generated child it would make them prune or "correct" it. */
const FOREIGN_METADATA =
  /(^|\.)toolkit\.fluxcd\.io\/|^argocd\.argoproj\.io\/|^kubectl\.kubernetes\.io\/last-applied-configuration$/;

/** Objects of this Rollout that do not exist yet: Services, route, the revision and its ReplicaSet. */
export function missingChildren(w: World, d: Draft, firstPods: number): Action[] {
  const actions: Action[] = [...missingServices(w), ...missingRoute(w)];
  const kept = w.stable && !w.stableSet ? keptRevision(w, w.stable.podTemplateHash) : undefined;
  if (w.stable && kept) {
    const { podTemplateHash } = w.stable;
    const name = w.stable.replicaSet ?? childName(w, podTemplateHash, 0);
    actions.push({
      type: 'RestoreReplicaSet',
      name,
      revisionName: kept.metadata.name,
      replicas: w.replicas,
    });
    if (podTemplateHash === w.hash) return actions;
  }
  const paused = w.spec.paused || d.status.pausedByCommand;
  const lost = w.stable && !w.stableSet && w.stable.podTemplateHash === w.hash;
  if (d.status.abort || (paused && w.stable && !lost)) return actions;
  const quarantined = (d.status.quarantine ?? []).some(entry => entry.podTemplateHash === w.hash);
  if (w.newSet) return [...actions, ...renumber(w, w.newSet), ...readyLater(w, w.newSet)];
  // Its pods would be behind none of the Services.
  if (quarantined || w.selectorIssue !== undefined) return actions;
  const revision = desiredRevision(w);
  if (!keptRevision(w, w.hash))
    actions.push({ type: 'CreateRevision', object: controllerRevision(w, d, revision.revision) });
  actions.push({ type: 'CreateReplicaSet', object: replicaSet(w, d, revision.revision, firstPods) });
  return actions;
}

/** An old template that comes back is the newest revision again. */
function renumber(w: World, set: ReplicaSetView): Action[] {
  const { revision } = desiredRevision(w);
  if (set.revision === revision) return [];
  return [{ type: 'AnnotateReplicaSet', target: set.target, annotations: { [REVISION_ANNOTATION]: String(revision) } }];
}

/**
 * It is no part of the template, so that a change of it makes no revision: the one that is declared has it changed in place. Once:
 * a webhook that sets it otherwise is not fought.
 */
function readyLater(w: World, set: ReplicaSetView): Action[] {
  const seconds = w.spec.minReadySeconds ?? 0;
  return set.minReadySeconds === seconds || set.minReadySecondsAsked === seconds
    ? []
    : [{ type: 'SetMinReadySeconds', target: set.target, seconds }];
}

/**
 * Kubernetes cuts what it makes pod names from at 58 characters, a dash included; with a longer name the hash would be cut
 * off, and pods of two revisions could not be told apart.
 */
const LONGEST_SET_NAME = 57;

/** Name of a revision's ReplicaSet and of its ControllerRevision. */
export function childName(w: World, hash: string, collisions: number): string {
  const suffix = `${hash}${collisions > 0 ? `-${collisions}` : ''}`;
  return `${w.name.slice(0, LONGEST_SET_NAME - suffix.length - 1).replace(/[-.]+$/, '')}-${suffix}`;
}

function replicaSet(w: World, d: Draft, revision: number, replicas: number): ApiObject {
  const template = (w.spec.template ?? {}) as { metadata?: { labels?: Record<string, string> } };
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: w.hash };
  const selector = w.spec.selector ?? {};
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      ...childMetadata(w, childName(w, w.hash, d.status.collisionCount ?? 0)),
      labels: { ...ownLabels(w), ...template.metadata?.labels, [HASH_LABEL]: w.hash, [ROLLOUT_LABEL]: w.name },
      annotations: { [REVISION_ANNOTATION]: String(revision), [REPLICAS_ANNOTATION]: String(replicas) },
    },
    spec: {
      replicas,
      ...(w.spec.minReadySeconds ? { minReadySeconds: w.spec.minReadySeconds } : {}),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: w.hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

/**
 * The template as Git declared it, kept so that a deleted ReplicaSet can be rebuilt. `data` is stored as it is sent and may
 * not change, in no byte: any patch of the object writes its members in order, so they are in order from the start.
 */
function controllerRevision(w: World, d: Draft, revision: number): ApiObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      ...childMetadata(w, childName(w, w.hash, d.status.collisionCount ?? 0)),
      labels: { [ROLLOUT_LABEL]: w.name, [HASH_LABEL]: w.hash },
    },
    data: sortedJson({
      template: w.spec.template ?? {},
      selector: w.spec.selector ?? {},
      minReadySeconds: w.spec.minReadySeconds ?? 0,
    }),
    revision,
  };
}

/**
 * A ReplicaSet as it was, from its ControllerRevision; undefined when the revision does not hold a template. The owner
 * reference is taken from the revision, so that it belongs to the same Rollout.
 */
export function restoredReplicaSet(revision: ApiObject, name: string, replicas: number): ApiObject | undefined {
  const data = revision['data'] as
    | { template?: Record<string, unknown>; selector?: Record<string, unknown>; minReadySeconds?: number }
    | undefined;
  const hash = revision.metadata.labels?.[HASH_LABEL];
  if (!data?.template || !data.selector || hash === undefined) return undefined;
  const template = data.template as { metadata?: { labels?: Record<string, string> } };
  const { namespace } = revision.metadata;
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ownerReferences: revision.metadata['ownerReferences'],
      labels: {
        ...template.metadata?.labels,
        [HASH_LABEL]: hash,
        [ROLLOUT_LABEL]: revision.metadata.labels?.[ROLLOUT_LABEL] ?? '',
      },
      annotations: {
        [REVISION_ANNOTATION]: String(revision['revision'] ?? 1),
        [REPLICAS_ANNOTATION]: String(replicas),
      },
    },
    spec: {
      replicas,
      ...(data.minReadySeconds ? { minReadySeconds: data.minReadySeconds } : {}),
      selector: {
        ...data.selector,
        matchLabels: { ...(data.selector['matchLabels'] as object | undefined), [HASH_LABEL]: hash },
      },
      template: {
        ...data.template,
        metadata: { ...template.metadata, labels: { ...template.metadata?.labels, [HASH_LABEL]: hash } },
      },
    },
  };
}

function missingServices(w: World): Action[] {
  const { canary, blueGreen } = w.spec.strategy;
  const template = canary?.serviceTemplate ?? blueGreen?.serviceTemplate;
  if (!template || w.selectorIssue !== undefined) return [];
  return serviceNames(w)
    .filter(name => !w.service(name)?.exists)
    .map(name => ({
      type: 'CreateService',
      object: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { ...childMetadata(w, name), labels: ownLabels(w) },
        spec: { ports: template.ports, selector: { ...w.spec.selector?.matchLabels } },
      },
    }));
}

function missingRoute(w: World): Action[] {
  if (w.router?.state.kind !== 'missing') return [];
  const route = w.router.create();
  if (!route) return [];
  const metadata = { ...route.metadata, ...childMetadata(w, w.router.ref.name) };
  return [{ type: 'CreateRoute', ref: w.router.ref, object: { ...route, metadata } as ApiObject }];
}

function childMetadata(w: World, name: string) {
  const { namespace, uid } = w.snapshot.rollout.metadata;
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ownerReferences: [
      {
        apiVersion: API_VERSION,
        kind: 'Rollout',
        name: w.name,
        uid: uid ?? '',
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  };
}

function ownLabels(w: World): Record<string, string> {
  const labels = w.snapshot.rollout.metadata.labels ?? {};
  const kept = Object.entries(labels).filter(
    ([key]) => !FOREIGN_METADATA.test(key) && key !== 'app.kubernetes.io/instance',
  );
  return { ...Object.fromEntries(kept), [ROLLOUT_LABEL]: w.name };
}
