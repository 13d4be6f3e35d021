import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedApiServer } from '../../src/sandbox/apiserver/embedded-api-server.ts';
import { type ApiAccess, ApiClient, type KubeObject } from '../support/control-plane/api-client.ts';
import { eventually } from '../support/eventually.ts';
import { FaultProxy } from '../support/fault-proxy/fault-proxy.ts';
import { type CrashMoment, crashAtWrite, type ProxyFault } from '../support/fault-proxy/proxy-plan.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const isPatch = ({ verb }: { verb: string }) => verb === 'patch';

interface Told {
  readonly type: string;
  readonly object: KubeObject & { readonly data?: Record<string, string>; readonly code?: number };
}

/** A watch and how it ended. */
interface Following {
  readonly told: Told[];
  readonly garbage: string[];
  ended: 'no' | 'closed' | 'broken';
}

describe('the fault proxy', () => {
  let server: EmbeddedApiServer;
  let proxy: FaultProxy;
  let client: ApiClient;
  let behind: ApiClient;
  let access: ApiAccess;

  beforeEach(async () => {
    server = await EmbeddedApiServer.start({ tokens: { secret: 'operator' }, bookmarkIntervalMs: 300 });
    proxy = await FaultProxy.before({ server: server.url });
    const { clusters, users } = JSON.parse(proxy.kubeconfig('operator', 'secret')) as {
      clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }];
      users: [{ user: { token: string } }];
    };
    const { server: url, 'certificate-authority-data': ca } = clusters[0].cluster;
    access = { server: url, token: users[0].user.token, caPem: Buffer.from(ca, 'base64').toString() };
    client = new ApiClient(access, { busyForMs: 0 });
    // A second way in, past the proxy's trace: what is really stored.
    behind = new ApiClient({ ...access, server: (await passage()).url });
  });

  let direct: FaultProxy | undefined;
  const passage = async () => {
    direct = await FaultProxy.before({ server: server.url });
    return direct;
  };

  afterEach(async () => {
    client.close();
    behind.close();
    await proxy.close();
    await direct?.close();
    await server.stop();
  });

  const create = (name: string, value = '0') => client.create(MAPS, { metadata: { name }, data: { value } });
  const set = (name: string, value: string) => client.patch(`${MAPS}/${name}`, 'merge', { data: { value } });
  const stored = async (name: string) => ((await behind.get(`${MAPS}/${name}`)) as Told['object']).data?.['value'];

  const follow = async (resourceVersion = ''): Promise<Following> => {
    const following: Following = { told: [], garbage: [], ended: 'no' };
    const stream = await client.open('GET', `${MAPS}?watch=true&resourceVersion=${resourceVersion}`);
    stream.on('error', () => {
      following.ended = 'broken';
    });
    stream.on('end', () => {
      following.ended = 'closed';
    });
    createInterface({ input: stream })
      .on('line', line => {
        try {
          following.told.push(JSON.parse(line) as Told);
        } catch {
          following.garbage.push(line);
        }
      })
      .on('error', () => undefined);
    return following;
  };
  const listed = async () =>
    (await client.call('GET', MAPS)) as { metadata: { resourceVersion: string }; items: Told['object'][] };
  const shown = ({ told }: Following) =>
    told.map(({ type, object }) => `${type} ${object.metadata?.name} ${object.data?.['value']}`);

  it('writes down what passes, and tells writes that changed something from those that did not', async () => {
    await create('one');
    await set('one', '1');
    await set('one', '1');
    await client.create('/apis/coordination.k8s.io/v1/namespaces/default/leases', {
      metadata: { name: 'not-counted' },
    });
    const writes = proxy.trace.effectiveWrites();
    expect(writes.map(({ request }) => `${request.verb} ${request.plural} ${request.name}`)).toEqual([
      'create configmaps one',
      'patch configmaps one',
    ]);
    expect(proxy.trace.entries.map(({ changed }) => changed)).toEqual([true, true, false, true]);
    const [first, second, third] = proxy.trace.entries;
    expect(second?.resourceVersion).not.toBe(first?.resourceVersion);
    expect(second?.request.digest).toBe(third?.request.digest);
    expect(second).toMatchObject({ relayed: true, status: 200, told: 200 });
  });

  it.each([
    ['before', '0', false],
    ['applied', '1', false],
    ['told', '1', true],
  ] as const)('kills %s the n-th effective write', async (at: CrashMoment, value, answered) => {
    await create('one');
    let killed = 0;
    const armed = proxy.inject(
      crashAtWrite(2, at, () => {
        killed += 1;
      }),
    );
    await set('one', '0');
    expect(killed).toBe(0);
    await create('other');
    const outcome = await set('one', '1').then(
      () => true,
      () => false,
    );
    await eventually('it is killed', () => killed === 1);
    expect(outcome).toBe(answered);
    expect(await stored('one')).toBe(value);
    expect(armed.hits).toBe(1);
    await set('one', '2');
    expect(killed).toBe(1);
  });

  it.each<[string, ProxyFault, string]>([
    ['resets before', { kind: 'reset' }, '0'],
    ['loses the reply of', { kind: 'dropReply' }, '1'],
    ['refuses', { kind: 'status', status: 409 }, '0'],
    ['cuts the reply of', { kind: 'truncate' }, '1'],
  ])('%s one write and lets the next one pass', async (_what, fault, value) => {
    await create('one');
    proxy.inject({ when: isPatch, fault });
    await expect(set('one', '1')).rejects.toThrow();
    expect(await stored('one')).toBe(value);
    await set('one', '2');
    expect(await stored('one')).toBe('2');
  });

  it('answers in the API server’s words, with Retry-After, as often as told and from the n-th request on', async () => {
    await create('one');
    proxy.inject({ when: isPatch, nth: 2, times: 2, fault: { kind: 'status', status: 429, retryAfter: 7 } });
    await set('one', '1');
    const refused = await client.open('PATCH', `${MAPS}/one`, { data: {} }, 'application/merge-patch+json');
    refused.resume();
    expect(refused.statusCode).toBe(429);
    expect(refused.headers['retry-after']).toBe('7');
    await expect(set('one', '2')).rejects.toMatchObject({ status: 429 });
    await set('one', '3');
    expect(await stored('one')).toBe('3');
  });

  it('a test does not fail because the storage of a kind comes up (429 storage is (re)initializing)', async () => {
    const patient = new ApiClient(access);
    try {
      await create('one');
      proxy.inject({ when: () => true, times: 3, fault: { kind: 'status', status: 429, retryAfter: 1 } });
      expect(await patient.list(MAPS)).toHaveLength(1);
    } finally {
      patient.close();
    }
  });

  it('says nothing until it is over, delays, and rewrites', async () => {
    await create('one');
    proxy.inject({ when: isPatch, fault: { kind: 'silent', applied: true } });
    let answered = false;
    const lost = set('one', '1').then(
      () => {
        answered = true;
      },
      () => undefined,
    );
    await eventually('it is applied', async () => (await stored('one')) === '1');
    expect(answered).toBe(false);
    const silenced = () => proxy.trace.entries.find(({ fault }) => fault === 'silent');
    expect(silenced()?.abandonedAt).toBeUndefined();
    proxy.cutConnections();
    await lost;
    await eventually('the proxy knows that nobody waits any more', () => silenced()?.abandonedAt !== undefined);
    const began = performance.now();
    proxy.inject({ when: isPatch, fault: { kind: 'delayReply', ms: 200 } });
    await set('one', '2');
    expect(performance.now() - began).toBeGreaterThan(190);
    proxy.inject({
      when: ({ verb }) => verb === 'list',
      fault: { kind: 'rewrite', body: text => text.replace('"2"', '"two"') },
    });
    expect((await listed()).items.find(({ metadata }) => metadata.name === 'one')?.data).toEqual({ value: 'two' });
  });

  it('relays a watch line by line, and breaks it in all the ways in which watches break', async () => {
    const { metadata } = await listed();
    const broken = async (how: () => void, after = async () => {}) => {
      const watch = await follow(metadata.resourceVersion);
      await eventually('it is open', () => proxy.watches('configmaps').length === 1);
      how();
      await after();
      await eventually('it is over', () => watch.ended !== 'no');
      await eventually('it is gone', () => proxy.watches().length === 0);
      return watch;
    };
    const relay = () => proxy.watches('configmaps')[0];
    expect((await broken(() => relay()?.cut())).ended).toBe('broken');
    expect((await broken(() => relay()?.end())).ended).toBe('closed');
    expect((await broken(() => relay()?.error(410))).told.at(-1)).toMatchObject({
      type: 'ERROR',
      object: { code: 410 },
    });
    const garbage = await broken(() => {
      relay()?.send('{"type":');
      relay()?.end();
    });
    expect(garbage.garbage).toEqual(['{"type":']);
    const half = await broken(
      () => relay()?.truncateNext(),
      async () => void (await create('late')),
    );
    expect(half.ended).toBe('broken');
    expect(half.told).toEqual([]);
  });

  it('goes silent without closing, and tells all of it afterwards', async () => {
    const watch = await follow((await listed()).metadata.resourceVersion);
    await eventually('it is open', () => proxy.watches().length === 1);
    proxy.watches()[0]?.freeze();
    await create('one');
    await eventually('the proxy heard of it', () => proxy.trace.events.length === 1);
    expect(watch.told).toEqual([]);
    proxy.watches()[0]?.thaw();
    await eventually('all is told', () => shown(watch).includes('ADDED one 0'));
    expect(watch.ended).toBe('no');
  });

  it('hides a state for good when a later one comes, and tells it late when none comes', async () => {
    await create('one');
    const watch = await follow((await listed()).metadata.resourceVersion);
    const hiding = proxy.hide({ when: ({ object }) => object.metadata.name === 'one', nth: 2 });
    for (const value of ['1', '2', '3']) await behind.patch(`${MAPS}/one`, 'merge', { data: { value } });
    await eventually('the last is told', () => watch.told.length === 2);
    expect(shown(watch)).toEqual(['MODIFIED one 1', 'MODIFIED one 3']);
    expect(hiding.state).toBe('hidden');
    expect(proxy.trace.events.map(({ fate }) => fate)).toEqual(['relayed', 'hidden', 'relayed']);

    const late = proxy.hide({ when: ({ object }) => object.metadata.name === 'new', longestMs: 200 });
    await behind.create(MAPS, { metadata: { name: 'new' }, data: { value: '9' } });
    await eventually('it is told late', () => late.state === 'late' && watch.told.length === 3);
    expect(shown(watch).at(-1)).toBe('ADDED new 9');
  });

  it('shows a new object that was hidden as new', async () => {
    const watch = await follow((await listed()).metadata.resourceVersion);
    proxy.hide({ when: () => true });
    await behind.create(MAPS, { metadata: { name: 'new' }, data: { value: '1' } });
    await behind.patch(`${MAPS}/new`, 'merge', { data: { value: '2' } });
    await eventually('it is told', () => watch.told.length === 1);
    expect(shown(watch)).toEqual(['ADDED new 2']);

    const brief = proxy.hide({ when: ({ object }) => object.metadata.name === 'brief' });
    await behind.create(MAPS, { metadata: { name: 'brief' } });
    await behind.delete(`${MAPS}/brief`);
    await eventually('it is over', () => brief.state === 'hidden');
    await behind.create(MAPS, { metadata: { name: 'next' } });
    await eventually('the next is told', () => watch.told.length === 2);
    expect(shown(watch).at(-1)).toBe('ADDED next undefined');
  });

  it('serves a moment of the past, holds watches there, and lets them catch up', async () => {
    await create('one');
    const { metadata } = await listed();
    const live = await follow(metadata.resourceVersion);
    await behind.patch(`${MAPS}/one`, 'merge', { data: { value: '1' } });
    await eventually('the watch tells', () => live.told.length === 1);
    const view = proxy.snapshot();
    await behind.patch(`${MAPS}/one`, 'merge', { data: { value: '2' } });
    await behind.create(MAPS, { metadata: { name: 'two' } });
    await eventually('the watch tells', () => live.told.length === 3);

    proxy.serveStale(view);
    await eventually('open watches are cut', () => live.ended === 'broken');
    const past = await listed();
    expect(past.items.map(({ metadata: { name }, data }) => `${name} ${data?.['value']}`).at(-1)).toBe('one 1');
    const watch = await follow(past.metadata.resourceVersion);
    await set('one', '3');
    expect(await stored('one')).toBe('3');
    expect(watch.told).toEqual([]);
    proxy.release();
    await eventually('it catches up', () => shown(watch).includes('MODIFIED one 3'));
    expect(shown(watch)).toEqual(['MODIFIED one 2', 'ADDED two undefined', 'MODIFIED one 3']);
    expect((await listed()).items.find(({ metadata: { name } }) => name === 'one')?.data).toEqual({ value: '3' });
  });

  it('tells of events, before which it can be made to stop the world', async () => {
    const seen: string[] = [];
    const forget = proxy.onEvent(({ type, object, before, echo }) => {
      seen.push(`${type} ${object.metadata.name} ${before === undefined ? 'new' : 'known'} ${echo ? 'echo' : 'news'}`);
    });
    await follow((await listed()).metadata.resourceVersion);
    await create('mine');
    await behind.create(MAPS, { metadata: { name: 'theirs' } });
    await eventually('both are seen', () => seen.length === 2);
    expect(seen).toEqual(['ADDED mine known echo', 'ADDED theirs new news']);
    forget();
  });
});
