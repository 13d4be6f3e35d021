/** The namespaces that a fleet is spread over. */
export const NAMESPACES = 50;

/** Pods of each member. */
export const REPLICAS = 2;

/** The pauses of {@link FIVE_STEPS} together, which no operator can do without. */
export const PAUSE_SECONDS = 25;

/** How often the gate measures. */
export const INTERVAL_MS = 2_000;

/** Where one Rollout of the fleet is. */
export interface Member {
  readonly namespace: string;
  readonly name: string;
  /** `namespace/name`. */
  readonly key: string;
}

type Step = Readonly<Record<string, unknown>>;

/** Five weights, each with a pause of 5 s. */
export const FIVE_STEPS: readonly Step[] = [20, 40, 60, 80, 100].flatMap(setWeight => [
  { setWeight },
  { pause: { duration: '5s' } },
]);

/** Stays in flight with some traffic until it is aborted. */
export const HELD_STEPS: readonly Step[] = [{ setWeight: 20 }, { pause: { duration: '2h' } }];

export function membersOf(size: number): Member[] {
  return Array.from({ length: size }, (_, index) => {
    const at = { namespace: `bench-${index % NAMESPACES}`, name: `app-${index}` };
    return { ...at, key: `${at.namespace}/${at.name}` };
  });
}

/** Every tenth of a fleet, its first ones. */
export function tenthOf(members: readonly Member[]): readonly Member[] {
  return members.slice(0, Math.ceil(members.length / 10));
}

/** Collections of the API. */
export const API = {
  services: (namespace: string) => `/api/v1/namespaces/${namespace}/services`,
  deployments: (namespace: string) => `/apis/apps/v1/namespaces/${namespace}/deployments`,
  routes: (namespace: string) => `/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/httproutes`,
  rollouts: (namespace: string) => `/apis/sluice.dev/v1alpha1/namespaces/${namespace}/rollouts`,
};

/** One object and the collection that it is created in. */
export interface Placed {
  readonly path: string;
  readonly object: Readonly<Record<string, unknown>>;
}

/** All that one member needs, in the order in which to create it: two Services, a route, and the workload. */
export function objectsOf(member: Member, workload: 'Rollout' | 'Deployment', image: string): Placed[] {
  const { namespace, name } = member;
  const service = (side: string): Placed => ({
    path: API.services(namespace),
    object: {
      metadata: { name: `${name}-${side}` },
      spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
    },
  });
  const backendRefs = [
    { name: `${name}-stable`, port: 80, weight: 100 },
    { name: `${name}-canary`, port: 80, weight: 0 },
  ];
  const route = { metadata: { name }, spec: { parentRefs: [{ name: 'web' }], rules: [{ backendRefs }] } };
  const pods = { replicas: REPLICAS, selector: { matchLabels: { app: name } }, template: templateOf(name, image) };
  return [
    service('stable'),
    service('canary'),
    {
      path: API.routes(namespace),
      object: { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', ...route },
    },
    workload === 'Deployment'
      ? { path: API.deployments(namespace), object: { metadata: { name }, spec: pods } }
      : { path: API.rollouts(namespace), object: rolloutOf(name, pods) },
  ];
}

function templateOf(name: string, image: string) {
  const containers = [{ name: 'app', image, ports: [{ containerPort: 8080 }] }];
  return { metadata: { labels: { app: name } }, spec: { containers } };
}

function rolloutOf(name: string, pods: Readonly<Record<string, unknown>>) {
  const canary = {
    stableService: `${name}-stable`,
    canaryService: `${name}-canary`,
    trafficRouting: { gatewayAPI: { httpRoute: name } },
    analysis: { templates: [{ templateName: 'gate', clusterScope: true }] },
    steps: FIVE_STEPS,
  };
  return {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'Rollout',
    metadata: { name },
    spec: { ...pods, strategy: { canary } },
  };
}

/** A new version of a member, to be sent as a merge patch, with other steps where they are given. */
export function changeOf(
  member: Member,
  image: string,
  steps?: readonly Step[],
  workload: 'Rollout' | 'Deployment' = 'Rollout',
): Placed {
  const spec = {
    template: templateOf(member.name, image),
    ...(steps === undefined ? {} : { strategy: { canary: { steps } } }),
  };
  const folder = workload === 'Deployment' ? API.deployments(member.namespace) : API.rollouts(member.namespace);
  return { path: `${folder}/${member.name}`, object: { spec } };
}

/** Measures each Rollout by itself, so that one of them can turn bad alone. */
export const GATE = {
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'ClusterAnalysisTemplate',
  metadata: { name: 'gate' },
  spec: {
    metrics: [
      {
        name: 'success',
        interval: `${INTERVAL_MS / 1000}s`,
        threshold: { min: 0.9 },
        provider: { prometheus: { query: 'up{namespace="{{args.namespace}}",set="{{args.canary-replicaset}}"}' } },
      },
    ],
  },
};
