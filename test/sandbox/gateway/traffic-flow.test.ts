import { expect, test } from 'vitest';
import { GATEWAYS, HTTP_ROUTES } from '../../../src/sandbox/gateway/gateway-types.ts';
import { SandboxGateway } from '../../../src/sandbox/gateway/sandbox-gateway.ts';
import { LoadGenerator } from '../../../src/sandbox/load/load-generator.ts';
import { startMetrics } from '../../../src/sandbox/metrics/metrics-backend.ts';
import { eventually } from '../../support/eventually.ts';
import { seeded, startCluster } from '../workloads/sandbox-fixture.ts';

test('load through the gateway shows in the metrics as what the image tags say', async () => {
  const cluster = await startCluster();
  const { config, network, client } = cluster;
  const gateway = new SandboxGateway({ config, network, random: seeded(11) });
  await gateway.start();
  const metrics = await startMetrics({
    config,
    network,
    gatewayUrl: gateway.url,
    scrapeIntervalMs: 100,
    prometheus: 'embedded',
  });
  const load = new LoadGenerator({ url: `${gateway.url}/`, requestsPerSecond: 150 });
  const number = async (query: string) => {
    const response = await fetch(`${metrics.url}/api/v1/query?${new URLSearchParams({ query })}`);
    const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
    return Number(data.result[0]?.value[1] ?? Number.NaN);
  };
  try {
    const apiVersion = 'gateway.networking.k8s.io/v1';
    for (const [name, image] of [
      ['good', 'shop:1'],
      ['bad', 'shop:2-err20'],
    ] as const) {
      await cluster.createReplicaSet(name, image, 2);
      await cluster.createService(name, { app: name });
    }
    const listeners = [{ name: 'http', port: 80, protocol: 'HTTP' }];
    await client.create(GATEWAYS, {
      apiVersion,
      kind: 'Gateway',
      metadata: { name: 'web', namespace: 'default' },
      spec: { gatewayClassName: 'sandbox', listeners },
    });
    const backendRefs = ['good', 'bad'].map(name => ({ name, port: 80, weight: 50 }));
    await client.create(HTTP_ROUTES, {
      apiVersion,
      kind: 'HTTPRoute',
      metadata: { name: 'shop', namespace: 'default' },
      spec: { parentRefs: [{ name: 'web' }], rules: [{ backendRefs }] },
    });
    for (const name of ['good', 'bad']) {
      await eventually(`${name} is ready`, async () => (await cluster.replicaSet(name)).status?.readyReplicas === 2);
    }
    load.start();
    await eventually('300 requests', () => load.totals().total >= 300);
    const errors =
      'sum(rate(http_requests_total{app="bad",code=~"5.."}[1m])) / sum(rate(http_requests_total{app="bad"}[1m]))';
    await eventually('the error rate is about 20 %', async () => Math.abs((await number(errors)) - 0.2) < 0.05);
    expect(await number('sum(rate(http_requests_total{app="good",code=~"5.."}[1m])) or vector(0)')).toBe(0);
    const share = 'sum(gateway_requests_total{backend="bad"}) / sum(gateway_requests_total{backend!=""})';
    expect(Math.abs((await number(share)) - 0.5)).toBeLessThan(0.12);
    const byImage = load.lastSeconds(60).flatMap(second => Object.keys(second.byImage));
    expect(new Set(byImage)).toEqual(new Set(['shop:1', 'shop:2-err20']));
  } finally {
    await load.stop();
    await metrics.stop();
    await gateway.stop();
    await cluster.stop();
  }
});
