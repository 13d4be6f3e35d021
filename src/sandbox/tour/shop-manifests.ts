/** What the team of the tour keeps in Git: a shop with two Services, a route, a gate, an alert, a Rollout. */
export interface ShopFiles {
  readonly [path: string]: string;
}

/** Folder of the repository that the GitSync pulls. */
export const SHOP_PATH = 'apps/shop';

/** All files for an image of the shop. Only rollout.yaml changes from commit to commit. */
export function shopFiles(image: string, alertUrl: string): ShopFiles {
  return {
    'README.md': README,
    [`${SHOP_PATH}/services.yaml`]: SERVICES,
    [`${SHOP_PATH}/route.yaml`]: ROUTE,
    [`${SHOP_PATH}/gate.yaml`]: GATE,
    [`${SHOP_PATH}/alerts.yaml`]: alerts(alertUrl),
    [`${SHOP_PATH}/rollout.yaml`]: rolloutFile(image),
  };
}

/** The one file that a deployment changes. */
export function rolloutFile(image: string): string {
  return `apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata:
  name: shop
spec:
  replicas: 4
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop}
    spec:
      containers:
      - name: shop
        image: ${image}
        ports:
        - name: http
          containerPort: 8080
  strategy:
    canary:
      stableService: shop-stable
      canaryService: shop-canary
      trafficRouting:
        gatewayAPI: {httpRoute: shop}
      analysis:
        templates:
        - templateName: success-rate
      abortScaleDownDelaySeconds: 10
      scaleDownDelaySeconds: 10
      steps:
      - setWeight: 10
      - pause: {duration: 4s}
      - setWeight: 30
      - pause: {duration: 4s}
      - setWeight: 60
      - pause: {duration: 4s}
`;
}

const README = `# shop

What runs in the cluster is what this repository says. Change the image in apps/shop/rollout.yaml, commit, push.

Tags tell the pods how to behave: shop:1.3.0 is good, shop:1.3.0-err30 answers 30 % of the requests with 500,
shop:1.3.0-slow300 is slow, shop:1.3.0-crash crashes, shop:1.3.0-neverready never becomes ready.
`;

const SERVICES = ['stable', 'canary']
  .map(
    side => `apiVersion: v1
kind: Service
metadata:
  name: shop-${side}
spec:
  selector: {app: shop}
  ports:
  - name: http
    port: 80
    targetPort: http
`,
  )
  .join('---\n');

const ROUTE = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs:
  - name: web
  rules:
  - backendRefs:
    - {name: shop-stable, port: 80, weight: 100}
    - {name: shop-canary, port: 80, weight: 0}
`;

const GATE = `apiVersion: sluice.dev/v1alpha1
kind: AnalysisTemplate
metadata:
  name: success-rate
spec:
  metrics:
  - name: success-rate
    interval: 1s
    initialDelay: 2s         # a new pod has to be scraped first
    threshold: {min: 0.95}
    failureLimit: 1
    provider:
      prometheus:
        query: |
          1 - (
            sum(rate(http_requests_total{pod=~"{{args.canary-replicaset}}-[a-z0-9]{5}",code=~"5.."}[5s]))
            or 0 * sum(rate(http_requests_total{pod=~"{{args.canary-replicaset}}-[a-z0-9]{5}"}[5s]))
          )
          / sum(rate(http_requests_total{pod=~"{{args.canary-replicaset}}-[a-z0-9]{5}"}[5s]))
`;

const alerts = (url: string) => `apiVersion: sluice.dev/v1alpha1
kind: Notifier
metadata:
  name: team-shop
spec:
  events: [Aborted, Promoted, Recovered]
  webhook:
    url: ${url}
`;
