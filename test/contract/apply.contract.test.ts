import { beforeAll, expect, it } from 'vitest';
import { installWidgets } from './crd-setup.ts';
import { configMap, replicaSet, service, widget } from './objects.ts';
import { onEveryCluster } from './on-every-cluster.ts';
import type { Wire } from './raw-client.ts';

const entryOf = (object: Wire, manager: string, operation = 'Apply'): Wire =>
  object.metadata.managedFields.find((entry: Wire) => entry.manager === manager && entry.operation === operation);

onEveryCluster('server-side apply', contract => {
  const at = (plural: string, name: string): string => {
    const prefix =
      plural === 'replicasets' ? 'apis/apps/v1' : plural === 'widgets' ? 'apis/contract.example.com/v1' : 'api/v1';
    return `/${prefix}/namespaces/${contract.namespace}/${plural}/${name}`;
  };

  beforeAll(() => installWidgets(contract.client), 60_000);

  it('creates what is not there with 201, and answers 200 without a new version when nothing changes', async () => {
    const path = at('configmaps', 'fresh');
    const first = await contract.client.apply(path, 'one', configMap('fresh', { a: '1' }));
    expect(first.code).toBe(201);
    expect(entryOf(first.body, 'one').fieldsV1).toEqual({ 'f:data': { 'f:a': {} } });
    const second = await contract.client.apply(path, 'one', configMap('fresh', { a: '1' }));
    expect(second.code).toBe(200);
    expect(second.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
  });

  it('takes YAML', async () => {
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yaml\ndata:\n  a: "1"\n';
    const { code, body } = await contract.client.apply(at('configmaps', 'yaml'), 'one', yaml);
    expect(code).toBe(201);
    expect(body.data).toEqual({ a: '1' });
  });

  it('needs a field manager', async () => {
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    const { code, body } = await contract.client.send(
      'PATCH',
      at('configmaps', 'nobody'),
      configMap('nobody'),
      headers,
    );
    expect([400, 422]).toContain(code);
    expect(body.message).toContain('fieldManager');
  });

  it("a Service's selector is one atomic field: a second manager cannot apply a key of its own", async () => {
    const path = at('services', 'split');
    const git = await contract.client.apply(path, 'git', service('split', { app: 'shop' }));
    expect(entryOf(git.body, 'git').fieldsV1['f:spec']['f:selector']).toEqual({});
    const key = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'split' }, spec: { selector: { hash: 'v1' } } };
    const lost = await contract.client.apply(path, 'operator', key);
    expect(lost.code).toBe(409);
    expect(lost.body.details.causes[0].field).toBe('.spec.selector');
    const forced = await contract.client.apply(path, 'operator', key, { force: true });
    expect(forced.body.spec.selector).toEqual({ hash: 'v1' });
  });

  it("a merge patch of one key takes the Service's whole selector over, and a forced apply takes it back", async () => {
    const path = at('services', 'patched');
    await contract.client.apply(path, 'git', service('patched', { app: 'shop' }));
    const patch = { spec: { selector: { hash: 'v1' } } };
    const { body } = await contract.client.mergePatch(`${path}?fieldManager=operator`, patch);
    expect(body.spec.selector).toEqual({ app: 'shop', hash: 'v1' });
    expect(entryOf(body, 'operator', 'Update').fieldsV1).toEqual({ 'f:spec': { 'f:selector': {} } });
    expect(entryOf(body, 'git').fieldsV1['f:spec']['f:selector']).toBeUndefined();
    expect((await contract.client.apply(path, 'git', service('patched', { app: 'shop' }))).code).toBe(409);
    const back = await contract.client.apply(path, 'git', service('patched', { app: 'shop' }), { force: true });
    expect(back.body.spec.selector).toEqual({ app: 'shop' });
  });

  it('one key of a granular map belongs to its own manager and goes when that lets go', async () => {
    const path = at('configmaps', 'granular');
    await contract.client.apply(path, 'git', configMap('granular', { app: 'shop' }));
    const mine = await contract.client.apply(path, 'operator', configMap('granular', { hash: 'v1' }));
    expect(mine.body.data).toEqual({ app: 'shop', hash: 'v1' });
    const again = await contract.client.apply(path, 'git', configMap('granular', { app: 'shop' }));
    expect(again.body.data).toEqual({ app: 'shop', hash: 'v1' });
    const moved = await contract.client.apply(path, 'operator', configMap('granular', { hash: 'v2' }));
    expect(moved.body.data).toEqual({ app: 'shop', hash: 'v2' });
    const nothing = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'granular' } };
    const gone = await contract.client.apply(path, 'operator', nothing);
    expect(gone.body.data).toEqual({ app: 'shop' });
    expect(entryOf(gone.body, 'operator')).toBeUndefined();
  });

  it('a conflict is a 409 that names manager and field, and force takes the field', async () => {
    const path = at('configmaps', 'fight');
    await contract.client.apply(path, 'one', configMap('fight', { a: '1', b: '1' }));
    const lost = await contract.client.apply(path, 'two', configMap('fight', { a: '2' }));
    expect(lost.code).toBe(409);
    expect(lost.body.reason).toBe('Conflict');
    expect(lost.body.message).toBe('Apply failed with 1 conflict: conflict with "one": .data.a');
    expect(lost.body.details.causes).toEqual([
      { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.a' },
    ]);
    const won = await contract.client.apply(path, 'two', configMap('fight', { a: '2' }), { force: true });
    expect(won.code).toBe(200);
    expect(won.body.data).toEqual({ a: '2', b: '1' });
    expect(entryOf(won.body, 'one').fieldsV1).toEqual({ 'f:data': { 'f:b': {} } });
  });

  it('several conflicts are listed by manager', async () => {
    const path = at('configmaps', 'fights');
    await contract.client.apply(path, 'one', configMap('fights', { a: '1', b: '1' }));
    const { body } = await contract.client.apply(path, 'two', configMap('fights', { a: '2', b: '2' }));
    expect(body.message).toBe('Apply failed with 2 conflicts: conflicts with "one":\n- .data.a\n- .data.b');
  });

  it('a conflict with an updater names its API version', async () => {
    const path = at('configmaps', 'updated');
    await contract.client.created(path.replace(/\/updated$/, '?fieldManager=writer'), configMap('updated', { a: '1' }));
    const { code, body } = await contract.client.apply(path, 'one', configMap('updated', { a: '2' }));
    expect(code).toBe(409);
    expect(body.message).toContain('conflict with "writer" using v1');
  });

  it('the same value is owned by both, and goes only when both let go', async () => {
    const path = at('configmaps', 'shared');
    await contract.client.apply(path, 'one', configMap('shared', { a: '1' }));
    await contract.client.apply(path, 'two', configMap('shared', { a: '1' }));
    const kept = await contract.client.apply(path, 'one', configMap('shared'));
    expect(kept.body.data).toEqual({ a: '1' });
    const gone = await contract.client.apply(path, 'two', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'shared' },
    });
    expect(gone.body.data?.a).toBeUndefined();
  });

  it('labels and annotations are owned one by one', async () => {
    const path = at('configmaps', 'labels');
    const map = (metadata: object): object => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'labels', ...metadata },
    });
    await contract.client.apply(path, 'one', map({ labels: { a: '1' }, annotations: { x: '1' } }));
    const both = await contract.client.apply(path, 'two', map({ labels: { b: '2' } }));
    expect(both.body.metadata.labels).toEqual({ a: '1', b: '2' });
    const left = await contract.client.apply(path, 'one', map({}));
    expect(left.body.metadata.labels).toEqual({ b: '2' });
    expect(left.body.metadata.annotations).toBeUndefined();
  });

  it('an empty map is a field of its own that two managers fight for, because it is never stored', async () => {
    const path = at('configmaps', 'empty');
    await contract.client.apply(path, 'one', configMap('empty', {}));
    expect((await contract.client.apply(path, 'two', configMap('empty', {}))).code).toBe(409);
  });

  it('containers merge by name, and a container that its only owner drops is removed', async () => {
    const path = at('replicasets', 'lists');
    const two: Wire = replicaSet('lists', 0);
    two.spec.template.spec.containers.push({ name: 'side', image: 'example.com/side:1' });
    await contract.client.apply(path, 'one', two);
    const { body } = await contract.client.apply(path, 'one', replicaSet('lists', 0));
    expect(body.spec.template.spec.containers.map((item: Wire) => item.name)).toEqual(['app']);
    const owned = entryOf(body, 'one').fieldsV1['f:spec']['f:template']['f:spec']['f:containers'];
    expect(Object.keys(owned)).toEqual(['k:{"name":"app"}']);
  });

  it('replicas that another manager set are a conflict until they are left out', async () => {
    const path = at('replicasets', 'scaled');
    await contract.client.apply(path, 'git', replicaSet('scaled', 0));
    await contract.client.mergePatch(`${path}?fieldManager=scaler`, { spec: { replicas: 0, minReadySeconds: 1 } });
    await contract.client.mergePatch(`${path}?fieldManager=scaler`, { spec: { replicas: 1 } });
    const fight = await contract.client.apply(path, 'git', replicaSet('scaled', 0));
    expect(fight.code).toBe(409);
    expect(fight.body.details.causes[0].field).toBe('.spec.replicas');
    const without: Wire = replicaSet('scaled', 0);
    delete without.spec.replicas;
    const peace = await contract.client.apply(path, 'git', without);
    expect(peace.code).toBe(200);
    expect(peace.body.spec.replicas).toBe(1);
    await contract.client.mergePatch(path, { spec: { replicas: 0 } });
  });

  it('an atomic list belongs to one manager as a whole', async () => {
    const path = at('widgets', 'atomic');
    const rules = (weight: number): object[] => [
      {
        backends: [
          { name: 'a', weight },
          { name: 'b', weight: 100 - weight },
        ],
      },
    ];
    const first = await contract.client.apply(path, 'git', widget('atomic', { size: 1, rules: rules(0) }));
    expect(entryOf(first.body, 'git').fieldsV1['f:spec']['f:rules']).toEqual({});
    const fight = await contract.client.apply(path, 'operator', widget('atomic', { size: 1, rules: rules(5) }));
    expect(fight.code).toBe(409);
    expect(fight.body.message).toBe('Apply failed with 1 conflict: conflict with "git": .spec.rules');
    const patched = await contract.client.jsonPatch(`${path}?fieldManager=operator`, [
      { op: 'test', path: '/spec/rules/0/backends/0/name', value: 'a' },
      { op: 'replace', path: '/spec/rules/0/backends/0/weight', value: 7 },
    ]);
    expect(patched.body.spec.rules[0].backends[0].weight).toBe(7);
    expect(entryOf(patched.body, 'git').fieldsV1['f:spec']['f:rules']).toBeUndefined();
    expect(entryOf(patched.body, 'operator', 'Update').fieldsV1['f:spec']['f:rules']).toEqual({});
  });

  it('keyed lists of a custom kind merge by key', async () => {
    const path = at('widgets', 'keyed');
    await contract.client.apply(path, 'one', widget('keyed', { size: 1, parts: [{ name: 'a', value: '1' }] }));
    const { body } = await contract.client.apply(
      path,
      'two',
      widget('keyed', { size: 1, parts: [{ name: 'b', value: '2' }] }),
    );
    expect(body.spec.parts).toEqual([
      { name: 'a', value: '1' },
      { name: 'b', value: '2' },
    ]);
  });

  it('an apply of the status is an owner of its own and leaves the spec alone', async () => {
    const path = at('widgets', 'reported');
    await contract.client.apply(path, 'one', widget('reported', { size: 1 }));
    const status = { ...widget('reported', { size: 9 }), status: { phase: 'Up' } };
    const { code, body } = await contract.client.apply(`${path}/status`, 'one', status);
    expect(code).toBe(200);
    expect(body.spec.size).toBe(1);
    expect(body.status).toEqual({ phase: 'Up' });
    const entries = body.metadata.managedFields.map((entry: Wire) => entry.subresource ?? '');
    expect(entries.sort()).toEqual(['', 'status']);
  });

  it('an apply that names a version holds for that version only, also when it is forced or changes nothing', async () => {
    const path = at('configmaps', 'versioned');
    const first = await contract.client.apply(path, 'git', configMap('versioned', { a: '1' }));
    const named = (data: Record<string, string>, resourceVersion: string): Wire => ({
      ...configMap('versioned', data),
      metadata: { name: 'versioned', resourceVersion },
    });
    const old = first.body.metadata.resourceVersion;
    const second = await contract.client.apply(path, 'git', named({ a: '2' }, old));
    expect(second.code).toBe(200);
    const late = await contract.client.apply(path, 'git', named({ a: '3' }, old), { force: true });
    expect([late.code, late.body.reason]).toEqual([409, 'Conflict']);
    const same = await contract.client.apply(path, 'git', named({ a: '2' }, old), { force: true });
    expect([same.code, same.body.reason]).toEqual([409, 'Conflict']);
    expect((await contract.client.get(path)).body.data).toEqual({ a: '2' });
  });

  it('a dry run of a forced apply shows the result and changes nothing', async () => {
    const path = at('configmaps', 'rehearsal');
    await contract.client.apply(path, 'one', configMap('rehearsal', { a: '1' }));
    const { body } = await contract.client.apply(`${path}?dryRun=All`, 'two', configMap('rehearsal', { a: '2' }), {
      force: true,
    });
    expect(body.data).toEqual({ a: '2' });
    expect((await contract.client.get(path)).body.data).toEqual({ a: '1' });
  });
});
