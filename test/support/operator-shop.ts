import type { RolloutStatus } from '../../src/api/rollout-status.ts';
import { eventually } from './eventually.ts';
import { NAMESPACE, type OperatorWorld, TYPES } from './operator-world.ts';

/** A patient wait: the machine may be busy. Milliseconds. */
const PATIENT_MS = 15_000;

const service = (name: string) => `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: shop}, ports: [{name: http, port: 80, targetPort: http}]}
---
`;

const BESIDE = `${service('shop-stable')}${service('shop-canary')}apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: web}]
  rules:
  - backendRefs:
    - {name: shop-stable, port: 80, weight: 100}
    - {name: shop-canary, port: 80, weight: 0}
`;

/** A shop with two Services and a route, as a team sees and changes it. */
export class OperatorShop {
  readonly #world: OperatorWorld;
  readonly #strategy: string;

  /** @param strategy members of `strategy.canary` in one-line YAML, such as `steps: [{setWeight: 20}]` */
  constructor(world: OperatorWorld, strategy: string) {
    this.#world = world;
    this.#strategy = strategy;
  }

  /** Deploys the first image and waits until it serves. */
  async open(): Promise<void> {
    await this.#world.apply(BESIDE);
    await this.deploy('shop:1.0.0');
    await this.until('the first revision is healthy', status => status.phase === 'Healthy');
  }

  /** Declares another image. */
  deploy(image: string): Promise<void> {
    return this.#world.apply(`apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: "${image}", ports: [{name: http, containerPort: 8080}]}]}
  strategy:
    canary:
      stableService: shop-stable
      canaryService: shop-canary
      trafficRouting: {gatewayAPI: {httpRoute: shop}}
      ${this.#strategy.replaceAll('\n', '\n      ')}
`);
  }

  /** Sends a command as annotation, such as `abort a-1`. */
  async command(text: string): Promise<void> {
    const body = { metadata: { annotations: { 'sluice.dev/command': text } } };
    await this.#world.client.patch(TYPES.rollouts, { namespace: NAMESPACE, name: 'shop' }, { kind: 'merge', body });
  }

  /** Weight of the canary in the route, 0 to 100. */
  async weight(): Promise<number> {
    const route = await this.#world.find(TYPES.httpRoutes, 'shop');
    const spec = route?.['spec'] as { rules: { backendRefs: { name: string; weight: number }[] }[] } | undefined;
    return spec?.rules[0]?.backendRefs.find(ref => ref.name === 'shop-canary')?.weight ?? -1;
  }

  async status(): Promise<Partial<RolloutStatus>> {
    return ((await this.#world.find(TYPES.rollouts, 'shop'))?.['status'] ?? {}) as Partial<RolloutStatus>;
  }

  /** Waits for a status; a failure says what the status was. */
  async until(what: string, check: (status: Partial<RolloutStatus>) => boolean): Promise<void> {
    try {
      await eventually(what, async () => check(await this.status()), PATIENT_MS);
    } catch (error) {
      throw new Error(`${String(error)}: ${JSON.stringify(await this.status())}`, { cause: error });
    }
  }

  /** Waits for a weight of the canary. */
  untilWeight(weight: number): Promise<void> {
    return eventually(`the weight is ${weight}`, async () => (await this.weight()) === weight, PATIENT_MS);
  }
}
