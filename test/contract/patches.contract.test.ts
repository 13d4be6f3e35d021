import { expect, it } from 'vitest';
import { configMap, replicaSet, service } from './objects.ts';
import { onEveryCluster } from './on-every-cluster.ts';

onEveryCluster('patches', contract => {
  const maps = (): string => `/api/v1/namespaces/${contract.namespace}/configmaps`;
  const sets = (): string => `/apis/apps/v1/namespaces/${contract.namespace}/replicasets`;

  it('a merge patch sets, merges and removes', async () => {
    await contract.client.created(maps(), configMap('merge', { a: '1', b: '2' }));
    const { body } = await contract.client.mergePatch(`${maps()}/merge`, { data: { a: null, c: '3' } });
    expect(body.data).toEqual({ b: '2', c: '3' });
  });

  it('a merge patch that carries a stale version is a 409', async () => {
    const made = await contract.client.created(maps(), configMap('merge-stale', { a: '1' }));
    await contract.client.mergePatch(`${maps()}/merge-stale`, { data: { a: '2' } });
    const patch = { metadata: { resourceVersion: made.metadata.resourceVersion }, data: { a: '3' } };
    expect((await contract.client.mergePatch(`${maps()}/merge-stale`, patch)).code).toBe(409);
  });

  it('a JSON patch runs its operations in order', async () => {
    await contract.client.created(maps(), configMap('json', { a: '1', b: '2' }));
    const { code, body } = await contract.client.jsonPatch(`${maps()}/json`, [
      { op: 'test', path: '/data/a', value: '1' },
      { op: 'replace', path: '/data/a', value: '9' },
      { op: 'remove', path: '/data/b' },
      { op: 'add', path: '/metadata/annotations', value: { 'example.com/x': 'y' } },
      { op: 'copy', from: '/data/a', path: '/data/c' },
    ]);
    expect(code).toBe(200);
    expect(body.data).toEqual({ a: '9', c: '9' });
    expect(body.metadata.annotations).toEqual({ 'example.com/x': 'y' });
  });

  it('a JSON patch whose test fails is a 422 Invalid and changes nothing', async () => {
    await contract.client.created(maps(), configMap('json-test', { a: '1' }));
    const { code, body } = await contract.client.jsonPatch(`${maps()}/json-test`, [
      { op: 'test', path: '/data/a', value: 'other' },
      { op: 'replace', path: '/data/a', value: '2' },
    ]);
    expect(code).toBe(422);
    expect(body.reason).toBe('Invalid');
    expect(body.message).toBe('the server rejected our request due to an error in our request');
    expect((await contract.client.get(`${maps()}/json-test`)).body.data).toEqual({ a: '1' });
  });

  it('a JSON patch of a missing path is a 422', async () => {
    await contract.client.created(maps(), configMap('json-missing', { a: '1' }));
    const patch = [{ op: 'replace', path: '/data/none/deeper', value: '2' }];
    expect((await contract.client.jsonPatch(`${maps()}/json-missing`, patch)).code).toBe(422);
  });

  it('a strategic patch merges containers and environment by name, and deletes by directive', async () => {
    await contract.client.created(sets(), replicaSet('strategic', 0));
    const containers = [
      { name: 'app', env: [{ name: 'B', value: '2' }] },
      { name: 'side', image: 'example.com/side:1' },
    ];
    const { body } = await contract.client.strategicPatch(`${sets()}/strategic`, {
      spec: { template: { spec: { containers } } },
    });
    const after = body.spec.template.spec.containers;
    const app = after.find((item: { name: string }) => item.name === 'app');
    expect(app.image).toBe('example.com/app:1');
    expect(app.env.map((item: { name: string }) => item.name).sort()).toEqual(['A', 'B']);
    expect(after).toHaveLength(2);
    const removed = await contract.client.strategicPatch(`${sets()}/strategic`, {
      spec: { template: { spec: { containers: [{ name: 'side', $patch: 'delete' }] } } },
    });
    expect(removed.body.spec.template.spec.containers).toHaveLength(1);
  });

  it('a strategic patch merges service ports by port', async () => {
    const path = `/api/v1/namespaces/${contract.namespace}/services`;
    await contract.client.created(path, {
      ...service('ports', { app: 'x' }),
      spec: { ports: [{ name: 'http', port: 80 }] },
    });
    const patch = { spec: { ports: [{ name: 'more', port: 81 }] } };
    const { body } = await contract.client.strategicPatch(`${path}/ports`, patch);
    expect(body.spec.ports.map((item: { port: number }) => item.port).sort()).toEqual([80, 81]);
  });

  it('a body of an unknown media type is a 415', async () => {
    await contract.client.created(maps(), configMap('media'));
    const headers = { 'content-type': 'application/x-unknown+json' };
    expect((await contract.client.send('PATCH', `${maps()}/media`, {}, headers)).code).toBe(415);
  });

  it('the writer of a patch is recorded as an Update of its user agent or field manager', async () => {
    await contract.client.created(maps(), configMap('owners', { a: '1' }));
    const { body } = await contract.client.mergePatch(`${maps()}/owners?fieldManager=second`, { data: { b: '2' } });
    const managers = body.metadata.managedFields.map((entry: { manager: string; operation: string }) => [
      entry.manager,
      entry.operation,
    ]);
    expect(managers.sort()).toEqual([
      ['contract', 'Update'],
      ['second', 'Update'],
    ]);
    const second = body.metadata.managedFields.find((entry: { manager: string }) => entry.manager === 'second');
    expect(second.fieldsV1).toEqual({ 'f:data': { 'f:b': {} } });
  });
});
