import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KubeClient } from '../../src/kube/client.ts';
import { systemClock } from '../../src/kube/clock.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import type { Reflector } from '../../src/kube/reflector.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FaultServer } from '../support/fault-server.ts';
import { clientOf, reflectorOf, THINGS, thing } from './kube-fixture.ts';

/** A watch that lived so long was no failure. Milliseconds. */
const HEALTHY_MS = 6_000;

let server: FaultServer;
let running: Reflector | undefined;

beforeEach(async () => {
  server = await FaultServer.start([THINGS]);
});

afterEach(async () => {
  await running?.stop();
  running = undefined;
  await server.close();
});

async function follow(options: Parameters<typeof reflectorOf>[1] = {}) {
  const setup = reflectorOf(server, options);
  running = setup.reflector;
  setup.reflector.start();
  await eventually('synced and watching', () => setup.reflector.hasSynced() && setup.reflector.state().watching);
  return setup;
}

const has = (reflector: Reflector, name: string) => reflector.store.get({ namespace: 'default', name }) !== undefined;

/** Proves that the stream is alive: something created now arrives. */
async function stillFollows(reflector: Reflector, name = 'proof') {
  server.of(THINGS).create(thing(name));
  await eventually(`${name} arrives`, () => has(reflector, name));
}

describe('a reflector keeps following through', () => {
  test('a connection reset of the watch', async () => {
    const { reflector, ends, lists } = await follow();
    for (const watch of server.watches('things')) watch.reset();
    await stillFollows(reflector);
    expect(ends()).toContain('reset');
    expect(lists()).toEqual(['start']);
  });

  test('resets of a watch that lived for a while, without a backoff or a word of failing', async () => {
    const clock = { ...systemClock, monotonic: () => systemClock.monotonic() * 100 };
    const backoff = { baseMs: 60_000, maxMs: 60_000 };
    const { reflector, ends, reports } = await follow({ clock, backoff, stallMs: 1e9 });
    for (const name of ['first', 'second']) {
      await sleep(HEALTHY_MS / 100);
      for (const watch of server.watches('things')) watch.reset();
      await stillFollows(reflector, name);
    }
    expect(ends()).toEqual(['reset', 'reset']);
    expect(reports.filter(({ kind }) => kind === 'failing')).toEqual([]);
  });

  test('a clean close, from the last resourceVersion and without a new list', async () => {
    const { reflector, lists } = await follow();
    await stillFollows(reflector, 'first');
    const rv = reflector.store.lastSyncRV();
    for (const watch of server.watches('things')) watch.end();
    await eventually('second watch', () => server.seen('watch').length === 2);
    expect(server.seen('watch')[1]?.query.get('resourceVersion')).toBe(rv);
    await stillFollows(reflector);
    expect(lists()).toEqual(['start']);
  });

  // A real server takes a watch from a version that is yet to come, and shows nothing until then.
  test('an etcd that was set back, whose server keeps silent on every watch', async () => {
    server.of(THINGS).create(thing('kept'));
    const { reflector, lists } = await follow({ stallMs: 150 });
    server.inject({ verb: 'watch', times: 1, action: { kind: 'raw', text: '', ending: 'hang' } });
    for (const watch of server.watches('things')) watch.freeze();
    await eventually('relisted', () => lists().includes('stalled'));
    expect(lists()).toEqual(['start', 'stalled']);
    await stillFollows(reflector);
  });

  test('half-open silence', async () => {
    const { reflector, ends } = await follow({ stallMs: 150 });
    for (const watch of server.watches('things')) watch.freeze();
    await stillFollows(reflector);
    expect(ends()).toContain('stalled');
  });

  test('a line cut off in the middle', async () => {
    const { reflector, ends, lists } = await follow();
    server.of(THINGS).create(thing('before'));
    for (const watch of server.watches('things')) {
      watch.raw('{"type":"MODIFIED","object":{"metad');
      watch.end();
    }
    await stillFollows(reflector);
    expect(has(reflector, 'before')).toBe(true);
    expect(ends()).toContain('truncated');
    expect(lists()).toEqual(['start']);
  });

  test('a garbage line, by listing again', async () => {
    const { reflector, ends, lists } = await follow();
    for (const watch of server.watches('things')) watch.raw('<html>proxy error</html>\n');
    await eventually('a second list', () => lists().length === 2);
    await stillFollows(reflector);
    expect(ends()).toContain('garbage');
    expect(lists()).toEqual(['start', 'garbage']);
  });

  test('a line longer than the limit, by listing again', async () => {
    const { reflector, ends } = await follow({ maxLineBytes: 10_000 });
    for (const watch of server.watches('things')) watch.raw(`{"type":"MODIFIED","x":"${'y'.repeat(30_000)}`);
    await eventually('line refused', () => ends().includes('lineTooLong'));
    await stillFollows(reflector);
  });

  test('410 when a watch is opened: lists, and reports what was deleted and recreated in between', async () => {
    server.of(THINGS).create(thing('kept'));
    server.of(THINGS).create(thing('gone'));
    server.of(THINGS).create(thing('replaced'));
    const { reflector, changes, lists } = await follow();
    server.inject({ verb: 'watch', action: { kind: 'status', status: 503, headers: { 'retry-after': '0' } } });
    for (const watch of server.watches('things')) watch.freeze();
    server.of(THINGS).remove('default/gone');
    server.of(THINGS).remove('default/replaced');
    server.of(THINGS).create(thing('replaced', { second: true }));
    server.compact(THINGS);
    for (const watch of server.watches('things')) watch.reset();
    await eventually('relisted', () => lists().includes('expired'));
    expect(changes.slice(3)).toEqual(['deleted replaced (list)', 'added replaced (list)', 'deleted gone (list)']);
    await stillFollows(reflector);
  });

  test('410 as an ERROR event', async () => {
    const { reflector, lists } = await follow();
    for (const watch of server.watches('things')) watch.error(410, 'Expired');
    await eventually('relisted', () => lists().includes('expired'));
    await stillFollows(reflector);
  });

  test('an ERROR event that is not 410, without a list', async () => {
    const { reflector, ends, lists } = await follow();
    for (const watch of server.watches('things')) watch.error(500, 'InternalError');
    await stillFollows(reflector);
    expect(ends()).toContain('error');
    expect(lists()).toEqual(['start']);
  });

  test('410 on every watch, without hammering the server', async () => {
    const { lists } = await follow({ backoff: { baseMs: 200, maxMs: 5000 }, random: () => 0.9 });
    server.inject({ verb: 'watch', times: 1000, action: { kind: 'status', status: 410, reason: 'Expired' } });
    for (const watch of server.watches('things')) watch.error(410, 'Expired');
    await new Promise(resolve => setTimeout(resolve, 1000));
    expect(lists().length).toBeLessThan(8);
  });

  test('410 behind an event on every watch, without hammering the server', async () => {
    const { lists } = await follow({ minWatchSpacingMs: 200 });
    const bookmark = '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"1"}}}';
    const expired = '{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}';
    const text = `${bookmark}\n${expired}\n`;
    server.inject({ verb: 'watch', times: 1000, action: { kind: 'raw', text, ending: 'end' } });
    for (const watch of server.watches('things')) watch.error(410, 'Expired');
    await new Promise(resolve => setTimeout(resolve, 1000));
    expect(lists().length).toBeGreaterThan(1);
    expect(lists().length).toBeLessThan(8);
  });

  test('429 that asks to wait for no time at all, without hammering the server', async () => {
    const refusal = { kind: 'status', status: 429, headers: { 'retry-after': '0' } } as const;
    server.inject({ verb: 'list', times: 20, action: refusal });
    const { reflector } = reflectorOf(server, { backoff: { baseMs: 200, maxMs: 5_000 }, random: () => 1 });
    running = reflector;
    reflector.start();
    await new Promise(resolve => setTimeout(resolve, 500));
    expect(server.seen('list').length).toBeLessThan(4);
  });

  test('a resourceVersion from the future of a restored server, by listing again', async () => {
    const { reflector, lists } = await follow();
    const details = { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }] };
    server.inject({ verb: 'watch', action: { kind: 'status', status: 504, reason: 'Timeout', details } });
    for (const watch of server.watches('things')) watch.end();
    await eventually('relisted', () => lists().includes('expired'));
    await stillFollows(reflector);
  });

  test('a list whose continue token expired, by starting it over', async () => {
    for (let n = 0; n < 25; n += 1) server.of(THINGS).create(thing(`t${n}`));
    server.inject({
      verb: 'list',
      when: seen => seen.query.has('continue'),
      action: { kind: 'status', status: 410, reason: 'Expired' },
    });
    const { reflector } = await follow({ pageLimit: 10 });
    expect(reflector.store.size).toBe(25);
    expect(server.seen('list').map(seen => seen.query.has('continue'))).toEqual([false, true, false, true, true]);
  });

  test('429 with Retry-After, waiting as told', async () => {
    const { reflector, lists } = await follow();
    server.inject({ verb: 'watch', action: { kind: 'status', status: 429, headers: { 'retry-after': '1' } } });
    for (const watch of server.watches('things')) watch.end();
    await eventually('third watch', () => server.seen('watch').length === 3);
    const [, refused, retried] = server.seen('watch');
    expect((retried?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(990);
    await stillFollows(reflector);
    expect(lists()).toEqual(['start']);
  });

  test('a burst of 5xx on list and watch', async () => {
    server.inject({ verb: 'list', times: 4, action: { kind: 'status', status: 500 } });
    const { reflector, reports } = await follow();
    server.inject({ verb: 'watch', times: 4, action: { kind: 'status', status: 503 } });
    for (const watch of server.watches('things')) watch.end();
    await eventually('watching again', () => server.seen('watch').length >= 6);
    await stillFollows(reflector);
    expect(reflector.state().failure).toBeUndefined();
    expect(reports.filter(report => report.kind === 'recovered')).toHaveLength(2);
  });

  test('resets of the list itself and a list without resourceVersion', async () => {
    server.inject({ verb: 'list', times: 2, action: { kind: 'reset' } });
    server.inject({ verb: 'list', action: { kind: 'raw', text: '{"metadata":{},"items":[]}', ending: 'end' } });
    const { reflector } = await follow();
    await stillFollows(reflector);
  });

  test('a token that was rotated, and one that nobody accepts yet', async () => {
    let token = 'old';
    const config = {
      server: server.url,
      namespace: 'default',
      requestHeaders: () => Promise.resolve({ authorization: `Bearer ${token}` }),
      tlsOptions: () => Promise.resolve({}),
      reload: () => Promise.resolve(),
    };
    server.requireToken('old');
    const { reflector } = await follow({ client: clientOf(server, { config }) });
    server.requireToken('new');
    for (const watch of server.watches('things')) watch.end();
    await eventually('reported', () => reflector.state().failure?.code === 'unauthorized');
    token = 'new';
    await eventually('watching', () => reflector.state().watching);
    await stillFollows(reflector);
  });

  test('a restart of the server, which comes back empty and with lower resourceVersions', async () => {
    server.of(THINGS).create(thing('lost'));
    const { reflector, changes } = await follow();
    const port = Number(new URL(server.url).port);
    await server.close();
    await eventually('noticed', () => reflector.state().failure?.code === 'transient');
    expect(has(reflector, 'lost')).toBe(true);
    server = await FaultServer.start([THINGS], 5n, port);
    const details = { causes: [{ reason: 'ResourceVersionTooLarge' }] };
    server.inject({ verb: 'watch', action: { kind: 'status', status: 504, reason: 'Timeout', details } });
    await eventually('emptied', () => reflector.store.size === 0);
    expect(changes).toContain('deleted lost (list)');
    await stillFollows(reflector);
  });

  test('an outage, and is back with the first request that works, whosesoever it is', async () => {
    const client = clientOf(server);
    server.inject({ verb: 'list', action: { kind: 'reset' } });
    const { reflector } = reflectorOf(server, { client, backoff: { baseMs: 60_000, maxMs: 60_000 }, random: () => 1 });
    running = reflector;
    reflector.start();
    await eventually('noticed', () => reflector.state().failure?.code === 'transient');
    await client.find(THINGS, { namespace: 'default', name: 'any' });
    expect(reflector.state().failure?.code).toBe('transient');
    await client.list(THINGS);
    await stillFollows(reflector);
  });

  test('an outage behind which its resourceVersion has expired, with a list at once', async () => {
    const clock = new FakeClock();
    const { reflector, lists } = await follow({
      clock,
      client: clientOf(server, { clock }),
      backoff: { baseMs: 60_000, maxMs: 60_000 },
      random: () => 1,
    });
    await clock.advance(11_000);
    server.inject({ verb: 'watch', action: { kind: 'status', status: 503 } });
    for (const watch of server.watches('things')) watch.end();
    await eventually('noticed', () => reflector.state().failure !== undefined);
    server.inject({ verb: 'watch', action: { kind: 'status', status: 410, reason: 'Expired' } });
    await clock.advance(60_000);
    await eventually('relisted', () => lists().includes('expired'));
    await stillFollows(reflector);
  });

  test('an outage, waiting all the same for as long as the server asks for', async () => {
    const client = clientOf(server);
    const { reflector } = await follow({ client });
    const waits = { kind: 'status', status: 503, headers: { 'retry-after': '1' } } as const;
    server.inject({ verb: 'watch', action: waits });
    for (const watch of server.watches('things')) watch.end();
    await eventually('noticed', () => reflector.state().failure !== undefined);
    await client.list(THINGS);
    await stillFollows(reflector);
    const [, refused, retried] = server.seen('watch');
    expect((retried?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(990);
  });

  test('a forbidden list: degraded until it is allowed', async () => {
    server.inject({ verb: 'list', times: 3, action: { kind: 'status', status: 403, reason: 'Forbidden' } });
    const setup = reflectorOf(server);
    running = setup.reflector;
    setup.reflector.start();
    await eventually('degraded', () => setup.reflector.state().failure?.code === 'forbidden');
    expect(setup.reflector.hasSynced()).toBe(false);
    await eventually('recovered', () => setup.reflector.state().watching);
    expect(setup.reflector.state().failure).toBeUndefined();
  });
});

describe('what a watch may bring', () => {
  test('malformed objects are counted and stop nothing', async () => {
    const { reflector, reports } = await follow();
    const [watch] = server.watches('things');
    const bad = [
      '{"type":"ADDED","object":null}',
      '{"type":"ADDED","object":{"metadata":{"name":7,"uid":"u","resourceVersion":"1"}}}',
      '{"type":"ADDED","object":{"kind":"Thing"}}',
      '{"type":"ADDED","object":{"metadata":{"name":"x","uid":"u","resourceVersion":"1","labels":[1]}}}',
      '{"type":"SURPRISE","object":{}}',
    ];
    for (const line of bad) watch?.raw(`${line}\n`);
    watch?.raw(
      '{"type":"ADDED","object":{"__proto__":{"polluted":1},"metadata":{"name":"__proto__","namespace":"default","uid":"p",' +
        '"resourceVersion":"500","labels":{"__proto__":"x"}}}}\n',
    );
    await eventually('the odd but valid one arrives', () => has(reflector, '__proto__'));
    expect(reports.filter(report => report.kind === 'malformed')).toHaveLength(bad.length);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(server.seen('watch')).toHaveLength(1);
  });

  test('a throwing handler, trim or index does not break the stream', async () => {
    const setup = reflectorOf(server, {
      indexers: {
        bad: object => {
          if (object.metadata.name === 'b') throw new Error('index bug');
          return ['x'];
        },
      },
      trim: object => {
        if (object.metadata.name === 'c') throw new Error('trim bug');
        return object;
      },
    });
    running = setup.reflector;
    setup.reflector.store.addHandler(() => {
      throw new Error('handler bug');
    });
    setup.reflector.start();
    await eventually('watching', () => setup.reflector.state().watching);
    for (const name of ['a', 'b', 'c', 'd']) server.of(THINGS).create(thing(name));
    await eventually('d arrives', () => has(setup.reflector, 'd'));
    expect(setup.reflector.store.byIndex('bad', 'x').map(object => object.metadata.name)).toEqual(['a', 'd']);
    expect(has(setup.reflector, 'b')).toBe(true);
    expect(has(setup.reflector, 'c')).toBe(false);
    const kinds = setup.reports.map(report => report.kind);
    expect(kinds.filter(kind => kind === 'handlerError')).toHaveLength(3);
    expect(kinds).toContain('indexError');
  });

  test('a bookmark moves the resourceVersion on and wakes those who wait for it', async () => {
    const { reflector } = await follow();
    const other = String(server.rv + 5n);
    const waiting = reflector.store.waitForRV(other, 10_000);
    for (const watch of server.watches('things')) watch.bookmark(server.rv + 5n);
    expect(await waiting).toBe(true);
    expect(reflector.store.lastSyncRV()).toBe(other);
    expect(await reflector.store.waitForRV(String(server.rv + 9n), 20)).toBe(false);
  });

  test('resourceVersions beyond 2^53 are not rounded', async () => {
    await server.close();
    server = await FaultServer.start([THINGS], 2n ** 64n);
    const { reflector } = await follow();
    server.of(THINGS).create(thing('a'));
    server.of(THINGS).patch('default/a', { step: 1 });
    await eventually('both arrive', () => reflector.store.get({ namespace: 'default', name: 'a' })?.step === 1);
    expect(reflector.store.lastSyncRV()).toBe('18446744073709551618');
  });

  test('list items get the kind and apiVersion that lists leave out', async () => {
    server.of(THINGS).create(thing('a'));
    const { reflector } = await follow();
    expect(reflector.store.get({ namespace: 'default', name: 'a' })).toMatchObject({
      kind: 'Thing',
      apiVersion: 'test.example/v1',
    });
  });
});

describe('a type that is not served', () => {
  test('is waited for when it is required, and followed once it is there', async () => {
    server.unserve(THINGS);
    const setup = reflectorOf(server);
    running = setup.reflector;
    setup.reflector.start();
    await eventually('absence confirmed', () => setup.reflector.state().absent);
    expect(setup.reflector.hasSynced()).toBe(false);
    expect(setup.reflector.state().failure?.code).toBe('notFound');
    server.serve(THINGS);
    await eventually('synced', () => setup.reflector.hasSynced());
    await stillFollows(setup.reflector);
  });

  test('counts as synced when it is optional', async () => {
    server.unserve(THINGS);
    const setup = reflectorOf(server, { optional: true });
    running = setup.reflector;
    setup.reflector.start();
    expect(await setup.reflector.waitForSync(10_000)).toBe(true);
  });

  test('that disappears takes its objects along and comes back', async () => {
    server.of(THINGS).create(thing('a'));
    const { reflector, changes } = await follow();
    server.unserve(THINGS);
    await eventually('emptied', () => reflector.store.size === 0);
    expect(changes).toContain('deleted a (list)');
    server.serve(THINGS);
    await eventually('watching', () => reflector.state().watching);
    await stillFollows(reflector);
  });
});

describe('our own writes', () => {
  test('are in the cache before their watch event, and told once', async () => {
    const { reflector, changes } = await follow();
    const { transport } = clientOf(server);
    const onWritten = (_type: unknown, object: KubeObject) => reflector.store.noteWritten(object);
    const client = new KubeClient({ transport, fieldManager: 'test', onWritten });
    server.hideEvents(1);
    await client.create(THINGS, thing('mine'));
    expect(has(reflector, 'mine')).toBe(true);
    await client.patch(THINGS, { namespace: 'default', name: 'mine' }, { kind: 'merge', body: { x: 1 } });
    expect(reflector.store.get({ namespace: 'default', name: 'mine' })?.x).toBe(1);
    await stillFollows(reflector);
    expect(changes.filter(change => change.includes('mine'))).toHaveLength(2);
    expect(changes).toContain('added mine (write)');
  });
});

describe('the drift audit', () => {
  test('finds and corrects what the watch never told', async () => {
    for (const name of ['stale', 'deleted', 'fine']) server.of(THINGS).create(thing(name));
    const { reflector, reports, changes } = await follow({ auditIntervalMs: 100, auditGraceMs: 30 });
    server.hideEvents(3);
    server.of(THINGS).patch('default/stale', { fresh: true });
    server.of(THINGS).remove('default/deleted');
    server.of(THINGS).create(thing('missed'));
    await eventually('corrected', () => has(reflector, 'missed') && !has(reflector, 'deleted'));
    expect(reflector.store.get({ namespace: 'default', name: 'stale' })?.fresh).toBe(true);
    expect(changes.slice(3).sort()).toEqual([
      'added missed (audit)',
      'deleted deleted (audit)',
      'modified stale (audit)',
    ]);
    expect(reports).toContainEqual({ kind: 'audited', missing: 1, outdated: 1, extra: 1 });
  });

  test('takes nothing for drift that the watch brings in time', async () => {
    const { reports } = await follow({ auditIntervalMs: 30 });
    for (let n = 0; n < 30; n += 1) {
      server.of(THINGS).create(thing(`t${n}`));
      if (n > 3) server.of(THINGS).remove(`default/t${n - 3}`);
      await new Promise(resolve => setTimeout(resolve, 10));
    }
    const audits = reports.filter(report => report.kind === 'audited');
    expect(audits.length).toBeGreaterThan(2);
    for (const audit of audits) expect(audit).toEqual({ kind: 'audited', missing: 0, outdated: 0, extra: 0 });
  });
});

test('a stopped reflector opens no further watch', async () => {
  const { reflector } = await follow({ minWatchSpacingMs: 50 });
  for (const watch of server.watches('things')) watch.end();
  await reflector.stop();
  const before = server.requests.length;
  await new Promise(resolve => setTimeout(resolve, 150));
  expect(server.requests.length).toBe(before);
});
