import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { HttpRoute } from '../../../src/sandbox/gateway/gateway-objects.ts';
import { GATEWAYS, HTTP_ROUTES } from '../../../src/sandbox/gateway/gateway-types.ts';
import { SandboxGateway } from '../../../src/sandbox/gateway/sandbox-gateway.ts';
import { SERVICES } from '../../../src/sandbox/workloads/workload-types.ts';
import { eventually } from '../../support/eventually.ts';
import { seeded, startCluster } from '../workloads/sandbox-fixture.ts';

let cluster: Awaited<ReturnType<typeof startCluster>>;
let gateway: SandboxGateway;
const place = { namespace: 'default', name: 'shop' };

beforeEach(async () => {
  cluster = await startCluster({ drainMs: 300 });
  gateway = new SandboxGateway({ config: cluster.config, network: cluster.network, random: seeded(7) });
  await gateway.start();
  await cluster.client.create(GATEWAYS, {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'web', namespace: 'default' },
    spec: { gatewayClassName: 'sandbox', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
  });
});
afterEach(async () => {
  await gateway.stop();
  await cluster.stop();
});

const createRoute = (rules: readonly unknown[], parentRefs: readonly unknown[] = [{ name: 'web' }]) =>
  cluster.client.create(HTTP_ROUTES, {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: place,
    spec: { parentRefs, rules },
  });
const setRules = (rules: readonly unknown[]) =>
  cluster.client.patch(HTTP_ROUTES, place, { kind: 'merge', body: { spec: { rules } } });
const split = (stable: number, canary: number) => [
  {
    backendRefs: [
      { name: 'stable', port: 80, weight: stable },
      { name: 'canary', port: 80, weight: canary },
    ],
  },
];
const parents = async () => ((await cluster.client.get(HTTP_ROUTES, place)) as HttpRoute).status?.parents ?? [];
const condition = async (type: string) => (await parents())[0]?.conditions.find(one => one.type === type);
const get = (path = '/', headers: Record<string, string> = {}) => fetch(`${gateway.url}${path}`, { headers });

/** How many of `count` requests each image (or code) answered. */
async function answers(count: number): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  for (let n = 0; n < count; n += 1) {
    const response = await get();
    await response.text();
    const who = response.headers.get('x-sluice-image') ?? String(response.status);
    seen[who] = (seen[who] ?? 0) + 1;
  }
  return seen;
}

async function startTwoVersions(): Promise<void> {
  await cluster.createReplicaSet('stable', 'shop:1', 2);
  await cluster.createReplicaSet('canary', 'shop:2', 1);
  await cluster.createService('stable', { app: 'stable' });
  await cluster.createService('canary', { app: 'canary' });
  const ready = async () =>
    (await cluster.slices()).flatMap(slice => slice.endpoints ?? []).filter(one => one.conditions?.ready).length;
  await eventually('3 endpoints are ready', async () => (await ready()) === 3);
}

describe('the gateway of the sandbox', () => {
  test('it splits requests by weight and follows a change', async () => {
    await startTwoVersions();
    await createRoute(split(80, 20));
    await eventually('the route serves', async () => (await get()).status === 200);
    const first = await answers(200);
    expect(first['shop:2']).toBeGreaterThan(20);
    expect(first['shop:2']).toBeLessThan(65);
    expect((first['shop:1'] ?? 0) + (first['shop:2'] ?? 0)).toBe(200);
    await setRules(split(100, 0));
    await eventually('the canary gets nothing', async () => (await answers(20))['shop:2'] === undefined);
    expect(await answers(50)).toEqual({ 'shop:1': 50 });
    expect(gateway.metrics.text()).toMatch(
      /gateway_requests_total\{route="default\/shop",backend="canary",code="200"\} \d+/,
    );
  });

  test('a backend without ready pods gets 503 for its share, one that does not exist 500', async () => {
    await startTwoVersions();
    await cluster.scale('canary', 0);
    await eventually('its pods are gone', async () => (await cluster.pods('canary')).length === 0);
    await createRoute(split(50, 50));
    await eventually('the route serves', async () => (await get()).status === 200);
    const seen = await answers(100);
    expect(seen['503']).toBeGreaterThan(25);
    expect(seen['shop:1']).toBeGreaterThan(25);
    await setRules([{ backendRefs: [{ name: 'nothing', port: 80 }] }]);
    await eventually('500 for all', async () => (await get()).status === 500);
    expect(await condition('ResolvedRefs')).toMatchObject({ status: 'False', reason: 'BackendNotFound' });
    expect(await condition('Accepted')).toMatchObject({ status: 'True' });
  });

  test('the status of a route follows its generation and its Services', async () => {
    await createRoute(split(100, 0));
    await eventually('refs are judged', async () => (await condition('ResolvedRefs'))?.status === 'False');
    await startTwoVersions();
    await eventually('refs resolve', async () => (await condition('ResolvedRefs'))?.status === 'True');
    const { generation } = (await setRules(split(90, 10))).metadata;
    await eventually('observed', async () => (await condition('Accepted'))?.observedGeneration === generation);
    await cluster.client.delete(SERVICES, { namespace: 'default', name: 'canary' });
    await eventually('refs break', async () => (await condition('ResolvedRefs'))?.reason === 'BackendNotFound');
    const web = await cluster.client.get(GATEWAYS, { namespace: 'default', name: 'web' });
    expect(web.status).toMatchObject({ listeners: [{ name: 'http', attachedRoutes: 1 }] });
  });

  test('rules match by path and header, the more specific one first; without a match it is 404', async () => {
    await startTwoVersions();
    const rule = (name: string, match: unknown) => ({ matches: [match], backendRefs: [{ name, port: 80 }] });
    await createRoute([
      rule('stable', { path: { type: 'PathPrefix', value: '/shop' } }),
      rule('canary', { path: { type: 'PathPrefix', value: '/shop' }, headers: [{ name: 'X-Tester', value: '1' }] }),
      rule('canary', { path: { type: 'Exact', value: '/shop/new' } }),
    ]);
    const image = async (path: string, headers = {}) => (await get(path, headers)).headers.get('x-sluice-image');
    await eventually('the route serves', async () => (await get('/shop')).status === 200);
    expect(await image('/shop/cart?x=1')).toBe('shop:1');
    expect(await image('/shop', { 'x-tester': '1' })).toBe('shop:2');
    expect(await image('/shop/new')).toBe('shop:2');
    expect((await get('/shopping')).status).toBe(404);
    expect((await get('/')).status).toBe(404);
  });

  test('no request is lost while pods are replaced', async () => {
    await startTwoVersions();
    await createRoute(split(100, 0));
    await eventually('the route serves', async () => (await get()).status === 200);
    await cluster.scale('stable', 4);
    await eventually('4 pods', async () => (await cluster.replicaSet('stable')).status?.readyReplicas === 4);
    await cluster.scale('stable', 1);
    const codes = new Set<number>();
    const gone = async () => (await cluster.pods('stable')).length === 1;
    await eventually('1 pod is left', async () => {
      const responses = await Promise.all(Array.from({ length: 5 }, () => get()));
      for (const response of responses) codes.add(response.status);
      return gone();
    });
    expect([...codes]).toEqual([200]);
  });

  test('headers are changed, requests mirrored, and slow answers cut off as a rule says', async () => {
    await startTwoVersions();
    await cluster.createReplicaSet('slow', 'shop:3-slow2s', 1);
    await cluster.createService('slow', { app: 'slow' });
    const backendRefs = [{ name: 'stable', port: 80 }];
    const responseHeaderModifier = { set: [{ name: 'X-Via', value: 'sandbox' }], remove: ['x-sluice-pod'] };
    const requestMirror = { backendRef: { name: 'canary', port: 80 } };
    await createRoute([
      {
        filters: [
          { type: 'ResponseHeaderModifier', responseHeaderModifier },
          { type: 'RequestMirror', requestMirror },
        ],
        backendRefs,
      },
      {
        matches: [{ path: { value: '/slow' } }],
        timeouts: { request: '100ms' },
        backendRefs: [{ name: 'slow', port: 80 }],
      },
    ]);
    await eventually('the route serves', async () => (await get()).status === 200);
    const response = await get();
    expect(response.headers.get('x-via')).toBe('sandbox');
    expect(response.headers.get('x-sluice-pod')).toBeNull();
    expect(response.headers.get('x-sluice-image')).toBe('shop:1');
    const place = cluster.network.resolve((await cluster.pods('canary'))[0]?.status?.podIP ?? '');
    await eventually('the canary saw the mirrored requests', async () => {
      const metrics = await (await fetch(`http://${place?.host}:${place?.port}/metrics`)).text();
      return /http_requests_total\{code="200",method="GET"\} [1-9]/.test(metrics);
    });
    await eventually(
      'the slow one is ready',
      async () => (await cluster.replicaSet('slow')).status?.readyReplicas === 1,
    );
    await eventually('it is cut off', async () => (await get('/slow')).status === 504);
  });

  test('a route of another Gateway is left alone, an unknown filter is not accepted', async () => {
    await startTwoVersions();
    await createRoute(split(100, 0), [{ name: 'elsewhere' }]);
    const body = {
      spec: { parentRefs: [{ name: 'web' }], rules: [{ filters: [{ type: 'URLRewrite', urlRewrite: {} }] }] },
    };
    await new Promise(resolve => setTimeout(resolve, 100));
    expect(await parents()).toEqual([]);
    expect((await get()).status).toBe(404);
    await cluster.client.patch(HTTP_ROUTES, place, { kind: 'merge', body });
    await eventually('refused', async () => (await condition('Accepted'))?.reason === 'UnsupportedValue');
  });
});
