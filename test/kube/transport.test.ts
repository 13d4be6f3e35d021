import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KubeClient } from '../../src/kube/client.ts';
import { type ClusterConfig, staticClusterConfig } from '../../src/kube/config.ts';
import { ApiError } from '../../src/kube/errors.ts';
import { type RequestObservation, Transport } from '../../src/kube/transport.ts';
import { eventually } from '../support/eventually.ts';
import { FaultServer } from '../support/fault-server.ts';
import { clientOf, THINGS, thing } from './kube-fixture.ts';

let server: FaultServer;
let client: KubeClient;
const at = (name: string) => ({ namespace: 'default', name });

beforeEach(async () => {
  server = await FaultServer.start([THINGS]);
  client = clientOf(server);
});

afterEach(async () => {
  client.transport.close();
  await server.close();
});

async function failure(call: Promise<unknown>): Promise<ApiError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ApiError) return error;
  throw new Error(`expected an ApiError, got ${String(error)}`);
}

describe('the end of all writes', () => {
  test('closes the sockets of those under way and lets none begin, but those of the lease; reads go on', async () => {
    const closed: string[] = [];
    const asked: string[] = [];
    const silent = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      if (request.method === 'GET' || request.url === '/lease') return void response.end('{}');
      request.socket.once('close', () => closed.push(`${request.method} ${request.url}`));
    });
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const transport = new Transport({ config: staticClusterConfig({ server: `http://127.0.0.1:${port}` }) });
    try {
      const write = failure(transport.request({ method: 'PUT', path: '/one', body: {} }));
      await eventually('it is under way', () => asked.length === 1);
      expect(transport.endWrites()).toBe(true);
      expect(await write).toMatchObject({ code: 'aborted', mayHaveBeenApplied: true });
      await eventually('its socket is closed', () => closed.join() === 'PUT /one');
      const late = await failure(transport.request({ method: 'POST', path: '/two', body: {} }));
      expect(late).toMatchObject({ code: 'aborted', mayHaveBeenApplied: false });
      await transport.request({ method: 'PUT', path: '/lease', body: {}, bypassGuard: true });
      await transport.request({ method: 'GET', path: '/three' });
      expect(asked).toEqual(['PUT /one', 'PUT /lease', 'GET /three']);
      expect(transport.endWrites()).toBe(false);
    } finally {
      transport.close();
      silent.closeAllConnections();
      silent.close();
    }
  });
});

describe('connections', () => {
  test('many calls share one connection', async () => {
    server.of(THINGS).create(thing('a'));
    for (let n = 0; n < 50; n += 1) await client.get(THINGS, at('a'));
    expect(server.connections).toBe(1);
  });

  test('a read on a stale keep-alive connection is repeated', async () => {
    server.of(THINGS).create(thing('a'));
    await client.get(THINGS, at('a'));
    server.inject({ verb: 'get', action: { kind: 'reset' } });
    expect((await client.get(THINGS, at('a'))).metadata.name).toBe('a');
    expect(server.seen('get')).toHaveLength(3);
  });

  test('a read that is reset on a fresh connection is reported, not repeated', async () => {
    server.inject({ verb: 'get', action: { kind: 'reset' } });
    const error = await failure(client.get(THINGS, at('a')));
    expect(error).toMatchObject({ code: 'transient', status: 0, mayHaveBeenApplied: false });
  });

  test('a write whose reply is lost is not repeated, and says that it may have been applied', async () => {
    server.of(THINGS).create(thing('warm-up'));
    await client.get(THINGS, at('warm-up'));
    server.inject({ verb: 'create', action: { kind: 'applyThenReset' } });
    const error = await failure(client.create(THINGS, thing('a')));
    expect(error).toMatchObject({ code: 'transient', mayHaveBeenApplied: true });
    expect(server.seen('create')).toHaveLength(1);
    expect((await client.find(THINGS, at('a')))?.metadata.name).toBe('a');
  });

  test('a write that found no server was not applied', async () => {
    await server.close();
    const error = await failure(client.create(THINGS, thing('a')));
    expect(error).toMatchObject({ code: 'transient', mayHaveBeenApplied: false });
    server = await FaultServer.start([THINGS]);
  });

  test('a reply that never comes ends at the deadline', async () => {
    server.inject({ verb: 'get', action: { kind: 'silent' } });
    const error = await failure(client.get(THINGS, at('a'), { timeoutMs: 100 }));
    expect(error.code).toBe('transient');
    expect(error.message).toContain('100 ms');
  });

  test('what stands in line for a socket ends at its deadline too, and the lease stands in no line', async () => {
    server.of(THINGS).create(thing('a'));
    server.inject({ verb: 'get', times: 64, action: { kind: 'silent' } });
    const hanging = Array.from({ length: 64 }, () => failure(client.get(THINGS, at('a'), { timeoutMs: 2_000 })));
    await eventually('all sockets are taken', () => server.seen('get').length === 64);
    const begun = performance.now();
    const error = await failure(client.create(THINGS, thing('b'), { timeoutMs: 100 }));
    expect(performance.now() - begun).toBeLessThan(1_500);
    expect(error).toMatchObject({ code: 'transient', mayHaveBeenApplied: false });
    expect((await client.get(THINGS, at('a'), { timeoutMs: 1_000, pool: 'lease' })).metadata.name).toBe('a');
    await Promise.all(hanging);
    expect(server.seen('create')).toEqual([]);
  });

  test('a body that stalls ends at the deadline', async () => {
    server.inject({ verb: 'get', action: { kind: 'raw', text: '{"metadata":', ending: 'hang' } });
    expect((await failure(client.get(THINGS, at('a'), { timeoutMs: 100 }))).code).toBe('transient');
  });

  test('a body that is cut off is an error, not half an object', async () => {
    server.inject({ verb: 'get', action: { kind: 'raw', text: '{"metadata":{}}', ending: 'reset' } });
    expect((await failure(client.get(THINGS, at('a')))).code).toBe('transient');
  });

  test('a 200 with a page of HTML is an error', async () => {
    server.inject({ verb: 'get', action: { kind: 'raw', text: '<html>login</html>', ending: 'end' } });
    expect((await failure(client.get(THINGS, at('a')))).message).toContain('not JSON');
  });

  test('an answer beyond the size limit is refused', async () => {
    const small = clientOf(server, { maxResponseBytes: 1000 });
    server.of(THINGS).create(thing('a', { blob: 'x'.repeat(5000) }));
    expect((await failure(small.get(THINGS, at('a')))).message).toContain('1000 bytes');
  });

  test('a delayed reply within the deadline is waited for', async () => {
    server.of(THINGS).create(thing('a'));
    server.inject({ verb: 'get', action: { kind: 'delay', ms: 100 } });
    expect((await client.get(THINGS, at('a'))).metadata.name).toBe('a');
  });

  test('the caller can give up', async () => {
    server.inject({ verb: 'get', action: { kind: 'silent' } });
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 30);
    expect((await failure(client.get(THINGS, at('a'), { signal: stop.signal }))).code).toBe('aborted');
    expect((await failure(client.get(THINGS, at('a'), { signal: stop.signal }))).code).toBe('aborted');
  });

  test('watches do not take the sockets of requests', async () => {
    const streams = [];
    for (let n = 0; n < 40; n += 1) {
      const path = '/apis/test.example/v1/things';
      streams.push(await client.transport.stream({ method: 'GET', path, query: { watch: true } }));
    }
    expect(await client.isServed(THINGS)).toBe(true);
    for (const stream of streams) stream.message.destroy();
  });
});

describe('what an answer means', () => {
  const table = [
    [409, 'AlreadyExists', 'alreadyExists'],
    [409, 'Conflict', 'conflict'],
    [404, 'NotFound', 'notFound'],
    [410, 'Gone', 'gone'],
    [403, 'Forbidden', 'forbidden'],
    [422, 'Invalid', 'invalid'],
    [400, 'BadRequest', 'invalid'],
    [413, '', 'terminal'],
    [415, 'UnsupportedMediaType', 'terminal'],
    [429, 'TooManyRequests', 'tooManyRequests'],
    [500, 'InternalError', 'transient'],
    [503, 'ServiceUnavailable', 'transient'],
    [504, 'Timeout', 'transient'],
  ] as const;
  for (const [status, reason, code] of table) {
    test(`${status} ${reason} is ${code}`, async () => {
      server.inject({ verb: 'patch', action: { kind: 'status', status, reason, message: 'because' } });
      const error = await failure(client.patch(THINGS, at('a'), { kind: 'merge', body: {} }));
      expect(error).toMatchObject({
        code,
        status,
        verb: 'patch',
        path: '/apis/test.example/v1/namespaces/default/things/a',
      });
      expect(error.message).toContain('because');
    });
  }

  test('Retry-After is read from the header and from the details', async () => {
    server.inject({ action: { kind: 'status', status: 429, headers: { 'retry-after': '7' } } });
    expect((await failure(client.get(THINGS, at('a')))).retryAfterMs).toBe(7000);
    server.inject({ action: { kind: 'status', status: 429, details: { retryAfterSeconds: 3 } } });
    expect((await failure(client.get(THINGS, at('a')))).retryAfterMs).toBe(3000);
  });
});

describe('credentials', () => {
  function rotating(): { config: ClusterConfig; reloads: () => number } {
    let token = 'old';
    let reloads = 0;
    const config: ClusterConfig = {
      server: server.url,
      namespace: 'default',
      requestHeaders: () => Promise.resolve({ authorization: `Bearer ${token}` }),
      tlsOptions: () => Promise.resolve(noTls),
      reload: () => {
        reloads += 1;
        token = 'new';
        return Promise.resolve();
      },
    };
    return { config, reloads: () => reloads };
  }
  const noTls = {};

  test('a rotated token is read again after a 401, once for all who met it, also for writes', async () => {
    const { config, reloads } = rotating();
    const rotated = clientOf(server, { config });
    server.requireToken('old');
    await rotated.create(THINGS, thing('a'));
    server.requireToken('new');
    const calls = [1, 2, 3, 4].map(n => rotated.create(THINGS, thing(`b${n}`)));
    await Promise.all(calls);
    expect(reloads()).toBe(1);
    expect(server.of(THINGS).objects.size).toBe(5);
  });

  test('a login helper that hangs ends at the deadline', async () => {
    const { config } = rotating();
    const hanging = clientOf(server, { config: { ...config, requestHeaders: () => new Promise(() => undefined) } });
    expect((await failure(hanging.get(THINGS, at('a'), { timeoutMs: 50 }))).code).toBe('transient');
  });

  test('a token that stays wrong is an error after one retry', async () => {
    const { config } = rotating();
    server.requireToken('another');
    expect((await failure(clientOf(server, { config }).get(THINGS, at('a')))).code).toBe('unauthorized');
    expect(server.seen('get')).toHaveLength(2);
  });
});

describe('the guard', () => {
  test('refuses writes but not reads, and lets the lease through', async () => {
    const guarded = clientOf(server, { guard: () => false });
    expect((await failure(guarded.create(THINGS, thing('a')))).code).toBe('notLeader');
    expect((await failure(guarded.delete(THINGS, at('a')))).code).toBe('notLeader');
    expect(await guarded.find(THINGS, at('a'))).toBeUndefined();
    await guarded.create(THINGS, thing('lease'), { bypassGuard: true });
    expect(server.requests.map(seen => seen.verb)).toEqual(['get', 'create']);
  });

  test('is asked when the connection stands, not when the call was made', async () => {
    let leader = true;
    const guarded = clientOf(server, { guard: () => leader });
    const writing = failure(guarded.create(THINGS, thing('a')));
    leader = false;
    expect((await writing).code).toBe('notLeader');
    expect(server.seen('create')).toHaveLength(0);
  });
});

test('every request is observed with verb, resource, status and time', async () => {
  const seen: RequestObservation[] = [];
  const observed = clientOf(server, { observe: one => seen.push(one) });
  await observed.create(THINGS, thing('a'));
  await observed.find(THINGS, at('b'));
  server.inject({ verb: 'get', action: { kind: 'reset' } });
  await failure(observed.get(THINGS, at('a'))).catch(() => undefined);
  expect(seen.slice(0, 2).map(({ verb, resource, status }) => [verb, resource, status])).toEqual([
    ['create', 'things.test.example', 201],
    ['get', 'things.test.example', 404],
  ]);
});
