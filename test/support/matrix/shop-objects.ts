import type { KubeObject } from '../control-plane/api-client.ts';

/** What a plan declares, and where it is sent to below the namespace. */
export interface Declared {
  readonly root: string;
  readonly plural: string;
  readonly object: KubeObject;
}

const SLUICE = '/apis/sluice.dev/v1alpha1';
const ROUTES = '/apis/gateway.networking.k8s.io/v1';

/** Two Services and, for canaries, a route that weighs them; templates whose measurements are always good or always bad. */
export function surroundings(services: readonly [string, string], routed: boolean): Declared[] {
  const declared = services.map(name => ({ root: '/api/v1', plural: 'services', object: service(name) }));
  const templates = (['good', 'bad'] as const).map(verdict => ({
    root: SLUICE,
    plural: 'analysistemplates',
    object: template(verdict),
  }));
  const [stable, canary] = services;
  const backendRefs = [
    { name: stable, port: 80, weight: 100 },
    { name: canary, port: 80, weight: 0 },
  ];
  const route = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'shop' },
    spec: { parentRefs: [{ name: 'web' }], rules: [{ backendRefs }] },
  };
  return [...declared, ...templates, ...(routed ? [{ root: ROUTES, plural: 'httproutes', object: route }] : [])];
}

/** A Rollout of two pods. */
export function rollout(image: string, strategy: unknown, replicas = 2): Declared {
  const labels = { app: 'shop' };
  const containers = [{ name: 'shop', image, ports: [{ containerPort: 8080 }] }];
  const spec = {
    replicas,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers } },
    strategy,
  };
  const object = { apiVersion: 'sluice.dev/v1alpha1', kind: 'Rollout', metadata: { name: 'shop' }, spec };
  return { root: SLUICE, plural: 'rollouts', object };
}

function service(name: string): KubeObject {
  const ports = [{ name: 'http', port: 80, targetPort: 8080 }];
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: 'shop' }, ports } };
}

/** Two measurements 200 ms apart; one failing measurement fails the run. */
function template(verdict: 'good' | 'bad'): KubeObject {
  const query = `up{replicaset="{{args.canary-replicaset}}",verdict="${verdict}"}`;
  const metric = {
    name: 'success-rate',
    interval: '200ms',
    count: 2,
    threshold: { min: 0.95 },
    provider: { prometheus: { query } },
  };
  return {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'AnalysisTemplate',
    metadata: { name: verdict },
    spec: { metrics: [metric] },
  };
}
