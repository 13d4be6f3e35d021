import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GitSyncStatus } from '../../src/api/git-sync.ts';
import { type FileChanges, GitRepository } from '../../src/sandbox/git/git-repository.ts';
import { eventually } from '../support/eventually.ts';
import { NAMESPACE, OperatorWorld, TYPES } from '../support/operator-world.ts';

const configMap = (name: string, value: string, namespace?: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}${namespace ? `, namespace: ${namespace}` : ''}}\ndata: {value: "${value}"}\n`;
const ROLLOUT = `apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: shop}
spec:
  replicas: 0
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: "shop:1"}]}
  strategy: {canary: {steps: [{setWeight: 20}, {pause: {}}]}}
`;

let world: OperatorWorld;
let repository: GitRepository;

beforeEach(async () => {
  world = await OperatorWorld.start(false);
  repository = await GitRepository.create({ folder: join(world.folder, 'shop.git') });
  await world.startOperator();
});
afterEach(() => world.stop());

const commit = (files: FileChanges) => repository.commitFiles('change', files);
const declare = (more = '', interval = '1s') =>
  world.apply(
    `apiVersion: sluice.dev/v1alpha1\nkind: GitSync\nmetadata: {name: shop}\nspec: {repository: "${pathToFileURL(repository.folder).href}", branch: main, interval: ${interval}${more}}\n`,
  );
const status = async () => ((await world.find(TYPES.gitSyncs, 'shop'))?.['status'] ?? {}) as GitSyncStatus;
const condition = async (type: string) => (await status()).conditions?.find(one => one.type === type);
const applied = (sha: string) =>
  eventually(`${sha} is applied`, async () => (await status()).lastAppliedRevision === `main@sha1:${sha}`);
const dataOf = async (name: string) =>
  ((await world.find(TYPES.configMaps, name))?.['data'] as { value?: string } | undefined)?.value;

describe('a GitSync', () => {
  it('applies a commit, says so in its status, and follows the next one', async () => {
    const first = await commit({ 'a.yaml': configMap('one', '1'), 'rollout.yaml': ROLLOUT });
    await declare();
    await applied(first);
    expect(await dataOf('one')).toBe('1');
    expect(await condition('Ready')).toMatchObject({ status: 'True', reason: 'Applied' });
    expect((await status()).conditions).toHaveLength(1);
    const rollout = await world.find(TYPES.rollouts, 'shop');
    expect(rollout?.metadata.labels).toMatchObject({ 'sluice.dev/git-sync': 'shop' });
    expect(rollout?.metadata.annotations).toMatchObject({
      'sluice.dev/git-repository': pathToFileURL(repository.folder).href,
      'sluice.dev/git-revision': `main@sha1:${first}`,
      'sluice.dev/git-path': 'rollout.yaml',
    });

    const second = await commit({ 'a.yaml': configMap('one', '2') });
    await applied(second);
    expect(await dataOf('one')).toBe('2');
    // The Rollout's own manifest did not change, so neither did the commit that it is traced to.
    const after = await world.find(TYPES.rollouts, 'shop');
    expect(after?.metadata.annotations?.['sluice.dev/git-revision']).toBe(`main@sha1:${first}`);
    expect(after?.metadata.generation).toBe(rollout?.metadata.generation);
  });

  it('deletes what left the repository, and nothing that it did not apply', async () => {
    await world.apply(configMap('foreign', 'x'));
    await syncFirst({ 'a.yaml': configMap('one', '1'), 'b.yaml': configMap('two', '2') });
    await applied(await commit({ 'b.yaml': null }));
    expect(await dataOf('two')).toBeUndefined();
    expect(await dataOf('one')).toBe('1');
    expect(await dataOf('foreign')).toBe('x');
    expect((await status()).inventory?.map(entry => entry.id)).toEqual([`${NAMESPACE}_one__ConfigMap`]);
  });

  it('keeps what left the repository when prune is off', async () => {
    const first = await commit({ 'a.yaml': configMap('one', '1'), 'b.yaml': configMap('two', '2') });
    await declare(', prune: false');
    await applied(first);
    await applied(await commit({ 'b.yaml': null }));
    expect(await dataOf('two')).toBe('2');
  });

  it('undoes an edit and a deletion long before its interval', async () => {
    const first = await commit({ 'a.yaml': configMap('one', '1') });
    await declare('', '10m');
    await applied(first);
    // Drift is seen from when the watch of the type has listed once.
    await sleep(500);
    await world.apply(configMap('one', 'edited'));
    await eventually('the edit is undone', async () => (await dataOf('one')) === '1');
    await world.client.delete(TYPES.configMaps, { namespace: NAMESPACE, name: 'one' }, {});
    await eventually('the object is back', async () => (await dataOf('one')) === '1');
  });

  it('refuses what is not of its namespace, and applies the rest', async () => {
    const clusterRole =
      'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: root}\nrules: []\n';
    const unknown = 'apiVersion: example.dev/v1\nkind: Gadget\nmetadata: {name: g}\n';
    await commit({
      'a.yaml': configMap('one', '1'),
      'b.yaml': configMap('theirs', '1', 'default'),
      'c.yaml': clusterRole,
      'd.yaml': unknown,
    });
    await declare();
    await eventually('it is stalled', async () => (await condition('Stalled'))?.status === 'True');
    expect(await dataOf('one')).toBe('1');
    expect(await world.client.find(TYPES.configMaps, { namespace: 'default', name: 'theirs' })).toBeUndefined();
    expect(await condition('Ready')).toMatchObject({ status: 'False', reason: 'ApplyFailed' });
    const { failures = [], lastAppliedRevision, message } = await status();
    expect(lastAppliedRevision).toBeUndefined();
    expect(message).toContain('3 of 4 objects could not be applied');
    const sentences = failures.map(failure => failure.message).join('\n');
    expect(sentences).toContain('ClusterRole root is cluster-scoped');
    expect(sentences).toContain('ConfigMap theirs names namespace default');
    expect(sentences).toContain('does not serve example.dev/v1 Gadget');
  });

  it('applies nothing of a commit with broken YAML, names the file, and recovers', async () => {
    const first = await syncFirst({ 'a.yaml': configMap('one', '1') });
    const broken = await commit({ 'a.yaml': configMap('one', '2'), 'b.yaml': 'a: [1\nb: {' });
    await eventually('it is stalled', async () => (await condition('Stalled'))?.status === 'True');
    const { message, lastAppliedRevision, lastAttemptedRevision } = await status();
    expect(message).toContain('b.yaml: ');
    expect(message).toContain('nothing of this commit was applied');
    expect(lastAppliedRevision).toBe(`main@sha1:${first}`);
    expect(lastAttemptedRevision).toBe(`main@sha1:${broken}`);
    expect(await dataOf('one')).toBe('1');
    await applied(await commit({ 'b.yaml': null }));
    expect(await dataOf('one')).toBe('2');
    expect(await condition('Stalled')).toBeUndefined();
  });

  it('says that a branch is missing, and goes on when it is there', async () => {
    await declare();
    await eventually('it says so', async () => (await condition('Ready'))?.reason === 'NoSuchBranch');
    expect(await condition('Reconciling')).toMatchObject({ status: 'True' });
    await applied(await commit({ 'a.yaml': configMap('one', '1') }));
    expect(await condition('Ready')).toMatchObject({ status: 'True' });
  });

  it('does nothing while it is suspended', async () => {
    await commit({ 'a.yaml': configMap('one', '1') });
    await declare(', suspend: true');
    await sleep(500);
    expect(await dataOf('one')).toBeUndefined();
    await declare(', suspend: false');
    await eventually('it is applied', async () => (await dataOf('one')) === '1');
  });

  it('changes nothing while the repository does not change', async () => {
    await syncFirst({ 'a.yaml': configMap('one', '1'), 'rollout.yaml': ROLLOUT });
    await sleep(1_500);
    const before = [await world.find(TYPES.configMaps, 'one'), await world.find(TYPES.gitSyncs, 'shop')];
    const statusWrites = () => world.writes.filter(entry => entry.subresource === 'status').length;
    const written = statusWrites();
    await sleep(2_000);
    expect([await world.find(TYPES.configMaps, 'one'), await world.find(TYPES.gitSyncs, 'shop')]).toEqual(before);
    expect(statusWrites()).toBe(written);
  });
});

async function syncFirst(files: FileChanges): Promise<string> {
  const sha = await commit(files);
  await declare();
  await applied(sha);
  return sha;
}
