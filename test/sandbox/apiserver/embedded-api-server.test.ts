import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { ApiError } from '../../../src/sandbox/apiserver/api-error.ts';
import type { EmbeddedOptions } from '../../../src/sandbox/apiserver/embedded-api-server.ts';
import { EmbeddedApiServer } from '../../../src/sandbox/apiserver/embedded-api-server.ts';
import type { AuditEntry } from '../../../src/sandbox/apiserver/http/http-server.ts';

const running: EmbeddedApiServer[] = [];

async function start(options: EmbeddedOptions = {}): Promise<EmbeddedApiServer> {
  const server = await EmbeddedApiServer.start(options);
  running.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map(server => server.stop()));
});

const maps = { apiVersion: 'v1', plural: 'configmaps' };
const map = (name: string, data: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});
const path = '/api/v1/namespaces/default/configmaps';
const post = (url: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });

describe('who may call', () => {
  it('an unknown token is a 401, a known one becomes the user of the audit', async () => {
    const seen: AuditEntry[] = [];
    const server = await start({ tokens: { secret: 'alice' }, onAudit: entry => seen.push(entry) });
    expect((await fetch(`${server.url}${path}`)).status).toBe(401);
    expect((await fetch(`${server.url}${path}`, { headers: { authorization: 'Bearer other' } })).status).toBe(401);
    const created = await post(`${server.url}${path}`, JSON.stringify(map('a')), { authorization: 'Bearer secret' });
    const { metadata } = (await created.json()) as { metadata: { resourceVersion: string } };
    expect(seen.at(-1)).toMatchObject({
      user: 'alice',
      verb: 'create',
      resource: 'configmaps',
      subresource: '',
      namespace: 'default',
      name: 'a',
      code: 201,
      responseRV: metadata.resourceVersion,
    });
  });

  it('the path of a kubeconfig stands for its token', async () => {
    const server = await start({ tokens: { secret: 'alice' } });
    const address = JSON.parse(server.kubeconfig('alice')).clusters[0].cluster.server;
    expect((await fetch(`${address}${path}`)).status).toBe(200);
    expect((await fetch(`${server.url}/tokens/other${path}`)).status).toBe(401);
  });
});

describe('hostile requests', () => {
  it('a body over the cap is a 413', async () => {
    const server = await start();
    const answer = await post(`${server.url}${path}`, 'x'.repeat(4 * 1024 * 1024)).catch(() => undefined);
    // The connection may be closed before the client has sent everything.
    if (answer !== undefined) expect(answer.status).toBe(413);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  });

  it('a __proto__ key changes nothing', async () => {
    const server = await start();
    const body = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"p"},"data":{"__proto__":"x","\\u005f_proto__":"y","a":"1"},"__proto__":{"polluted":true}}`;
    const answer = await post(`${server.url}${path}`, body);
    expect(((await answer.json()) as { data: unknown }).data).toEqual({ a: '1' });
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('no request makes the server fail', async () => {
    const bugs: unknown[] = [];
    const server = await start({ onBug: error => bugs.push(error) });
    server.client('test').create(maps, 'default', map('target', { a: '1' }));
    const types = [
      'application/json',
      'application/json-patch+json',
      'application/merge-patch+json',
      'application/strategic-merge-patch+json',
      'application/apply-patch+yaml',
    ];
    const paths = [
      path,
      `${path}/target`,
      '/apis/apps/v1/namespaces/default/replicasets',
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      '/api/v1/namespaces/default/services',
      `${path}/target?fieldManager=m`,
    ];
    const keys = fc.constantFrom(
      'apiVersion',
      'kind',
      'metadata',
      'spec',
      'name',
      'labels',
      'ownerReferences',
      'finalizers',
      'managedFields',
      'op',
      'path',
      'value',
      'template',
      'containers',
      'versions',
      'schema',
      'openAPIV3Schema',
      'names',
      '$patch',
    );
    const leaves = fc.oneof(
      fc.constantFrom(null, true, 0, -1, 1.5, '', 'v1', 'ConfigMap', 'apps/v1', '/data/a', 'test', 'target'),
      fc.string(),
    );
    const { tree } = fc.letrec(tie => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        leaves,
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(keys, tie('tree'), { maxKeys: 5 }),
      ),
    }));
    const method = fc.constantFrom('POST', 'PUT', 'PATCH', 'DELETE');
    await fc.assert(
      fc.asyncProperty(
        method,
        fc.constantFrom(...paths),
        fc.constantFrom(...types),
        tree,
        async (verb, at, type, body) => {
          const object =
            typeof body === 'object' && body !== null && !Array.isArray(body)
              ? { apiVersion: 'v1', kind: 'ConfigMap', ...body }
              : body;
          const answer = await fetch(`${server.url}${at}`, {
            method: verb,
            body: JSON.stringify(object),
            headers: { 'content-type': type },
          });
          await answer.arrayBuffer();
          expect(bugs).toEqual([]);
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe('the client in process', () => {
  it('goes through validation and tells failures as ApiError', async () => {
    const client = (await start()).client('sandbox');
    client.create(maps, 'default', map('a', { x: '1' }));
    expect(() => client.create(maps, 'default', map('a'))).toThrow(ApiError);
    expect(() => client.create(maps, 'default', map('Bad Name'))).toThrow('is invalid');
    expect(client.get(maps, 'default', 'none')).toBeUndefined();
  });

  it('watches with initial objects and sees its own and others’ writes', async () => {
    const server = await start();
    const client = server.client('sandbox');
    client.create(maps, 'default', map('a'));
    const seen: string[] = [];
    const stop = client.watch(maps, { namespace: 'default' }, ({ type, object }) =>
      seen.push(`${type} ${object.metadata.name}`),
    );
    await post(`${server.url}${path}`, JSON.stringify(map('b')));
    client.patch(maps, 'default', 'b', { data: { y: '2' } });
    client.delete(maps, 'default', 'a');
    stop();
    client.delete(maps, 'default', 'b');
    expect(seen).toEqual(['ADDED a', 'ADDED b', 'MODIFIED b', 'DELETED a']);
  });

  it('patches a status without touching the spec', async () => {
    const client = (await start()).client('sandbox');
    const sets = { apiVersion: 'apps/v1', plural: 'replicasets' };
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const spec = { selector: { matchLabels: { a: 'b' } }, template };
    client.create(sets, 'default', { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'r' }, spec });
    const object = client.patchStatus(sets, 'default', 'r', { replicas: 1, readyReplicas: 1 });
    expect(object.status).toEqual({ replicas: 1, readyReplicas: 1 });
    expect(object.metadata.generation).toBe(1);
  });
});

describe('many watchers', () => {
  it('serves hundreds of writes to hundreds of watches', async () => {
    const server = await start();
    const client = server.client('load');
    const aborter = new AbortController();
    const counts = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const answer = await fetch(`${server.url}${path}?watch=1&resourceVersion=${server.resourceVersion}`, {
          signal: aborter.signal,
        });
        return { lines: 0, answer };
      }),
    );
    const all = counts.map(async counter => {
      for await (const chunk of counter.answer.body ?? []) {
        counter.lines += Buffer.from(chunk).toString().split('\n').length - 1;
        if (counter.lines >= 300) return;
      }
    });
    for (let i = 0; i < 300; i += 1) client.create(maps, 'default', map(`m-${i}`, { a: String(i) }));
    await Promise.all(all);
    expect(counts.every(counter => counter.lines === 300)).toBe(true);
    aborter.abort();
  });
});
