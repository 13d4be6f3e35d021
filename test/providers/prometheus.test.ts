import { getEventListeners } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, test, vi } from 'vitest';
import type { MetricProviderSpec, SecretKey } from '../../src/api/metric-provider.ts';
import type { MetricProvider } from '../../src/providers/metric-provider.ts';
import { createPrometheusProvider, type RenderedPrometheusQuery } from '../../src/providers/prometheus.ts';

const NOW = 1767225600_000;
const OK = JSON.stringify({
  status: 'success',
  data: { resultType: 'vector', result: [{ metric: {}, value: [NOW / 1000, '0.99'] }] },
});

interface Seen {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly port: number | undefined;
}

const open: { close(): void }[] = [];
afterEach(() => {
  for (const it of open.splice(0)) it.close();
});

async function aServer(
  answer: (response: ServerResponse, seen: Seen) => void,
): Promise<{ address: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://localhost');
      const body = Buffer.concat(chunks).toString();
      const one = {
        method: request.method ?? '',
        url,
        headers: request.headers,
        body,
        port: request.socket.remotePort,
      };
      seen.push(one);
      answer(response, one);
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  open.push({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

function aProvider(
  spec: Partial<MetricProviderSpec> & { address: string },
  readSecret: (ref: SecretKey) => Promise<string> = () => Promise.reject(new Error('no secrets here')),
): MetricProvider<RenderedPrometheusQuery> {
  const provider = createPrometheusProvider({ spec: { type: 'prometheus', ...spec }, readSecret, now: () => NOW });
  open.push(provider);
  return provider;
}

const never = new AbortController().signal;

test('a short query goes into the address, with path prefix and query parameters', async () => {
  const { address, seen } = await aServer(response => response.end(OK));
  const provider = aProvider({ address: `${address}/prometheus/`, queryParameters: { dedup: 'true' } });
  expect(await provider.sample({ query: 'up{a="b&c"}' }, never)).toEqual({
    kind: 'Value',
    result: [0.99],
    observedAt: NOW,
  });
  const [{ method, url } = {} as Seen] = seen;
  expect([method, url.pathname]).toEqual(['GET', '/prometheus/api/v1/query']);
  expect(Object.fromEntries(url.searchParams)).toEqual({ query: 'up{a="b&c"}', dedup: 'true' });
});

test('a long query goes into the body', async () => {
  const { address, seen } = await aServer(response => response.end(OK));
  const query = `up{a=~"${'x|'.repeat(2000)}y"}`;
  await aProvider({ address }).sample({ query }, never);
  expect(seen[0]?.method).toBe('POST');
  expect(seen[0]?.headers['content-type']).toBe('application/x-www-form-urlencoded');
  expect(new URLSearchParams(seen[0]?.body).get('query')).toBe(query);
});

test('a query that was answered leaves nothing behind until its timeout', async () => {
  const { address } = await aServer(response => response.end(OK));
  const set = vi.spyOn(globalThis, 'setTimeout');
  const cleared = vi.spyOn(globalThis, 'clearTimeout');
  await aProvider({ address }).sample({ query: 'up', timeout: '500h' }, never);
  const at = set.mock.calls.findIndex(([, ms]) => ms === 500 * 3_600_000);
  expect(cleared.mock.calls.flat()).toContain(set.mock.results[at]?.value);
  expect(getEventListeners(never, 'abort')).toEqual([]);
  vi.restoreAllMocks();
});

test('an instant query is of now by the clock of the provider: that of the operator may be an hour behind', async () => {
  const { address, seen } = await aServer(response => response.end(OK));
  for (const query of ['up', `up{a=~"${'x|'.repeat(2000)}y"}`]) await aProvider({ address }).sample({ query }, never);
  const asked = seen.map(({ url, body }) => [...url.searchParams.keys(), ...new URLSearchParams(body).keys()]);
  expect(asked).toEqual([['query'], ['query']]);
});

test('a range query asks for start, end and step', async () => {
  const { address, seen } = await aServer(response => response.end(OK));
  await aProvider({ address }).sample({ query: 'up', rangeQuery: { lookback: '5m', step: '30s' } }, never);
  expect(seen[0]?.url.pathname).toBe('/api/v1/query_range');
  expect(Object.fromEntries(seen[0]?.url.searchParams ?? [])).toEqual({
    query: 'up',
    start: '1767225300',
    end: '1767225600',
    step: '30',
  });
});

test('the newest point of a range is of now also where steps do not fill the lookback', async () => {
  const { address, seen } = await aServer(response => response.end(OK));
  const ranges = [
    { lookback: '100s', step: '30s' },
    { lookback: '10s', step: '1m' },
    { lookback: '1.5s', step: '0.3s' },
  ];
  for (const rangeQuery of ranges) await aProvider({ address }).sample({ query: 'up', rangeQuery }, never);
  const asked = seen.map(({ url }) => ['start', 'end', 'step'].map(name => url.searchParams.get(name)));
  expect(asked).toEqual([
    ['1767225510', '1767225600', '30'],
    ['1767225600', '1767225600', '60'],
    ['1767225598.5', '1767225600', '0.3'],
  ]);
});

test('headers, secret headers, tenant, bearer and basic credentials are sent; line breaks of Secrets are not', async () => {
  const { address, seen } = await aServer(response => response.end(OK));
  const secrets: Record<string, string> = { token: 't0ken\n', pass: 'pässword', key: 'k3y' };
  const readSecret = async ({ key }: SecretKey) => secrets[key] ?? '';
  const ref = (key: string) => ({ name: 's', key });
  await aProvider(
    {
      address,
      headers: { 'X-Plain': '1' },
      secretHeaders: [{ name: 'X-Key', secretKeyRef: ref('key') }],
      tenant: 'team-a',
      auth: { bearer: { tokenSecretRef: ref('token') } },
    },
    readSecret,
  ).sample({ query: 'up' }, never);
  await aProvider({ address, auth: { basic: { username: 'u', passwordSecretRef: ref('pass') } } }, readSecret).sample(
    { query: 'up' },
    never,
  );
  expect(seen[0]?.headers).toMatchObject({
    'x-plain': '1',
    'x-key': 'k3y',
    'x-scope-orgid': 'team-a',
    authorization: 'Bearer t0ken',
  });
  expect(seen[1]?.headers.authorization).toBe(`Basic ${Buffer.from('u:pässword').toString('base64')}`);
});

test('an unreadable Secret is an outage that names it, not a failed check', async () => {
  const { address, seen } = await aServer(response => response.end(OK));
  const auth = { bearer: { tokenSecretRef: { name: 'prom', key: 'token' } } };
  const sample = await aProvider({ address, auth }).sample({ query: 'up' }, never);
  expect(sample).toMatchObject({
    kind: 'ProviderError',
    retryable: true,
    message: expect.stringContaining('Secret prom'),
  });
  expect(seen).toEqual([]);
});

test('one connection serves many queries', async () => {
  const { address, seen } = await aServer(response => response.end(OK));
  const provider = aProvider({ address });
  for (let i = 0; i < 5; i++) await provider.sample({ query: 'up' }, never);
  expect(new Set(seen.map(({ port }) => port)).size).toBe(1);
});

test('a body that drips for ever ends at the timeout of the query', async () => {
  const { address } = await aServer(response => {
    response.write('{"status":');
    const drip = setInterval(() => response.write(' '), 20);
    response.on('close', () => clearInterval(drip));
  });
  const sample = await aProvider({ address, timeout: '60s' }).sample({ query: 'up', timeout: '300ms' }, never);
  expect(sample).toMatchObject({ kind: 'ProviderError', retryable: true, message: expect.stringContaining('0.3s') });
});

test.each(['0.5ms', '16.1s', '600h', '1200h', '87600h', 31_536_000])(
  'a timeout of half a millisecond or of a year is an answer, not a throw (%s)',
  async timeout => {
    const { address } = await aServer(response => void setTimeout(() => response.end(OK), 20));
    const sample = await aProvider({ address, timeout }).sample({ query: 'up' }, never);
    expect(sample).toMatchObject(timeout === '0.5ms' ? { kind: 'ProviderError', retryable: true } : { kind: 'Value' });
  },
);

test('a cancelled query ends at once and is no verdict', async () => {
  const { address } = await aServer(() => undefined);
  const cancel = new AbortController();
  setTimeout(() => cancel.abort(), 50);
  expect(await aProvider({ address }).sample({ query: 'up' }, cancel.signal)).toMatchObject({
    kind: 'ProviderError',
    retryable: true,
    message: 'the query was cancelled',
  });
});

test.each(['plain', 'gzip'])('a body of 50 MB (%s) is not read to its end', async encoding => {
  let sent = 0;
  const { address } = await aServer(response => {
    response.on('error', () => undefined);
    if (encoding === 'gzip') {
      response.setHeader('content-encoding', 'gzip');
      response.end(gzipSync(Buffer.alloc(50 * 1024 * 1024, ' ')));
      return;
    }
    const chunk = Buffer.alloc(256 * 1024, ' ');
    const more = () => {
      while (sent < 50 * 1024 * 1024 && !response.destroyed) {
        sent += chunk.length;
        if (!response.write(chunk)) {
          response.once('drain', more);
          return;
        }
      }
      response.end();
    };
    more();
  });
  const sample = await aProvider({ address }).sample({ query: 'up' }, never);
  expect(sample).toMatchObject({ kind: 'ConfigError', message: expect.stringContaining('10 MB') });
  expect(sent).toBeLessThan(50 * 1024 * 1024);
});

test('a redirect to another host is refused and the other host never sees the token', async () => {
  const other = await aServer(response => response.end(OK));
  const { address } = await aServer(response => response.writeHead(302, { location: `${other.address}/steal` }).end());
  const auth = { bearer: { tokenSecretRef: { name: 's', key: 'k' } } };
  const sample = await aProvider({ address, auth }, async () => 't0ken').sample({ query: 'up' }, never);
  expect(sample).toMatchObject({ kind: 'ConfigError', message: expect.stringContaining('redirect') });
  expect(other.seen).toEqual([]);
});

test('a token that the server echoes in its error does not come back', async () => {
  const { address } = await aServer((response, { headers }) => {
    response.writeHead(400);
    response.end(JSON.stringify({ status: 'error', errorType: 'bad_data', error: `got ${headers.authorization}` }));
  });
  const auth = { bearer: { tokenSecretRef: { name: 's', key: 'k' } } };
  const sample = await aProvider({ address, auth }, async () => 't0ken').sample({ query: 'up' }, never);
  expect(JSON.stringify(sample)).toContain('Bearer ***');
});

test('a port where nobody listens is an outage', async () => {
  const sample = await aProvider({ address: 'http://127.0.0.1:1' }).sample({ query: 'up' }, never);
  expect(sample).toMatchObject({ kind: 'ProviderError', retryable: true, message: expect.stringContaining('refused') });
});

test('a server that hangs up in the middle is an outage', async () => {
  const { address } = await aServer(response => {
    response.write('{"status"');
    setTimeout(() => response.destroy(), 20);
  });
  expect(await aProvider({ address }).sample({ query: 'up' }, never)).toMatchObject({
    kind: 'ProviderError',
    retryable: true,
  });
});

test('a kept connection that is closed in the moment in which it is taken says nothing: the query is sent again', async () => {
  const perPort = new Map<number | undefined, number>();
  const { address, seen } = await aServer((response, { port }) => {
    const before = perPort.get(port) ?? 0;
    perPort.set(port, before + 1);
    if (before === 0) response.end(OK);
    else response.socket?.resetAndDestroy();
  });
  const provider = aProvider({ address });
  for (let measurement = 0; measurement < 3; measurement++)
    expect(await provider.sample({ query: 'up' }, never)).toMatchObject({ kind: 'Value' });
  expect(seen).toHaveLength(5);
});

test('a connection that breaks at its first query is told as what it is', async () => {
  const { address, seen } = await aServer(response => response.socket?.resetAndDestroy());
  const sample = await aProvider({ address }).sample({ query: 'up' }, never);
  expect(sample).toMatchObject({ kind: 'ProviderError', retryable: true });
  expect(seen).toHaveLength(1);
});
