import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { FaultServer } from '../support/fault-server.ts';
import { clientOf, reflectorOf, THINGS, thing } from './kube-fixture.ts';

let server: FaultServer;
afterEach(() => server.close());

test('a page that is too large is asked for again in smaller ones', async () => {
  server = await FaultServer.start([THINGS]);
  const text = 'x'.repeat(1 << 20);
  for (let n = 0; n < 80; n += 1) server.of(THINGS).create(thing(`t${n}`, { spec: { text } }));
  const client = clientOf(server);
  const { items } = await client.list(THINGS);
  client.transport.close();
  expect(new Set(items.map(({ metadata }) => metadata.name)).size).toBe(80);
  expect(server.seen('list').map(({ query }) => query.get('limit'))).toEqual(['500', '125', '31', '31', '31']);
}, 60_000);

test('200 000 objects are listed in pages without a RangeError and without blocking the event loop for long', async () => {
  server = await FaultServer.start([THINGS]);
  const collection = server.of(THINGS);
  for (let n = 0; n < 200_000; n += 1) {
    const { metadata, ...rest } = thing(`t${n}`);
    collection.objects.set(`default/t${n}`, {
      ...rest,
      metadata: { ...metadata, uid: `u${n}`, resourceVersion: '50' },
    });
  }
  // Only counting: an array of 200 000 change descriptions is not what is tested.
  let added = 0;
  const { reflector } = reflectorOf(server, {
    indexers: { byTail: one => [one.metadata.name.slice(-2)] },
    observe: () => undefined,
  });
  reflector.store.addHandler(() => {
    added += 1;
  });
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  reflector.start();
  await eventually('synced', () => reflector.hasSynced(), 60_000);
  delay.disable();
  const maxBlockMs = delay.max / 1e6;
  console.log(
    `200 000 objects: longest event-loop block ${maxBlockMs.toFixed(0)} ms (the fault server's own work included)`,
  );
  expect(reflector.store.size).toBe(200_000);
  expect(added).toBe(200_000);
  expect(reflector.store.byIndex('byTail', '17')).toHaveLength(2000);
  expect(server.seen('list')).toHaveLength(400);
  // Parsing everything at once would take more than a second; the rest is room for a slow machine.
  expect(maxBlockMs).toBeLessThan(1000);
  await reflector.stop();
}, 90_000);
