import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import type { MetricProviderSpec } from '../../src/api/metric-provider.ts';
import { createPrometheusProvider } from '../../src/providers/prometheus.ts';
import { selfSignedCertificate } from '../support/fault-certificate.ts';

const OK = JSON.stringify({ status: 'success', data: { resultType: 'scalar', result: [1767225600, '1'] } });
const server = selfSignedCertificate();
const client = selfSignedCertificate();
const open: { close(): void }[] = [];
afterEach(() => {
  for (const it of open.splice(0)) it.close();
});

async function aTlsServer(): Promise<{ port: number; seen: { servername: unknown; authorized: boolean }[] }> {
  const seen: { servername: unknown; authorized: boolean }[] = [];
  const options = { ...server, ca: client.cert, requestCert: true, rejectUnauthorized: false };
  const https = createServer(options, (request, response) => {
    const socket = request.socket as TLSSocket & { servername?: unknown };
    seen.push({ servername: socket.servername, authorized: socket.authorized });
    response.end(OK);
  });
  await new Promise<void>(resolve => https.listen(0, '127.0.0.1', resolve));
  open.push({
    close: () => {
      https.closeAllConnections();
      https.close();
    },
  });
  return { port: (https.address() as AddressInfo).port, seen };
}

async function sample(address: string, tls: MetricProviderSpec['tls'], secrets: Record<string, string> = {}) {
  const spec: MetricProviderSpec = { type: 'prometheus', address, ...(tls === undefined ? {} : { tls }) };
  const readSecret = async ({ key }: { key: string }) => secrets[key] ?? '';
  const provider = createPrometheusProvider({ spec, readSecret, now: () => 1767225600_000 });
  open.push(provider);
  return await provider.sample({ query: '1' }, new AbortController().signal);
}

const ref = (key: string) => ({ name: 'tls', key });

test('a certificate of an unknown authority is a mistake in the MetricProvider, not a measurement', async () => {
  const { port, seen } = await aTlsServer();
  expect(await sample(`https://localhost:${port}`, undefined)).toMatchObject({
    kind: 'ConfigError',
    message: expect.stringContaining('not trusted'),
  });
  expect(seen).toEqual([]);
});

test('the authority, the client certificate and the server name of the MetricProvider are used', async () => {
  const { port, seen } = await aTlsServer();
  const tls = {
    caSecretRef: ref('ca'),
    clientCertSecretRef: ref('cert'),
    clientKeySecretRef: ref('key'),
    serverName: 'localhost',
  };
  const secrets = { ca: server.cert, cert: client.cert, key: client.key };
  expect(await sample(`https://127.0.0.1:${port}`, tls, secrets)).toMatchObject({ kind: 'Value', result: 1 });
  expect(seen).toEqual([{ servername: 'localhost', authorized: true }]);
});

test('a certificate for another name is refused', async () => {
  const { port } = await aTlsServer();
  const tls = { caSecretRef: ref('ca'), serverName: 'prometheus.example' };
  expect(await sample(`https://127.0.0.1:${port}`, tls, { ca: server.cert })).toMatchObject({ kind: 'ConfigError' });
});
