import { expect, it } from 'vitest';
import { configMap, replicaSet } from './objects.ts';
import { onEveryCluster } from './on-every-cluster.ts';
import type { Wire } from './raw-client.ts';

onEveryCluster('deletion', contract => {
  const maps = (): string => `/api/v1/namespaces/${contract.namespace}/configmaps`;
  const sets = (): string => `/apis/apps/v1/namespaces/${contract.namespace}/replicasets`;
  const ownedBy = (owner: Wire): object => ({
    ownerReferences: [
      {
        apiVersion: owner.apiVersion ?? 'v1',
        kind: owner.kind ?? 'ConfigMap',
        name: owner.metadata.name,
        uid: owner.metadata.uid,
        blockOwnerDeletion: true,
      },
    ],
  });

  it('a deletion with the wrong uid or version is a 409 and deletes nothing', async () => {
    const made = await contract.client.created(maps(), configMap('guarded'));
    const wrongUid = await contract.client.delete(`${maps()}/guarded`, { preconditions: { uid: 'other' } });
    expect(wrongUid.code).toBe(409);
    expect(wrongUid.body.message).toContain('the UID in the precondition (other) does not match the UID in record');
    const wrongVersion = await contract.client.delete(`${maps()}/guarded`, { preconditions: { resourceVersion: '1' } });
    expect(wrongVersion.code).toBe(409);
    const right = await contract.client.delete(`${maps()}/guarded`, { preconditions: { uid: made.metadata.uid } });
    expect(right.code).toBe(200);
    expect(right.body).toMatchObject({
      kind: 'Status',
      status: 'Success',
      details: { name: 'guarded', kind: 'configmaps' },
    });
    expect((await contract.client.get(`${maps()}/guarded`)).code).toBe(404);
  });

  it('a finalizer holds an object until it is taken away, and none can be added meanwhile', async () => {
    await contract.client.created(maps(), configMap('held', {}, { finalizers: ['example.com/hold'] }));
    const deleted = await contract.client.delete(`${maps()}/held`);
    expect(deleted.code).toBe(200);
    const held = await contract.client.get(`${maps()}/held`);
    expect(held.body.metadata.deletionTimestamp).toBeDefined();
    const more = { metadata: { finalizers: ['example.com/hold', 'example.com/more'] } };
    expect((await contract.client.mergePatch(`${maps()}/held`, more)).code).toBe(422);
    await contract.client.mergePatch(`${maps()}/held`, { metadata: { finalizers: [] } });
    expect((await contract.client.get(`${maps()}/held`)).code).toBe(404);
  });

  it('what an object owns goes with it', async () => {
    const owner = await contract.client.created(maps(), configMap('owner'));
    await contract.client.created(maps(), configMap('owned', {}, ownedBy(owner)));
    await contract.client.delete(`${maps()}/owner`, { propagationPolicy: 'Background' });
    await contract.client.until(`${maps()}/owned`, ({ code }) => code === 404);
  });

  it('a foreground deletion waits for what the object owns', async () => {
    const owner = await contract.client.created(sets(), replicaSet('front', 0));
    const owned = configMap(
      'behind',
      {},
      { ...ownedBy({ ...owner, apiVersion: 'apps/v1', kind: 'ReplicaSet' }), finalizers: ['example.com/hold'] },
    );
    await contract.client.created(maps(), owned);
    await contract.client.delete(`${sets()}/front`, { propagationPolicy: 'Foreground' });
    await contract.client.until(`${maps()}/behind`, ({ body }) => body.metadata?.deletionTimestamp !== undefined);
    const waiting = await contract.client.get(`${sets()}/front`);
    expect(waiting.body.metadata.finalizers).toContain('foregroundDeletion');
    await contract.client.mergePatch(`${maps()}/behind`, { metadata: { finalizers: null } });
    await contract.client.until(`${sets()}/front`, ({ code }) => code === 404);
  });

  it('orphans stay and lose their owner', async () => {
    const owner = await contract.client.created(maps(), configMap('parent'));
    await contract.client.created(maps(), configMap('orphan', {}, ownedBy(owner)));
    await contract.client.delete(`${maps()}/parent`, { propagationPolicy: 'Orphan' });
    await contract.client.until(`${maps()}/parent`, ({ code }) => code === 404);
    const { code, body } = await contract.client.get(`${maps()}/orphan`);
    expect(code).toBe(200);
    expect(body.metadata.ownerReferences).toBeUndefined();
  });

  it('a collection is deleted by selector', async () => {
    for (const name of ['c1', 'c2'])
      await contract.client.created(maps(), configMap(name, {}, { labels: { many: 'yes' } }));
    await contract.client.created(maps(), configMap('c3'));
    const { code } = await contract.client.delete(`${maps()}?labelSelector=many%3Dyes`);
    expect(code).toBe(200);
    await contract.client.until(`${maps()}/c1`, answer => answer.code === 404);
    await contract.client.until(`${maps()}/c2`, answer => answer.code === 404);
    expect((await contract.client.get(`${maps()}/c3`)).code).toBe(200);
  });

  it('a pod on a node stays until it is deleted with grace 0', async () => {
    const pods = `/api/v1/namespaces/${contract.namespace}/pods`;
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'running' },
      spec: {
        nodeName: 'somewhere',
        automountServiceAccountToken: false,
        containers: [{ name: 'c', image: 'example.com/c:1' }],
      },
    };
    await contract.client.created(pods, pod);
    await contract.client.delete(`${pods}/running`);
    const { body } = await contract.client.get(`${pods}/running`);
    expect(body.metadata.deletionTimestamp).toBeDefined();
    expect(body.metadata.deletionGracePeriodSeconds).toBe(30);
    await contract.client.delete(`${pods}/running`, { gracePeriodSeconds: 0 });
    await contract.client.until(`${pods}/running`, ({ code }) => code === 404);
  });

  it('a namespace goes with its content, and takes nothing new meanwhile', async () => {
    const name = `${contract.namespace}-gone`;
    await contract.client.created('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    const inside = `/api/v1/namespaces/${name}/configmaps`;
    await contract.client.created(inside, configMap('held', {}, { finalizers: ['example.com/hold'] }));
    const { body } = await contract.client.delete(`/api/v1/namespaces/${name}`);
    expect(body.status.phase).toBe('Terminating');
    const late = await contract.client.create(inside, configMap('late'));
    expect(late.code).toBe(403);
    expect(late.body.details.causes[0].reason).toBe('NamespaceTerminating');
    expect(late.body.message).toContain('because it is being terminated');
    await contract.client.until(`${inside}/held`, answer => answer.body.metadata?.deletionTimestamp !== undefined);
    await contract.client.mergePatch(`${inside}/held`, { metadata: { finalizers: null } });
    await contract.client.until(`/api/v1/namespaces/${name}`, answer => answer.code === 404);
  });
});
