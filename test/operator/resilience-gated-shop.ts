import type { Operator } from '../../src/operator/operator.ts';
import { aReceiver, type Receiver } from '../notifiers/receiver.ts';
import { eventually } from '../support/eventually.ts';
import type { FaultProxy } from '../support/fault-proxy/fault-proxy.ts';
import { OperatorShop } from '../support/operator-shop.ts';
import { NAMESPACE, OperatorWorld, TYPES } from '../support/operator-world.ts';
import { proxyBefore, startBehind } from './resilience-rig.ts';

/** A patient wait: backoff after refusals may grow to 10 s. Milliseconds. */
const PATIENT_MS = 40_000;

const STRATEGY = `analysis: {templates: [{templateName: success-rate}]}
steps: [{setWeight: 25}, {pause: {}}, {setWeight: 60}, {pause: {}}]`;

const declarations = (url: string, interval: string) => `apiVersion: sluice.dev/v1alpha1
kind: MetricProvider
metadata: {name: default}
spec: {type: prometheus, address: "${url}"}
---
apiVersion: sluice.dev/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate}
spec:
  metrics:
  - {name: success-rate, interval: ${interval}, threshold: {min: 0.95}, provider: {prometheus: {query: up}}}
`;

interface Measured {
  readonly count: number;
  /** When the last ones began, epoch milliseconds. */
  readonly at: readonly number[];
}

/** A shop whose canary is measured, by an operator that reaches its API server through a proxy. */
export class GatedShop {
  readonly world: OperatorWorld;
  readonly proxy: FaultProxy;
  readonly shop: OperatorShop;
  readonly #operator: Operator;
  readonly #prometheus: Receiver;
  readonly #answer: { value: number };

  private constructor(
    parts: { world: OperatorWorld; proxy: FaultProxy; operator: Operator; prometheus: Receiver },
    answer: { value: number },
  ) {
    this.world = parts.world;
    this.proxy = parts.proxy;
    this.#operator = parts.operator;
    this.#prometheus = parts.prometheus;
    this.#answer = answer;
    this.shop = new OperatorShop(parts.world, STRATEGY);
  }

  /** @param interval of the background analysis, such as `1s` */
  static async open(interval: string): Promise<GatedShop> {
    const answer = { value: 0.99 };
    const prometheus = await aReceiver(response => {
      const sample = { metric: {}, value: [Date.now() / 1000, String(answer.value)] };
      const body = { status: 'success', data: { resultType: 'vector', result: [sample] } };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    const world = await OperatorWorld.start(true);
    const proxy = await proxyBefore(world);
    const operator = await startBehind(proxy, world);
    const gated = new GatedShop({ world, proxy, operator, prometheus }, answer);
    await world.apply(declarations(prometheus.url, interval));
    await gated.shop.open();
    return gated;
  }

  /** From now on the canary fails its check. */
  goBad(): void {
    this.#answer.value = 0.1;
  }

  /** Questions that the metric provider got. */
  get asked(): number {
    return this.#prometheus.received.length;
  }

  /** What is stored of the first metric of the first run. */
  async measured(): Promise<Measured> {
    const { items } = await this.world.client.list(TYPES.analysisRuns, { namespace: NAMESPACE });
    const status = items[0]?.['status'] as
      | { metricResults?: { count: number; measurements?: { startedAt: string }[] }[] }
      | undefined;
    const result = status?.metricResults?.[0];
    return { count: result?.count ?? 0, at: (result?.measurements ?? []).map(one => Date.parse(one.startedAt)) };
  }

  until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
    return eventually(what, check, PATIENT_MS);
  }

  untilAborted(): Promise<void> {
    return this.until('it is aborted', async () => (await this.shop.status()).phase === 'Aborted');
  }

  untilWeight(weight: number): Promise<void> {
    return this.until(`the weight is ${weight}`, async () => (await this.shop.weight()) === weight);
  }

  /** Declares a new image and waits for the first, endless pause, at weight 25, and for the first measurement. */
  async tryNext(): Promise<void> {
    await this.shop.deploy('shop:1.1.0');
    await this.shop.until('it pauses', now => now.phase === 'Paused');
    await this.until('the analysis has begun', async () => (await this.measured()).count > 0);
  }

  async close(): Promise<void> {
    await this.#operator.stop();
    await this.proxy.close();
    await this.world.stop();
    this.#prometheus.close();
  }
}
