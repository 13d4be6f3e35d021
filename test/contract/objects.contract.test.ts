import { expect, it } from 'vitest';
import { configMap, replicaSet, service } from './objects.ts';
import { onEveryCluster } from './on-every-cluster.ts';
import type { Wire } from './raw-client.ts';

onEveryCluster('objects', contract => {
  const maps = (): string => `/api/v1/namespaces/${contract.namespace}/configmaps`;
  const sets = (): string => `/apis/apps/v1/namespaces/${contract.namespace}/replicasets`;

  it('a create fills in uid, version and time, and a second create of the name is a 409 AlreadyExists', async () => {
    const made = await contract.client.created(maps(), configMap('once', { a: '1' }));
    expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(made.metadata.resourceVersion).toMatch(/^\d+$/);
    expect(made.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(made.metadata.namespace).toBe(contract.namespace);
    const again = await contract.client.create(maps(), configMap('once'));
    expect(again.code).toBe(409);
    expect(again.body).toMatchObject({ kind: 'Status', status: 'Failure', reason: 'AlreadyExists', code: 409 });
    expect(again.body.message).toBe('configmaps "once" already exists');
    expect(again.body.details).toMatchObject({ name: 'once', kind: 'configmaps' });
  });

  it('a missing object is a 404 with details', async () => {
    const { code, body } = await contract.client.get(`${sets()}/none`);
    expect(code).toBe(404);
    expect(body.message).toBe('replicasets.apps "none" not found');
    expect(body.details).toEqual({ name: 'none', group: 'apps', kind: 'replicasets' });
  });

  it('generateName makes a name', async () => {
    const made = await contract.client.created(maps(), { ...configMap('x'), metadata: { generateName: 'made-' } });
    expect(made.metadata.name).toMatch(/^made-[a-z0-9]{5}$/);
  });

  it('an update of a stale version is a 409 Conflict and one of the current version counts up', async () => {
    const first = await contract.client.created(maps(), configMap('versions', { a: '1' }));
    const second = await contract.client.update(`${maps()}/versions`, { ...first, data: { a: '2' } });
    expect(second.code).toBe(200);
    expect(BigInt(second.body.metadata.resourceVersion)).toBeGreaterThan(BigInt(first.metadata.resourceVersion));
    const stale = await contract.client.update(`${maps()}/versions`, { ...first, data: { a: '3' } });
    expect(stale.code).toBe(409);
    expect(stale.body.reason).toBe('Conflict');
    expect(stale.body.message).toBe(
      'Operation cannot be fulfilled on configmaps "versions": the object has been modified; please apply your changes to the latest version and try again',
    );
  });

  it('a write that changes nothing keeps the version', async () => {
    const made = await contract.client.created(maps(), configMap('same', { a: '1' }));
    const again = await contract.client.mergePatch(`${maps()}/same`, { data: { a: '1' } });
    expect(again.body.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
  });

  it('a dry run answers the object and stores nothing', async () => {
    const { code, body } = await contract.client.create(`${maps()}?dryRun=All`, configMap('dry', { a: '1' }));
    expect(code).toBe(201);
    expect(body.data).toEqual({ a: '1' });
    expect((await contract.client.get(`${maps()}/dry`)).code).toBe(404);
  });

  it('generation counts spec changes only, and status is isolated on both sides', async () => {
    const made = await contract.client.created(sets(), { ...replicaSet('gen', 0), status: { replicas: 7 } });
    expect(made.metadata.generation).toBe(1);
    expect(made.status.replicas).toBe(0);
    const labelled = await contract.client.mergePatch(`${sets()}/gen`, { metadata: { labels: { a: 'b' } } });
    expect(labelled.body.metadata.generation).toBe(1);
    const scaled = await contract.client.mergePatch(`${sets()}/gen`, {
      spec: { minReadySeconds: 3 },
      status: { replicas: 9 },
    });
    expect(scaled.body.metadata.generation).toBe(2);
    expect(scaled.body.status.replicas).toBe(0);
    const status = { spec: { replicas: 5 }, status: { replicas: 0, observedGeneration: 1 } };
    const reported = await contract.client.mergePatch(`${sets()}/gen/status`, status);
    expect(reported.code).toBe(200);
    expect(reported.body.spec.replicas).toBe(0);
    expect(reported.body.metadata.generation).toBe(2);
  });

  it('a ReplicaSet gets its defaults', async () => {
    const { spec } = await contract.client.created(sets(), replicaSet('defaults', 0));
    expect(spec.template.spec).toMatchObject({
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      terminationGracePeriodSeconds: 30,
      schedulerName: 'default-scheduler',
      securityContext: {},
    });
    expect(spec.template.spec.containers[0]).toMatchObject({
      imagePullPolicy: 'IfNotPresent',
      terminationMessagePath: '/dev/termination-log',
      terminationMessagePolicy: 'File',
      resources: {},
    });
  });

  it('a ReplicaSet whose selector does not match its template is a 422 with the field', async () => {
    const bad: Wire = replicaSet('bad', 1);
    bad.spec.template.metadata.labels = { app: 'other' };
    const { code, body } = await contract.client.create(sets(), bad);
    expect(code).toBe(422);
    expect(body.reason).toBe('Invalid');
    expect(body.details.causes.map((cause: Wire) => cause.field)).toContain('spec.template.metadata.labels');
    expect(body.message).toContain('`selector` does not match template `labels`');
  });

  it("a ReplicaSet's selector never changes", async () => {
    const made = await contract.client.created(sets(), replicaSet('fixed', 0));
    const next = structuredClone(made);
    // A controller may have written the status meanwhile.
    delete next.metadata.resourceVersion;
    next.spec.selector.matchLabels.more = 'x';
    next.spec.template.metadata.labels.more = 'x';
    const { code, body } = await contract.client.update(`${sets()}/fixed`, next);
    expect(code).toBe(422);
    expect(body.message).toContain('field is immutable');
  });

  it('a Service gets an address, a type and complete ports, and keeps its address', async () => {
    const path = `/api/v1/namespaces/${contract.namespace}/services`;
    const { spec } = await contract.client.created(path, service('net', { app: 'x' }));
    expect(spec).toMatchObject({ type: 'ClusterIP', sessionAffinity: 'None', internalTrafficPolicy: 'Cluster' });
    expect(spec.clusterIP).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    expect(spec.clusterIPs).toEqual([spec.clusterIP]);
    expect(spec.ports).toEqual([{ port: 80, protocol: 'TCP', targetPort: 80 }]);
    const changed = await contract.client.mergePatch(`${path}/net`, { spec: { selector: { app: 'y' } } });
    expect(changed.body.spec.clusterIP).toBe(spec.clusterIP);
  });

  it('wrong JSON and wrong types are a 400', async () => {
    const broken = await contract.client.send('POST', maps(), '{"kind":');
    expect(broken.code).toBe(400);
    expect(broken.body.kind).toBe('Status');
    const wrong = await contract.client.create(sets(), { ...replicaSet('types', 1), spec: { replicas: 'many' } });
    expect(wrong.code).toBe(400);
    expect(wrong.body.message).toContain('cannot unmarshal string into');
  });

  it('an unknown field is warned about by default and refused under Strict', async () => {
    const odd = { ...configMap('odd'), nonsense: 1 };
    const warned = await contract.client.create(`${maps()}?fieldValidation=Warn`, odd);
    expect(warned.code).toBe(201);
    expect(warned.warnings.join()).toContain('unknown field \\"nonsense\\"');
    expect(warned.body.nonsense).toBeUndefined();
    const strict = await contract.client.create(`${maps()}?fieldValidation=Strict`, odd);
    expect(strict.code).toBe(400);
    expect(strict.body.message).toContain('strict decoding error: unknown field "nonsense"');
  });

  it('a name that is none is a 422', async () => {
    const { code, body } = await contract.client.create(maps(), configMap('Not_A_Name'));
    expect(code).toBe(422);
    expect(body.details.causes[0]).toMatchObject({ reason: 'FieldValueInvalid', field: 'metadata.name' });
  });

  it('an object in a namespace that is not there is a 404', async () => {
    const { code, body } = await contract.client.create('/api/v1/namespaces/nowhere/configmaps', configMap('x'));
    expect(code).toBe(404);
    expect(body.message).toBe('namespaces "nowhere" not found');
  });

  it('one event reads under both groups', async () => {
    const about = { kind: 'ConfigMap', name: 'x', namespace: contract.namespace, apiVersion: 'v1' };
    const event = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'told' },
      regarding: about,
      reason: 'Tested',
      note: 'a note',
      type: 'Normal',
      action: 'Testing',
      eventTime: '2026-01-02T03:04:05.000000Z',
      reportingController: 'contract.example.com/test',
      reportingInstance: 'one',
    };
    await contract.client.created(`/apis/events.k8s.io/v1/namespaces/${contract.namespace}/events`, event);
    const core = `/api/v1/namespaces/${contract.namespace}/events`;
    const { body } = await contract.client.get(`${core}/told`);
    expect(body).toMatchObject({
      involvedObject: { name: 'x' },
      message: 'a note',
      reportingComponent: 'contract.example.com/test',
    });
    const found = await contract.client.get(`${core}?fieldSelector=involvedObject.name%3Dx,reason%3DTested`);
    expect(found.body.items).toHaveLength(1);
    const none = await contract.client.get(`${core}?fieldSelector=involvedObject.name%3Dy`);
    expect(none.body.items).toHaveLength(0);
  });
});
