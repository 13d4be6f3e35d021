import type { RolloutStatus } from '../../src/api/rollout-status.ts';
import { eventually } from './eventually.ts';
import { NAMESPACE, type OperatorWorld, TYPES } from './operator-world.ts';

/** A patient wait: the machine may be busy. Milliseconds. */
const PATIENT_MS = 15_000;

const service = (app: string, role: string) => `apiVersion: v1
kind: Service
metadata: {name: ${app}-${role}}
spec: {selector: {app: ${app}}, ports: [{name: http, port: 80, targetPort: http}]}
---
`;

const beside = (
  app: string,
) => `${service(app, 'stable')}${service(app, 'canary')}apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${app}}
spec:
  parentRefs: [{name: web}]
  rules:
  - backendRefs:
    - {name: ${app}-stable, port: 80, weight: 100}
    - {name: ${app}-canary, port: 80, weight: 0}
`;

/** A shop with two Services and a route, as a team sees and changes it. */
export class OperatorShop {
  readonly #world: OperatorWorld;
  readonly #strategy: string;
  readonly #name: string;

  /** @param strategy members of `strategy.canary` in one-line YAML, such as `steps: [{setWeight: 20}]` */
  constructor(world: OperatorWorld, strategy: string, name = 'shop') {
    this.#world = world;
    this.#strategy = strategy;
    this.#name = name;
  }

  /** Deploys the first image and waits until it serves. */
  async open(): Promise<void> {
    await this.#world.apply(beside(this.#name));
    await this.deploy('shop:1.0.0');
    await this.until('the first revision is healthy', status => status.phase === 'Healthy');
  }

  /** Declares another image. */
  deploy(image: string): Promise<void> {
    return this.#world.apply(`apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: ${this.#name}}
spec:
  replicas: 2
  selector: {matchLabels: {app: ${this.#name}}}
  template:
    metadata: {labels: {app: ${this.#name}}}
    spec: {containers: [{name: shop, image: "${image}", ports: [{name: http, containerPort: 8080}]}]}
  strategy:
    canary:
      stableService: ${this.#name}-stable
      canaryService: ${this.#name}-canary
      trafficRouting: {gatewayAPI: {httpRoute: ${this.#name}}}
      ${this.#strategy.replaceAll('\n', '\n      ')}
`);
  }

  /** Sends a command as annotation, such as `abort a-1`. */
  async command(text: string): Promise<void> {
    const body = { metadata: { annotations: { 'sluice.dev/command': text } } };
    await this.#world.client.patch(TYPES.rollouts, { namespace: NAMESPACE, name: this.#name }, { kind: 'merge', body });
  }

  /** Weight of the canary in the route, 0 to 100. */
  async weight(): Promise<number> {
    const route = await this.#world.find(TYPES.httpRoutes, this.#name);
    const spec = route?.['spec'] as { rules: { backendRefs: { name: string; weight: number }[] }[] } | undefined;
    return spec?.rules[0]?.backendRefs.find(ref => ref.name === `${this.#name}-canary`)?.weight ?? -1;
  }

  async status(): Promise<Partial<RolloutStatus>> {
    return ((await this.#world.find(TYPES.rollouts, this.#name))?.['status'] ?? {}) as Partial<RolloutStatus>;
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

/** Starts the operator of a world, and brings a shop to where its second version waits at 20 % for a person. */
export async function pausedShop(world: OperatorWorld): Promise<OperatorShop> {
  await world.startOperator();
  const shop = new OperatorShop(world, 'steps: [{setWeight: 20}, {pause: {}}]');
  await shop.open();
  await shop.deploy('shop:2.0.0');
  await shop.until('it pauses', status => status.phase === 'Paused');
  return shop;
}
