import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aReceiver, type Receiver } from '../notifiers/receiver.ts';
import { OperatorShop } from '../support/operator-shop.ts';
import { NAMESPACE, OperatorWorld, TYPES } from '../support/operator-world.ts';

const STRATEGY = `analysis: {templates: [{templateName: success-rate}]}
steps: [{setWeight: 25}, {pause: {duration: 1s}}, {setWeight: 60}, {pause: {duration: 1s}}]`;

const declarations = (url: string) => `apiVersion: sluice.dev/v1alpha1
kind: MetricProvider
metadata: {name: default}
spec: {type: prometheus, address: "${url}"}
---
apiVersion: sluice.dev/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate}
spec:
  metrics:
  - name: success-rate
    interval: 1s
    threshold: {min: 0.95}
    failureLimit: 1
    provider: {prometheus: {query: "success_rate{set=\\"{{args.canary-replicaset}}\\"}"}}
`;

let world: OperatorWorld;
let prometheus: Receiver;
let shop: OperatorShop;
/** What the provider answers; down: 503. */
let answer: number | 'down';

beforeEach(async () => {
  prometheus = await aReceiver(response => {
    if (answer === 'down') return void response.writeHead(503).end('starting');
    const sample = { metric: {}, value: [Date.now() / 1000, String(answer)] };
    const body = { status: 'success', data: { resultType: 'vector', result: [sample] } };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  world = await OperatorWorld.start(true);
  await world.startOperator();
  await world.apply(declarations(prometheus.url));
  shop = new OperatorShop(world, STRATEGY);
  await shop.open();
});
afterEach(async () => {
  await world.stop();
  prometheus.close();
});

describe('an analysis beside the steps', () => {
  it('lets good samples pass, and asks about the canary alone', async () => {
    answer = 0.99;
    await shop.deploy('shop:1.1.0');
    await shop.until('it is promoted', status => status.phase === 'Healthy' && status.stable?.revision === 2);
    expect(prometheus.received.length).toBeGreaterThan(0);
    const asked = prometheus.received.map(({ path, body }) =>
      decodeURIComponent(`${path}${body}`).replaceAll('+', ' '),
    );
    const { items } = await world.client.list(TYPES.replicaSets, { namespace: NAMESPACE });
    const canary = items.find(set => set.metadata.annotations?.['sluice.dev/revision'] === '2')?.metadata.name;
    for (const question of asked) expect(question).toContain(`success_rate{set="${canary}"}`);
  });

  it('reverts on failing samples, and keeps the evidence', async () => {
    answer = 0.42;
    await shop.deploy('shop:1.1.0');
    await shop.until('it is aborted', status => status.phase === 'Aborted');
    await shop.untilWeight(0);
    const { abort, stable } = await shop.status();
    expect(stable?.revision).toBe(1);
    expect(abort).toMatchObject({ cause: 'AnalysisFailed', evidence: { metric: 'success-rate', measured: '0.42' } });
    const { items } = await world.client.list(TYPES.analysisRuns, { namespace: NAMESPACE });
    expect(items.map(run => (run['status'] as { phase: string }).phase)).toEqual(['Failed']);
  });

  it('holds while the provider is down, says so, and goes on when it is back', async () => {
    answer = 'down';
    await shop.deploy('shop:1.1.0');
    await shop.until('it says so', status => status.display?.reason === 'ProviderError');
    await sleep(2_500);
    expect(await shop.weight()).toBe(25);
    const { phase, display } = await shop.status();
    expect(phase).not.toBe('Aborted');
    expect(display?.reason).toBe('ProviderError');
    answer = 0.99;
    await shop.until('it is promoted', status => status.phase === 'Healthy' && status.stable?.revision === 2);
  });
});
