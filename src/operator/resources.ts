import { GROUP, VERSION } from '../api/names.ts';
import type { ObjectRef } from '../api/object-meta.ts';
import type { ResourceType } from '../kube/resource-path.ts';

const own = (plural: string, kind: string, namespaced = true): ResourceType => ({
  group: GROUP,
  version: VERSION,
  plural,
  kind,
  namespaced,
});

/** Every type that the operator reads or writes. RBAC is generated from what the parts declare about these. */
export const RESOURCES = {
  rollouts: own('rollouts', 'Rollout'),
  analysisRuns: own('analysisruns', 'AnalysisRun'),
  analysisTemplates: own('analysistemplates', 'AnalysisTemplate'),
  clusterAnalysisTemplates: own('clusteranalysistemplates', 'ClusterAnalysisTemplate', false),
  metricProviders: own('metricproviders', 'MetricProvider', false),
  notifiers: own('notifiers', 'Notifier'),
  gitSyncs: own('gitsyncs', 'GitSync'),
  replicaSets: { group: 'apps', version: 'v1', plural: 'replicasets', kind: 'ReplicaSet', namespaced: true },
  controllerRevisions: {
    group: 'apps',
    version: 'v1',
    plural: 'controllerrevisions',
    kind: 'ControllerRevision',
    namespaced: true,
  },
  services: { group: '', version: 'v1', plural: 'services', kind: 'Service', namespaced: true },
  secrets: { group: '', version: 'v1', plural: 'secrets', kind: 'Secret', namespaced: true },
  pods: { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true },
  endpointSlices: {
    group: 'discovery.k8s.io',
    version: 'v1',
    plural: 'endpointslices',
    kind: 'EndpointSlice',
    namespaced: true,
  },
  httpRoutes: {
    group: 'gateway.networking.k8s.io',
    version: 'v1',
    plural: 'httproutes',
    kind: 'HTTPRoute',
    namespaced: true,
  },
} as const satisfies Record<string, ResourceType>;

const BY_KIND = new Map<string, ResourceType>(
  Object.values(RESOURCES).map((type: ResourceType) => [`${type.group}/${type.kind}`, type]),
);

/** The type of a reference; undefined for kinds that the operator has nothing to do with. */
export function resourceOf(ref: Pick<ObjectRef, 'apiVersion' | 'kind'>): ResourceType | undefined {
  const group = ref.apiVersion.includes('/') ? (ref.apiVersion.split('/')[0] ?? '') : '';
  return BY_KIND.get(`${group}/${ref.kind}`);
}
