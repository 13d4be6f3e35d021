import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubeClient } from '../../src/kube/client.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { staticClusterConfig } from '../../src/kube/config.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { Transport } from '../../src/kube/transport.ts';
import { type Caches, createCaches } from '../../src/operator/caches.ts';
import { ProviderPool } from '../../src/operator/provider-pool.ts';
import { RESOURCES } from '../../src/operator/resources.ts';
import { SecretReader } from '../../src/operator/secrets.ts';
import { eventually } from '../support/eventually.ts';
import { FaultServer } from '../support/fault-server.ts';

const OK = JSON.stringify({
  status: 'success',
  data: { resultType: 'vector', result: [{ metric: {}, value: [Date.now() / 1000, '1'] }] },
});

let server: Server;
let open: Set<Socket>;
let caches: Caches;
let pool: ProviderPool;

beforeEach(async () => {
  open = new Set();
  server = createServer((_request, response) => void response.end(OK));
  server.keepAliveTimeout = 600_000;
  server.on('connection', socket => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const transport = new Transport({ config: staticClusterConfig({ server: 'http://127.0.0.1:1' }) });
  const client = new KubeClient({ transport, fieldManager: 'test' });
  caches = createCaches({ client });
  pool = new ProviderPool(caches.metricProviders, new SecretReader(client), 'sluice-system', systemClock);
});
afterEach(async () => {
  pool.close();
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
});

function declare(type: 'ADDED' | 'MODIFIED' | 'DELETED', generation: number, spec: object = {}): void {
  const { port } = server.address() as AddressInfo;
  const object: KubeObject = {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'MetricProvider',
    metadata: { name: 'default', uid: 'provider-uid', generation, resourceVersion: String(generation) },
    spec: { type: 'prometheus', address: `http://127.0.0.1:${port}`, ...spec },
  };
  caches.metricProviders.store.applyEvent(type, object);
}

async function ask(): Promise<string> {
  const provider = pool.get('default', 'shop');
  if (!('sample' in provider)) return provider.kind;
  return (await provider.sample({ query: 'up' }, new AbortController().signal)).kind;
}

describe('connections to a metric source', () => {
  it('are kept between questions', async () => {
    declare('ADDED', 1);
    expect([await ask(), await ask(), open.size]).toEqual(['Value', 'Value', 1]);
  });

  it('are closed when its MetricProvider is deleted, and opened anew for one that comes back', async () => {
    declare('ADDED', 1);
    expect(await ask()).toBe('Value');
    declare('DELETED', 2);
    await eventually('they are closed', () => open.size === 0);
    expect(await ask()).toBe('ProviderError');
    declare('ADDED', 3);
    expect([await ask(), open.size]).toEqual(['Value', 1]);
  });

  it('are closed when its MetricProvider is no longer valid', async () => {
    declare('ADDED', 1);
    expect(await ask()).toBe('Value');
    declare('MODIFIED', 2, { address: 17 });
    expect([await ask(), await ask()]).toEqual(['ConfigError', 'ConfigError']);
    await eventually('they are closed', () => open.size === 0);
    declare('MODIFIED', 3);
    expect(await ask()).toBe('Value');
  });
});

it.each([
  ['is closed to the namespace', { namespaces: ['elsewhere'] }],
  ['cannot be read', { address: 17 }],
  ['has a header that HTTP does not allow', { headers: { 'x token': 'a' } }],
])('a MetricProvider that %s is its own mistake, not that of the metric', async (_what, spec) => {
  declare('ADDED', 1, spec);
  const provider = pool.get('default', 'shop');
  const sample = 'sample' in provider ? await provider.sample({ query: 'up' }, new AbortController().signal) : provider;
  expect(sample).toMatchObject({ kind: 'ConfigError', ofProvider: true });
});

it('credentials that the source refuses are read anew for the next question, others are kept', async () => {
  const api = await FaultServer.start([RESOURCES.secrets]);
  const secret = (token: string) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'prom', namespace: 'sluice-system' },
    data: { token: Buffer.from(token).toString('base64') },
  });
  const { objects } = api.of(RESOURCES.secrets);
  api.of(RESOURCES.secrets).create(secret('old'));
  let accepted = 'old';
  server.removeAllListeners('request');
  server.on('request', ({ headers }: IncomingMessage, response: ServerResponse) => {
    response.writeHead(headers.authorization === `Bearer ${accepted}` ? 200 : 401).end(OK);
  });
  const transport = new Transport({ config: staticClusterConfig({ server: api.url }) });
  const client = new KubeClient({ transport, fieldManager: 'test' });
  pool = new ProviderPool(caches.metricProviders, new SecretReader(client), 'sluice-system', systemClock);
  declare('ADDED', 1, { auth: { bearer: { tokenSecretRef: { name: 'prom', key: 'token' } } } });
  expect([await ask(), await ask(), api.seen('get').length]).toEqual(['Value', 'Value', 1]);
  objects.delete('sluice-system/prom');
  api.of(RESOURCES.secrets).create(secret('new'));
  accepted = 'new';
  expect([await ask(), await ask(), api.seen('get').length]).toEqual(['ProviderError', 'Value', 2]);
  transport.close();
  await api.close();
});

it('credentials that cannot be read are told with the reason', async () => {
  declare('ADDED', 1, { auth: { bearer: { tokenSecretRef: { name: 'prom', key: 'token' } } } });
  const provider = pool.get('default', 'shop');
  const sample = 'sample' in provider ? await provider.sample({ query: 'up' }, new AbortController().signal) : provider;
  const message = 'Secret sluice-system/prom could not be read now (ECONNREFUSED)';
  expect(sample).toEqual({ kind: 'ProviderError', retryable: true, message });
});
