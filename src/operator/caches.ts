import { HASH_LABEL } from '../api/names.ts';
import type { ApiObject } from '../api/object-meta.ts';
import { needsOf } from '../core/needs.ts';
import { routeKey, templateKey } from '../core/snapshot.ts';
import type { KubeClient } from '../kube/client.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { Reflector, type ReflectorOptions } from '../kube/reflector.ts';
import type { ReflectorObservation } from '../kube/reflector-observation.ts';
import { apiVersionOf, type ResourceType } from '../kube/resource-path.ts';
import { RESOURCES } from './resources.ts';
import {
  trimAnalysisRun,
  trimEndpointSlice,
  trimReplicaSet,
  trimRollout,
  trimRoute,
  trimService,
  trimToMetadata,
} from './trim.ts';

/** Names of the cached types. */
export type CacheName = Exclude<keyof typeof RESOURCES, 'secrets' | 'pods'>;

export type Caches = Readonly<Record<CacheName, Reflector>>;

/**
 * Under what an owner and what it owns are found. The namespace is part of it: the API server does not check whom an owner
 * reference names, so that anybody could give somebody else's Rollout a child, and with it a verdict.
 */
export function ownerKey(namespace = '', uid = ''): string {
  return `${namespace}/${uid}`;
}

/** The controlling owner of an object, or nothing. */
export function controllerKey({ metadata }: KubeObject): string[] {
  const owner = metadata.ownerReferences?.find(ref => ref.controller === true);
  return owner ? [ownerKey(metadata.namespace, owner.uid)] : [];
}

/** `namespace/name` of everything outside its own children that a Rollout looks at. */
function dependencies(kind: 'services' | 'routes' | 'templates') {
  return (object: KubeObject): string[] => {
    const needs = needsOf(asApi(object));
    const namespace = object.metadata.namespace ?? '';
    if (kind === 'services') return needs.services.map(name => `${namespace}/${name}`);
    if (kind === 'routes') return needs.routes.map(ref => `${namespace}/${routeKey(ref)}`);
    return needs.templates.map(({ name, clusterScope }) =>
      clusterScope ? templateKey(name, true) : `${namespace}/${name}`,
    );
  };
}

/** Which Service an EndpointSlice belongs to. */
export function sliceService(object: KubeObject): string[] {
  const name = object.metadata.labels?.['kubernetes.io/service-name'];
  return name ? [`${object.metadata.namespace ?? ''}/${name}`] : [];
}

const SETTINGS: Readonly<Record<CacheName, Partial<ReflectorOptions>>> = {
  rollouts: {
    trim: trimRollout,
    specByGeneration: true,
    indexers: {
      services: dependencies('services'),
      routes: dependencies('routes'),
      templates: dependencies('templates'),
      uid: ({ metadata: { namespace, uid } }) => (uid ? [ownerKey(namespace, uid)] : []),
    },
  },
  replicaSets: { trim: trimReplicaSet, labelSelector: HASH_LABEL, indexers: { owner: controllerKey } },
  controllerRevisions: { trim: trimToMetadata, labelSelector: HASH_LABEL, indexers: { owner: controllerKey } },
  services: { trim: trimService },
  endpointSlices: { trim: trimEndpointSlice, indexers: { service: sliceService } },
  httpRoutes: { trim: trimRoute, optional: true },
  analysisRuns: { trim: trimAnalysisRun, indexers: { owner: controllerKey } },
  analysisTemplates: {},
  clusterAnalysisTemplates: {},
  metricProviders: {},
  notifiers: { indexers: { namespace: object => [object.metadata.namespace ?? ''] } },
  gitSyncs: {},
};

export interface CacheOptions {
  readonly client: KubeClient;
  /** Left out: all namespaces. */
  readonly namespace?: string | undefined;
  readonly observe?: (cache: CacheName, observation: ReflectorObservation) => void;
}

/** One reflector per type, not started yet: handlers are added first. */
export function createCaches(options: CacheOptions): Caches {
  const entries = (Object.keys(SETTINGS) as CacheName[]).map(name => {
    const type: ResourceType = RESOURCES[name];
    const reflector = new Reflector({
      client: options.client,
      type,
      ...(type.namespaced && options.namespace !== undefined ? { namespace: options.namespace } : {}),
      ...SETTINGS[name],
      observe: observation => options.observe?.(name, observation),
    });
    return [name, reflector] as const;
  });
  return Object.fromEntries(entries) as unknown as Caches;
}

/** The cache that holds a type; undefined when the type is not cached. */
export function cacheOf(caches: Caches, type: ResourceType): Reflector | undefined {
  return Object.values(caches).find(
    cache => cache.type.plural === type.plural && apiVersionOf(cache.type) === apiVersionOf(type),
  );
}

/** A cached object as the pure rooms see it: the same JSON under a stricter type. */
export function asApi(object: KubeObject): ApiObject {
  return object as unknown as ApiObject;
}
