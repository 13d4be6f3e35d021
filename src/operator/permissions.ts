import { GROUP } from '../api/names.ts';

/** One RBAC rule, and the reason for it. */
export interface Permission {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly why: string;
}

const WATCH = ['get', 'list', 'watch'];

/** What the operator needs in every namespace it serves. */
export const CLUSTER_PERMISSIONS: readonly Permission[] = [
  {
    apiGroups: [GROUP],
    resources: [
      'rollouts',
      'analysistemplates',
      'clusteranalysistemplates',
      'metricproviders',
      'notifiers',
      'gitsyncs',
    ],
    verbs: WATCH,
    why: 'what teams declare; never written',
  },
  { apiGroups: [GROUP], resources: ['rollouts/status', 'gitsyncs/status'], verbs: ['patch'], why: 'state' },
  {
    apiGroups: [GROUP],
    resources: ['analysisruns'],
    verbs: [...WATCH, 'create', 'delete'],
    why: 'executions of analyses, ours',
  },
  { apiGroups: [GROUP], resources: ['analysisruns/status'], verbs: ['patch'], why: 'measurements' },
  // blockOwnerDeletion in owner references asks for this where that admission plugin is on.
  { apiGroups: [GROUP], resources: ['rollouts/finalizers'], verbs: ['update'], why: 'owner references of children' },
  { apiGroups: ['apps'], resources: ['replicasets'], verbs: [...WATCH, 'create', 'patch', 'delete'], why: 'revisions' },
  {
    apiGroups: ['apps'],
    resources: ['controllerrevisions'],
    verbs: [...WATCH, 'create', 'delete', 'patch'],
    why: 'templates of revisions, to rebuild a lost one',
  },
  { apiGroups: [''], resources: ['services'], verbs: [...WATCH, 'create', 'patch'], why: 'one key of their selectors' },
  { apiGroups: [''], resources: ['pods'], verbs: ['list'], why: 'restarts of a canary that is not ready' },
  { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'], why: 'telling' },
  {
    apiGroups: ['discovery.k8s.io'],
    resources: ['endpointslices'],
    verbs: WATCH,
    why: 'ready endpoints before weight',
  },
];

/** Per traffic router; bound with the router's own ClusterRole. */
export const ROUTER_PERMISSIONS: Readonly<Record<string, readonly Permission[]>> = {
  'gateway-api': [
    {
      apiGroups: ['gateway.networking.k8s.io'],
      resources: ['httproutes'],
      verbs: [...WATCH, 'create', 'patch'],
      why: 'weights of backendRefs',
    },
  ],
};

/** In the operator's own namespace only: its lease, and the Secrets that providers and notifiers name. */
export const OWN_NAMESPACE_PERMISSIONS: readonly Permission[] = [
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    verbs: ['get', 'create', 'update'],
    why: 'leader election',
  },
  {
    apiGroups: [''],
    resources: ['secrets'],
    verbs: ['get'],
    why: 'credentials of MetricProviders and Notifiers; never listed',
  },
];

/** For a team's namespace that opts in: its own Secrets for Notifiers and analysis arguments. */
export const TEAM_PERMISSIONS: readonly Permission[] = [
  {
    apiGroups: [''],
    resources: ['secrets'],
    verbs: ['get'],
    why: "credentials that this namespace's Notifiers and templates name",
  },
];

/**
 * For the synchronizer, where it is switched on: to apply an object is to have the right to write it. Bound in every
 * namespace, so that what a GitSync may declare is what these say, whoever writes the GitSync. Left out on purpose:
 * workloads beside Rollouts, Secrets, RBAC, and GitSyncs and Notifiers themselves.
 */
export const GIT_SYNC_PERMISSIONS: readonly Permission[] = [
  {
    apiGroups: [GROUP],
    resources: ['rollouts', 'analysistemplates'],
    verbs: [...WATCH, 'create', 'patch', 'delete'],
    why: 'what is delivered, and its gates',
  },
  {
    apiGroups: [''],
    resources: ['services'],
    verbs: [...WATCH, 'create', 'patch', 'delete'],
    why: "a Rollout's stable and canary Services",
  },
  {
    apiGroups: ['gateway.networking.k8s.io'],
    resources: ['httproutes'],
    verbs: [...WATCH, 'create', 'patch', 'delete'],
    why: 'the route between them',
  },
  {
    apiGroups: [''],
    resources: ['configmaps'],
    verbs: [...WATCH, 'create', 'patch', 'delete'],
    why: 'configuration that pods of a Rollout mount',
  },
  {
    apiGroups: ['policy'],
    resources: ['poddisruptionbudgets'],
    verbs: [...WATCH, 'create', 'patch', 'delete'],
    why: 'how many of its pods may be away at once',
  },
];
