/** What one Rollout of the fleet needs, in its namespace. Two pods each, a router, five weights with pauses, one gate. */
export function memberOf(index: number, namespaces: number): { readonly namespace: string; readonly name: string } {
  return { namespace: `bench-${index % namespaces}`, name: `app-${index}` };
}

export function objectsOf(namespace: string, name: string, image: string) {
  const service = (side: string) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `${name}-${side}`, namespace },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
  });
  const refs = [
    { name: `${name}-stable`, port: 80, weight: 100 },
    { name: `${name}-canary`, port: 80, weight: 0 },
  ];
  return [
    service('stable'),
    service('canary'),
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name, namespace },
      spec: { parentRefs: [{ name: 'web' }], rules: [{ backendRefs: refs }] },
    },
    rolloutOf(namespace, name, image),
  ];
}

export function rolloutOf(namespace: string, name: string, image: string) {
  return {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'Rollout',
    metadata: { name, namespace },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'app', image, ports: [{ containerPort: 8080 }] }] },
      },
      strategy: {
        canary: {
          stableService: `${name}-stable`,
          canaryService: `${name}-canary`,
          trafficRouting: { gatewayAPI: { httpRoute: name } },
          analysis: { templates: [{ templateName: 'gate', clusterScope: true }] },
          steps: [20, 40, 60, 80, 100].flatMap(setWeight => [{ setWeight }, { pause: { duration: '5s' } }]),
        },
      },
    },
  };
}

export const GATE = {
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'ClusterAnalysisTemplate',
  metadata: { name: 'gate' },
  spec: {
    metrics: [{ name: 'success', interval: '2s', threshold: { min: 0.9 }, provider: { prometheus: { query: 'up' } } }],
  },
};
