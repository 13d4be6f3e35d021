import { afterEach, beforeEach, expect, test } from 'vitest';
import type { KubeClient } from '../../src/kube/client.ts';
import { auditDrift } from '../../src/kube/drift-audit.ts';
import { ObjectStore } from '../../src/kube/store.ts';
import { eventually } from '../support/eventually.ts';
import { FaultServer } from '../support/fault-server.ts';
import { clientOf, THINGS, thing } from './kube-fixture.ts';

let server: FaultServer;
let client: KubeClient;
let store: ObjectStore;

/** A cache that knows what the server holds now, and a test that plays the watch. */
beforeEach(async () => {
  server = await FaultServer.start([THINGS]);
  client = clientOf(server);
  store = new ObjectStore();
  server.of(THINGS).create(thing('a'));
  const list = await client.list(THINGS);
  await store.replace(list.items, list.resourceVersion, store.openJournal());
});

afterEach(async () => {
  client.transport.close();
  await server.close();
});

async function auditing(graceMs: number) {
  const signal = new AbortController().signal;
  const lists = server.seen('list').length;
  const result = auditDrift({ client, type: THINGS, store, scope: {}, graceMs, signal });
  await eventually('listed', () => server.seen('list').length > lists);
  await new Promise(resolve => setTimeout(resolve, 50));
  return result.then(drift => [drift.missing, drift.outdated, drift.extra]);
}

test('what the watch brings while the audit waits for it is not drift', async () => {
  const changed = server.of(THINGS).patch('default/a', { x: 1 });
  const added = server.of(THINGS).create(thing('b'));
  const result = auditing(10_000);
  await eventually('listed', () => server.seen('list').length === 2);
  await new Promise(resolve => setTimeout(resolve, 30));
  store.applyEvent('MODIFIED', changed);
  store.applyEvent('ADDED', added);
  expect(await result).toEqual([0, 0, 0]);
});

test('an object deleted after the list was read stays deleted', async () => {
  const added = server.of(THINGS).create(thing('b'));
  const result = auditing(10_000);
  await eventually('listed', () => server.seen('list').length === 2);
  await new Promise(resolve => setTimeout(resolve, 30));
  const removed = server.of(THINGS).remove('default/b');
  store.applyEvent('ADDED', added);
  store.applyEvent('DELETED', removed);
  expect(await result).toEqual([0, 0, 0]);
  expect(store.size).toBe(1);
});

test('an object deleted by ourselves after the list was read stays deleted', async () => {
  const added = server.of(THINGS).create(thing('b'));
  const result = auditing(150);
  await eventually('listed', () => server.seen('list').length === 2);
  await new Promise(resolve => setTimeout(resolve, 30));
  store.noteDeleted({ namespace: 'default', name: 'b', uid: added.metadata.uid ?? '' });
  expect(await result).toEqual([0, 0, 0]);
  expect(store.size).toBe(1);
});

test('what the watch does not bring in time is drift', async () => {
  server.of(THINGS).patch('default/a', { x: 1 });
  server.of(THINGS).create(thing('b'));
  expect(await auditing(20)).toEqual([1, 1, 0]);
  server.of(THINGS).remove('default/b');
  expect(await auditing(20)).toEqual([0, 0, 1]);
  expect(store.size).toBe(1);
});
