/** What may differ between the Rollouts of the scenarios; the rest is the same for all. */
export interface ShopRollout {
  /** `1.2.0-err40` and the like: the tag of the image says how its pods behave. */
  readonly tag: string;
  /** 3 when absent; null leaves it out, as where an autoscaler decides. */
  readonly replicas?: number | null;
  readonly steps?: readonly unknown[];
  /** Names of AnalysisTemplates that run in the background; `success-rate` when absent, none when empty. */
  readonly gates?: readonly string[];
  /** Laid over the canary strategy. */
  readonly canary?: Readonly<Record<string, unknown>>;
  /** Instead of the canary strategy, for example `{ blueGreen: {...} }`. */
  readonly strategy?: unknown;
  /** Laid over the spec. */
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Two weights, each long enough for a gate to answer and for its share to be counted. */
export const SHORT_STEPS = [
  { setWeight: 20 },
  { pause: { duration: '5s' } },
  { setWeight: 60 },
  { pause: { duration: '5s' } },
];

/** The name of everything that belongs to a team's shop. */
export const SHOP = 'shop';
export const STABLE_SERVICE = `${SHOP}-stable`;
export const CANARY_SERVICE = `${SHOP}-canary`;

/** The Rollout of a team. */
export function rolloutOf(namespace: string, shop: ShopRollout): Record<string, unknown> {
  const { replicas = 3, gates = ['success-rate'] } = shop;
  const image = `${SHOP}:${shop.tag}`;
  const canary = {
    stableService: STABLE_SERVICE,
    canaryService: CANARY_SERVICE,
    trafficRouting: { gatewayAPI: { httpRoute: SHOP } },
    ...(gates.length > 0 && { analysis: { templates: gates.map(templateName => ({ templateName })) } }),
    steps: shop.steps ?? SHORT_STEPS,
    ...shop.canary,
  };
  return {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'Rollout',
    metadata: { name: SHOP, namespace, ...(shop.annotations && { annotations: shop.annotations }) },
    spec: {
      ...(replicas !== null && { replicas }),
      selector: { matchLabels: { app: SHOP } },
      template: {
        metadata: { labels: { app: SHOP } },
        spec: { containers: [{ name: SHOP, image, ports: [{ containerPort: 8080 }] }] },
      },
      strategy: shop.strategy ?? { canary },
      ...shop.spec,
    },
  };
}

/** What is in a team's namespace beside the Rollout: Services, route, gate, and who is told. */
export function surroundingsOf(namespace: string, alertmanagerUrl: string): Record<string, unknown>[] {
  const service = (name: string) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: SHOP }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  });
  return [
    service(STABLE_SERVICE),
    service(CANARY_SERVICE),
    routeOf(namespace),
    gateOf(namespace, 'success-rate', successRate()),
    {
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'Notifier',
      metadata: { name: 'team', namespace },
      spec: { alertmanager: { url: alertmanagerUrl } },
    },
  ];
}

/** The team's route on the Gateway `web`, as it is in Git. */
export function routeOf(namespace: string, canaryWeight = 0): Record<string, unknown> {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: SHOP, namespace },
    spec: {
      parentRefs: [{ name: 'web', namespace: 'gateway' }],
      hostnames: [`${namespace}.example`],
      rules: [
        {
          backendRefs: [
            { name: STABLE_SERVICE, port: 80, weight: 100 - canaryWeight },
            { name: CANARY_SERVICE, port: 80, weight: canaryWeight },
          ],
        },
      ],
    },
  };
}

/** An AnalysisTemplate of one metric of the same name. */
export function gateOf(
  namespace: string,
  name: string,
  metric: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'AnalysisTemplate',
    metadata: { name, namespace },
    spec: { metrics: [{ name, ...metric }] },
  };
}

/** At least 95 % of what the canary answers is no 5xx; asked every second, one failure is allowed. */
export function successRate(
  change: Readonly<Record<string, unknown>> = {},
  provider = 'default',
): Record<string, unknown> {
  const requests = (more: string) =>
    `sum(rate(http_requests_total{namespace="{{args.namespace}}",pod=~"{{args.canary-replicaset}}-[a-z0-9]{5}"${more}}[4s]))`;
  return {
    interval: '1s',
    threshold: { min: 0.95 },
    failureLimit: 1,
    ...change,
    provider: { prometheus: { query: `${requests(',code!~"5.."')} / ${requests('')}`, providerRef: provider } },
  };
}
