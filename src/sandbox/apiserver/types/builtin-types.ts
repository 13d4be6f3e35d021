import { builtinSchema } from '../schema/builtin-schema.ts';
import { builtinColumns } from '../table/builtin-columns.ts';
import { ageColumn, nameColumn, tableOf } from '../table/columns.ts';
import { builtinDefaults } from './builtin-defaults.ts';
import { builtinRules } from './builtin-rules.ts';
import { eventFromStorage, eventToStorage } from './event-conversion.ts';
import type { ResourceType, ScalePaths } from './resource-type.ts';
import { storedVerbs } from './resource-type.ts';

interface Row {
  group: string;
  version: string;
  kind: string;
  plural: string;
  schema: string;
  short?: readonly string[];
  all?: boolean;
  cluster?: boolean;
  status?: boolean;
  scale?: boolean;
  generation?: boolean;
}

const core = { group: '', version: 'v1' };
const apps = { group: 'apps', version: 'v1' };
const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1' };
const networking = { group: 'networking.k8s.io', version: 'v1' };

const rows: readonly Row[] = [
  { ...core, kind: 'ConfigMap', plural: 'configmaps', schema: 'api.core.v1.ConfigMap', short: ['cm'] },
  { ...core, kind: 'Endpoints', plural: 'endpoints', schema: 'api.core.v1.Endpoints', short: ['ep'] },
  { ...core, kind: 'Event', plural: 'events', schema: 'api.core.v1.Event', short: ['ev'] },
  {
    ...core,
    kind: 'Namespace',
    plural: 'namespaces',
    schema: 'api.core.v1.Namespace',
    short: ['ns'],
    cluster: true,
    status: true,
  },
  { ...core, kind: 'Node', plural: 'nodes', schema: 'api.core.v1.Node', short: ['no'], cluster: true, status: true },
  {
    ...core,
    kind: 'Pod',
    plural: 'pods',
    schema: 'api.core.v1.Pod',
    short: ['po'],
    all: true,
    status: true,
    generation: true,
  },
  { ...core, kind: 'Secret', plural: 'secrets', schema: 'api.core.v1.Secret' },
  { ...core, kind: 'ServiceAccount', plural: 'serviceaccounts', schema: 'api.core.v1.ServiceAccount', short: ['sa'] },
  {
    ...core,
    kind: 'Service',
    plural: 'services',
    schema: 'api.core.v1.Service',
    short: ['svc'],
    all: true,
    status: true,
  },
  { ...apps, kind: 'ControllerRevision', plural: 'controllerrevisions', schema: 'api.apps.v1.ControllerRevision' },
  {
    ...apps,
    kind: 'Deployment',
    plural: 'deployments',
    schema: 'api.apps.v1.Deployment',
    short: ['deploy'],
    all: true,
    status: true,
    scale: true,
    generation: true,
  },
  {
    ...apps,
    kind: 'ReplicaSet',
    plural: 'replicasets',
    schema: 'api.apps.v1.ReplicaSet',
    short: ['rs'],
    all: true,
    status: true,
    scale: true,
    generation: true,
  },
  {
    group: 'discovery.k8s.io',
    version: 'v1',
    kind: 'EndpointSlice',
    plural: 'endpointslices',
    schema: 'api.discovery.v1.EndpointSlice',
    generation: true,
  },
  { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases', schema: 'api.coordination.v1.Lease' },
  {
    group: 'events.k8s.io',
    version: 'v1',
    kind: 'Event',
    plural: 'events',
    schema: 'api.events.v1.Event',
    short: ['ev'],
  },
  {
    group: 'autoscaling',
    version: 'v2',
    kind: 'HorizontalPodAutoscaler',
    plural: 'horizontalpodautoscalers',
    schema: 'api.autoscaling.v2.HorizontalPodAutoscaler',
    short: ['hpa'],
    all: true,
    status: true,
  },
  {
    group: 'policy',
    version: 'v1',
    kind: 'PodDisruptionBudget',
    plural: 'poddisruptionbudgets',
    schema: 'api.policy.v1.PodDisruptionBudget',
    short: ['pdb'],
    status: true,
    generation: true,
  },
  { ...rbac, kind: 'Role', plural: 'roles', schema: 'api.rbac.v1.Role' },
  { ...rbac, kind: 'RoleBinding', plural: 'rolebindings', schema: 'api.rbac.v1.RoleBinding' },
  { ...rbac, kind: 'ClusterRole', plural: 'clusterroles', schema: 'api.rbac.v1.ClusterRole', cluster: true },
  {
    ...rbac,
    kind: 'ClusterRoleBinding',
    plural: 'clusterrolebindings',
    schema: 'api.rbac.v1.ClusterRoleBinding',
    cluster: true,
  },
  {
    ...networking,
    kind: 'Ingress',
    plural: 'ingresses',
    schema: 'api.networking.v1.Ingress',
    short: ['ing'],
    status: true,
    generation: true,
  },
  {
    ...networking,
    kind: 'IngressClass',
    plural: 'ingressclasses',
    schema: 'api.networking.v1.IngressClass',
    cluster: true,
    generation: true,
  },
  {
    ...networking,
    kind: 'NetworkPolicy',
    plural: 'networkpolicies',
    schema: 'api.networking.v1.NetworkPolicy',
    short: ['netpol'],
    generation: true,
  },
  {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    schema: 'apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
    short: ['crd', 'crds'],
    cluster: true,
    status: true,
    generation: true,
  },
];

const workloadScale: ScalePaths = {
  specReplicas: ['spec', 'replicas'],
  statusReplicas: ['status', 'replicas'],
  selector: ['spec', 'selector'],
};

/** The built-in resource types that this server stores. */
export function builtinTypes(): ResourceType[] {
  return rows.map(row => build(row));
}

function build(row: Row): ResourceType {
  const key = `${row.group}/${row.plural}`;
  const isNewEvent = row.group === 'events.k8s.io';
  const storageKey = isNewEvent ? '/events' : key;
  const defaults = builtinDefaults[key];
  const rules = builtinRules[key];
  return {
    group: row.group,
    version: row.version,
    kind: row.kind,
    listKind: `${row.kind}List`,
    plural: row.plural,
    singular: row.kind.toLowerCase(),
    shortNames: row.short ?? [],
    categories: row.all === true ? ['all'] : row.group === 'apiextensions.k8s.io' ? ['api-extensions'] : [],
    namespaced: row.cluster !== true,
    verbs: storedVerbs,
    storageKey,
    schema: builtinSchema(row.schema),
    custom: false,
    hasStatus: row.status === true,
    ...(row.scale === true ? { scale: workloadScale } : {}),
    countsGeneration: row.generation === true,
    ...(defaults === undefined ? {} : { applyDefaults: defaults }),
    ...(rules === undefined ? {} : { validate: rules }),
    ...(isNewEvent ? { fromStorage: eventFromStorage, toStorage: eventToStorage } : {}),
    ...tableOf(builtinColumns[storageKey] ?? [nameColumn, ageColumn]),
  };
}
