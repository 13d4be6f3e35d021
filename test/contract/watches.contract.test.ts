import { expect, it } from 'vitest';
import { EmbeddedApiServer } from '../../src/sandbox/apiserver/embedded-api-server.ts';
import { configMap } from './objects.ts';
import { diverges, onEveryCluster } from './on-every-cluster.ts';
import type { Wire } from './raw-client.ts';
import { RawClient } from './raw-client.ts';

onEveryCluster('lists and watches', contract => {
  const maps = (): string => `/api/v1/namespaces/${contract.namespace}/configmaps`;
  const mine = (label: string): string => `labelSelector=${encodeURIComponent(`set=${label}`)}`;
  const labelled = (name: string, label: string, data: Record<string, string> = {}): object =>
    configMap(name, data, { labels: { set: label } });

  it('pages of a list add up, with the version of the first page', async () => {
    for (const i of [1, 2, 3, 4, 5]) await contract.client.created(maps(), labelled(`page-${i}`, 'page'));
    const names: string[] = [];
    const versions = new Set<string>();
    let token = '';
    do {
      const query = `${mine('page')}&limit=2&continue=${encodeURIComponent(token)}`;
      const { code, body } = await contract.client.get(`${maps()}?${query}`);
      expect(code).toBe(200);
      names.push(...body.items.map((item: Wire) => item.metadata.name));
      versions.add(body.metadata.resourceVersion);
      token = body.metadata.continue ?? '';
    } while (token !== '');
    expect(names).toEqual([1, 2, 3, 4, 5].map(i => `page-${i}`));
    expect(versions.size).toBe(1);
  });

  it('a continue token that is none is a 400', async () => {
    expect((await contract.client.get(`${maps()}?limit=2&continue=!!!`)).code).toBe(400);
  });

  it('label selectors know equality, sets and existence', async () => {
    await contract.client.created(maps(), configMap('sel-a', {}, { labels: { sel: 'a', extra: '1' } }));
    await contract.client.created(maps(), configMap('sel-b', {}, { labels: { sel: 'b' } }));
    const names = async (selector: string): Promise<string[]> => {
      const { body } = await contract.client.get(`${maps()}?labelSelector=${encodeURIComponent(selector)}`);
      return body.items.map((item: Wire) => item.metadata.name);
    };
    expect(await names('sel in (a, b)')).toEqual(['sel-a', 'sel-b']);
    expect(await names('sel notin (a),sel')).toEqual(['sel-b']);
    expect(await names('sel!=a,sel')).toEqual(['sel-b']);
    expect(await names('sel,!extra')).toEqual(['sel-b']);
    expect((await contract.client.get(`${maps()}?labelSelector=${encodeURIComponent('a in b')}`)).code).toBe(400);
  });

  it('the metadata.name field selector works and an unknown field is a 400', async () => {
    await contract.client.created(maps(), configMap('by-name'));
    const { body } = await contract.client.get(`${maps()}?fieldSelector=metadata.name%3Dby-name`);
    expect(body.items).toHaveLength(1);
    expect((await contract.client.get(`${maps()}?fieldSelector=data.x%3D1`)).code).toBe(400);
  });

  it('a watch from a version gets every later change in order', async () => {
    const { body } = await contract.client.get(`${maps()}?${mine('w1')}`);
    const watch = await contract.client.watch(
      `${maps()}?watch=1&${mine('w1')}&resourceVersion=${body.metadata.resourceVersion}`,
    );
    await contract.client.created(maps(), labelled('w1', 'w1'));
    await contract.client.mergePatch(`${maps()}/w1`, { data: { a: '1' } });
    await contract.client.delete(`${maps()}/w1`);
    await watch.next(event => event.type === 'DELETED');
    expect(watch.events.map(event => event.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    const versions = watch.events.map(event => BigInt(event.object.metadata.resourceVersion));
    expect([...versions].sort((a, b) => (a < b ? -1 : 1))).toEqual(versions);
    watch.stop();
  });

  it('an object that leaves the selection is told as deleted, and as added when it comes back', async () => {
    await contract.client.created(maps(), labelled('mover', 'in'));
    const { body } = await contract.client.get(`${maps()}?${mine('in')}`);
    const watch = await contract.client.watch(
      `${maps()}?watch=1&${mine('in')}&resourceVersion=${body.metadata.resourceVersion}`,
    );
    await contract.client.mergePatch(`${maps()}/mover`, { metadata: { labels: { set: 'out' } } });
    await contract.client.mergePatch(`${maps()}/mover`, { metadata: { labels: { set: 'in' } } });
    await watch.next(event => event.type === 'ADDED');
    expect(watch.events.map(event => event.type)).toEqual(['DELETED', 'ADDED']);
    watch.stop();
  });

  it('a watch from version 0 starts with what is there', async () => {
    await contract.client.created(maps(), labelled('there', 'w0'));
    const watch = await contract.client.watch(`${maps()}?watch=1&${mine('w0')}&resourceVersion=0`);
    const event = await watch.next(({ type }) => type === 'ADDED');
    expect(event.object.metadata.name).toBe('there');
    watch.stop();
  });

  it('a streaming list sends what is there, then a bookmark that ends it', async () => {
    await contract.client.created(maps(), labelled('stream-1', 'stream'));
    await contract.client.created(maps(), labelled('stream-2', 'stream'));
    const query = `watch=1&${mine('stream')}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`;
    const watch = await contract.client.watch(`${maps()}?${query}`);
    const end = await watch.next(({ type }) => type === 'BOOKMARK');
    expect(end.object.metadata.annotations['k8s.io/initial-events-end']).toBe('true');
    expect(
      watch.events
        .slice(0, 2)
        .map(({ type, object }) => `${type} ${object.metadata.name}`)
        .sort(),
    ).toEqual(['ADDED stream-1', 'ADDED stream-2']);
    await contract.client.created(maps(), labelled('stream-3', 'stream'));
    await watch.next(({ object }) => object.metadata.name === 'stream-3');
    watch.stop();
  });

  it('sendInitialEvents without resourceVersionMatch is refused', async () => {
    const { code } = await contract.client.get(`${maps()}?watch=1&sendInitialEvents=true&timeoutSeconds=1`);
    expect([400, 422]).toContain(code);
  });

  it('a watch ends by itself after timeoutSeconds', async () => {
    const watch = await contract.client.watch(`${maps()}?watch=1&timeoutSeconds=1&resourceVersion=0`);
    await watch.ended;
  });

  it('a list from the future is a 504 that asks to retry', async () => {
    const { code, body } = await contract.client.get(
      `${maps()}?resourceVersion=999999999&resourceVersionMatch=NotOlderThan`,
    );
    expect(code).toBe(504);
    expect(body.details.causes[0].reason).toBe('ResourceVersionTooLarge');
  });

  const bookmarkTest = 'an idle watch that allows bookmarks gets one';
  it.skipIf(diverges(contract.name, bookmarkTest))(bookmarkTest, async () => {
    if (diverges(contract.name, bookmarkTest)) return;
    const watch = await contract.client.watch(`${maps()}?watch=1&allowWatchBookmarks=true&resourceVersion=0`);
    const { object } = await watch.next(({ type }) => type === 'BOOKMARK');
    expect(object).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
    expect(object.metadata.resourceVersion).toMatch(/^\d+$/);
    watch.stop();
  });

  it('an object can be had as a table row and as metadata alone', async () => {
    await contract.client.created(maps(), labelled('forms', 'forms', { a: '1', b: '2' }));
    const table = await contract.client.get(`${maps()}/forms`, {
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
    });
    expect(table.body.kind).toBe('Table');
    expect(table.body.columnDefinitions.map((column: Wire) => column.name)).toEqual(['Name', 'Data', 'Age']);
    expect(table.body.rows[0].cells.slice(0, 2)).toEqual(['forms', 2]);
    const accept = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
    const partial = await contract.client.get(`${maps()}?${mine('forms')}`, { accept });
    expect(partial.body.kind).toBe('PartialObjectMetadataList');
    expect(partial.body.items[0].metadata.name).toBe('forms');
    expect(partial.body.items[0].data).toBeUndefined();
  });
});

/** Compaction can be asked for only in process: these two stand in the list of divergences. */
async function compacted(test: (server: EmbeddedApiServer, client: RawClient) => Promise<void>): Promise<void> {
  const server = await EmbeddedApiServer.start();
  try {
    const cluster = {
      name: 'embedded' as const,
      server: server.url,
      token: 'x',
      kubeconfigPath: '',
      stop: () => server.stop(),
    };
    await test(server, new RawClient(cluster));
  } finally {
    await server.stop();
  }
}

const path = '/api/v1/namespaces/default/configmaps';

it('a watch from a compacted version ends with 410', () =>
  compacted(async (server, client) => {
    const { metadata } = await client.created(path, configMap('a'));
    await client.created(path, configMap('b'));
    server.compact();
    const { code, body } = await client.get(`${path}?watch=1&resourceVersion=${metadata.resourceVersion}`);
    expect(code).toBe(410);
    expect(body).toMatchObject({ reason: 'Expired', code: 410 });
  }));

it('a continue token of a compacted list gives 410', () =>
  compacted(async (server, client) => {
    for (const name of ['a', 'b', 'c']) await client.created(path, configMap(name));
    const first = await client.get(`${path}?limit=1`);
    await client.created(path, configMap('d'));
    server.compact();
    const { code, body } = await client.get(`${path}?limit=1&continue=${first.body.metadata.continue}`);
    expect(code).toBe(410);
    expect(body.reason).toBe('Expired');
  }));
