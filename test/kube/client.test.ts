import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KubeClient } from '../../src/kube/client.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import type { ResourceType } from '../../src/kube/resource-path.ts';
import { resourcePath } from '../../src/kube/resource-path.ts';
import { FaultServer } from '../support/fault-server.ts';
import { clientOf, THINGS, thing } from './kube-fixture.ts';

let server: FaultServer;
let client: KubeClient;
const at = (name: string) => ({ namespace: 'default', name });
const PODS: ResourceType = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true };
const NODES: ResourceType = { group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false };

beforeEach(async () => {
  server = await FaultServer.start([THINGS, PODS]);
  client = clientOf(server);
});

afterEach(async () => {
  client.transport.close();
  await server.close();
});

describe('paths', () => {
  test('core, grouped, cluster-scoped, all namespaces and subresources', () => {
    expect(resourcePath(PODS, { namespace: 'shop', name: 'a' })).toBe('/api/v1/namespaces/shop/pods/a');
    expect(resourcePath(PODS)).toBe('/api/v1/pods');
    expect(resourcePath(NODES, { name: 'n1' })).toBe('/api/v1/nodes/n1');
    expect(resourcePath(THINGS, { namespace: 's', name: 'a', subresource: 'status' })).toBe(
      '/apis/test.example/v1/namespaces/s/things/a/status',
    );
  });

  test('names cannot leave their place', () => {
    expect(resourcePath(PODS, { namespace: 'a/../b', name: 'x?y' })).toBe('/api/v1/namespaces/a%2F..%2Fb/pods/x%3Fy');
    expect(() => resourcePath(PODS, { namespace: 'a', name: '..' })).toThrow(RangeError);
    expect(() => resourcePath(PODS, { namespace: '', name: 'a' })).toThrow(RangeError);
    expect(() => resourcePath(PODS, { name: 'a' })).toThrow(/namespace/);
  });
});

describe('writes', () => {
  test('carry field manager, dry run, force and the content type of their kind', async () => {
    server.of(THINGS).create(thing('a'));
    await client.patch(THINGS, at('a'), { kind: 'merge', body: { x: 1 } });
    await client.patch(
      THINGS,
      at('a'),
      { kind: 'apply', body: thing('a', { y: 1 }), force: true },
      { fieldManager: 'mine' },
    );
    await client.patch(THINGS, at('a'), { kind: 'strategic', body: {} }, { dryRun: true });
    const [merge, apply, dry] = server.seen('patch');
    expect(merge?.headers['content-type']).toBe('application/merge-patch+json');
    expect(merge?.query.get('fieldManager')).toBe('test');
    expect(apply?.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(apply?.query.get('fieldManager')).toBe('mine');
    expect(apply?.query.get('force')).toBe('true');
    expect(dry?.headers['content-type']).toBe('application/strategic-merge-patch+json');
    expect(dry?.query.get('dryRun')).toBe('All');
  });

  test('go to the subresource asked for', async () => {
    server.of(THINGS).create(thing('a'));
    await client.patch(THINGS, at('a'), { kind: 'merge', body: { status: { x: 1 } } }, { subresource: 'status' });
    expect(server.seen('patch')[0]?.path).toBe('/apis/test.example/v1/namespaces/default/things/a/status');
  });

  test('keep fields that no type knows', async () => {
    const odd = { spec: { futureField: { deep: [1, null, 'x'] }, big: '9007199254740993' } };
    const created = await client.create(THINGS, thing('a', odd));
    expect(created).toMatchObject(odd);
  });

  test('are told to the caches, but not dry runs and other subresources', async () => {
    const written: string[] = [];
    const note = (_type: ResourceType, object: KubeObject) => {
      written.push(`${object.metadata.name}@${object.metadata.resourceVersion}`);
    };
    const telling = new KubeClient({ transport: client.transport, fieldManager: 'test', onWritten: note });
    await telling.create(THINGS, thing('a'));
    await telling.patch(THINGS, at('a'), { kind: 'merge', body: { x: 1 } }, { dryRun: true });
    await telling.patch(THINGS, at('a'), { kind: 'merge', body: { x: 1 } }, { subresource: 'scale' });
    await telling.patch(THINGS, at('a'), { kind: 'merge', body: { x: 2 } }, { subresource: 'status' });
    expect(written).toEqual(['a@101', 'a@103']);
  });

  test('an update of a changed object is a conflict', async () => {
    const created = await client.create(THINGS, thing('a'));
    await client.patch(THINGS, at('a'), { kind: 'merge', body: { x: 1 } });
    await expect(client.update(THINGS, created)).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('deletes', () => {
  test('say whether the object is gone, going or was never there', async () => {
    server.of(THINGS).create(thing('a'));
    server
      .of(THINGS)
      .create({ ...thing('held'), metadata: { name: 'held', namespace: 'default', finalizers: ['x/y'] } });
    expect(await client.delete(THINGS, at('a'))).toEqual({ outcome: 'deleted' });
    expect((await client.delete(THINGS, at('held'))).outcome).toBe('deleting');
    expect(await client.delete(THINGS, at('a'))).toEqual({ outcome: 'absent' });
  });

  test('hold to their preconditions', async () => {
    const created = await client.create(THINGS, thing('a'));
    await expect(client.delete(THINGS, at('a'), { uid: 'other' })).rejects.toMatchObject({ code: 'conflict' });
    await expect(client.delete(THINGS, at('a'), { resourceVersion: '1' })).rejects.toMatchObject({ code: 'conflict' });
    const right = { uid: created.metadata.uid, resourceVersion: created.metadata.resourceVersion };
    const outcome = await client.delete(THINGS, at('a'), { ...right, propagation: 'Foreground' });
    expect(outcome).toEqual({ outcome: 'deleted' });
    expect(server.seen('delete').at(-1)?.body).toMatchObject({ propagationPolicy: 'Foreground', preconditions: right });
  });
});

test.each([
  ['another server that does not know the type yet', { reason: 'NotFound', details: {} }],
  ['a proxy in between', { reason: '' }],
  ['one about something else', { reason: 'NotFound', details: { name: 'another' } }],
])('an answer of 404 that says nothing of the object does not say that it is missing: %s', async (_, answer) => {
  server.of(THINGS).create(thing('a'));
  const at = { namespace: 'default', name: 'a' };
  server.inject({ times: 2, action: { kind: 'status', status: 404, ...answer } });
  await expect(client.find(THINGS, at)).rejects.toMatchObject({ code: 'transient', status: 404 });
  await expect(client.delete(THINGS, at)).rejects.toMatchObject({ code: 'transient', status: 404 });
  expect(await client.find(THINGS, at)).toMatchObject({ metadata: { name: 'a' } });
  expect(await client.find(THINGS, { ...at, name: 'b' })).toBeUndefined();
  expect(await client.delete(THINGS, { ...at, name: 'b' })).toEqual({ outcome: 'absent' });
});

test('a read that fails is no write that may have been applied', async () => {
  server.of(THINGS).create(thing('a'));
  server.inject({ times: 2, action: { kind: 'status', status: 503 } });
  const at = { namespace: 'default', name: 'a' };
  await expect(client.get(THINGS, at)).rejects.toMatchObject({ mayHaveBeenApplied: false });
  const patch = client.patch(THINGS, at, { kind: 'merge', body: {} });
  await expect(patch).rejects.toMatchObject({ mayHaveBeenApplied: true });
});

test('discovery tells served types from missing ones', async () => {
  expect(await client.isServed(THINGS)).toBe(true);
  expect(await client.isServed({ ...THINGS, plural: 'others' })).toBe(false);
  expect(await client.isServed({ ...THINGS, group: 'no.such.group' })).toBe(false);
});

test('a list of one namespace is paged through and consistent', async () => {
  for (let n = 0; n < 12; n += 1) server.of(THINGS).create(thing(`t${n}`, {}, n % 2 ? 'odd' : 'even'));
  const list = await client.list(THINGS, { namespace: 'odd', limit: 4 });
  expect(list.items).toHaveLength(6);
  expect(list.resourceVersion).toBe(String(server.rv));
  expect(server.seen('list')).toHaveLength(2);
});

test('a list that can never be paged through is read in one piece', async () => {
  for (let n = 0; n < 9; n += 1) server.of(THINGS).create(thing(`t${n}`));
  const always = { verb: 'list' as const, when: (seen: { query: URLSearchParams }) => seen.query.has('continue') };
  server.inject({ ...always, times: 99, action: { kind: 'status', status: 410, reason: 'Expired' } });
  const list = await client.list(THINGS, { limit: 3 });
  expect(list).toMatchObject({ restarts: 2 });
  expect(list.items).toHaveLength(9);
});
