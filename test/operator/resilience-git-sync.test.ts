import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { GitSyncStatus } from '../../src/api/git-sync.ts';
import type { Operator } from '../../src/operator/operator.ts';
import { GitRepository } from '../../src/sandbox/git/git-repository.ts';
import { GitServer } from '../../src/sandbox/git/git-server.ts';
import { eventually } from '../support/eventually.ts';
import type { FaultProxy } from '../support/fault-proxy/fault-proxy.ts';
import { NAMESPACE, OperatorWorld, TYPES } from '../support/operator-world.ts';
import { on, proxyBefore, startBehind } from './resilience-rig.ts';

/** A patient wait: the next run may come with the interval or after a backoff. Milliseconds. */
const PATIENT_MS = 30_000;

let world: OperatorWorld;
let proxy: FaultProxy;
let operator: Operator;
let repository: GitRepository;
let git: GitServer;

beforeEach(async () => {
  world = await OperatorWorld.start(false);
  proxy = await proxyBefore(world);
  repository = await GitRepository.create({ folder: join(world.folder, 'shop.git') });
  git = new GitServer({ repository, useGitProgram: false });
  await git.start();
  operator = await startBehind(proxy, world);
});
afterEach(async () => {
  await operator.stop();
  await git.stop();
  await proxy.close();
  await world.stop();
});

const configMap = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {value: "1"}\n`;
const status = async () => ((await world.find(TYPES.gitSyncs, 'shop'))?.['status'] ?? {}) as GitSyncStatus;
const condition = async (type: string) => (await status()).conditions?.find(one => one.type === type);
const inventory = async () => ((await status()).inventory ?? []).map(entry => entry.id).sort();
const idOf = (name: string) => `${NAMESPACE}_${name}__ConfigMap`;

it('what left the repository and could not be deleted stays known, is reported, and is deleted by the next run', {
  timeout: 90_000,
}, async () => {
  const first = await repository.commitFiles('first', { 'a.yaml': configMap('one'), 'b.yaml': configMap('two') });
  await world.apply(
    `apiVersion: sluice.dev/v1alpha1\nkind: GitSync\nmetadata: {name: shop}\nspec: {repository: "${git.url}", branch: main, interval: 1s}\n`,
  );
  const applied = (sha: string) =>
    eventually(
      `${sha} is applied`,
      async () => (await status()).lastAppliedRevision === `main@sha1:${sha}`,
      PATIENT_MS,
    );
  await applied(first);

  proxy.inject({
    when: on('delete', 'configmaps'),
    times: Number.POSITIVE_INFINITY,
    fault: { kind: 'status', status: 403, reason: 'Forbidden', message: 'no right to delete configmaps' },
  });
  const second = await repository.commitFiles('second', { 'b.yaml': null });
  await eventually('it says so', async () => ((await status()).failures ?? []).length > 0, PATIENT_MS);
  const { failures = [], lastAppliedRevision } = await status();
  expect(failures).toEqual([{ id: idOf('two'), message: expect.stringContaining('no right to delete configmaps') }]);
  expect(await condition('Ready')).toMatchObject({ status: 'False' });
  expect(lastAppliedRevision).not.toBe(`main@sha1:${second}`);
  expect(await inventory()).toEqual([idOf('one'), idOf('two')]);
  expect(await world.find(TYPES.configMaps, 'two')).toBeDefined();

  proxy.mend();
  await applied(second);
  expect(await world.find(TYPES.configMaps, 'two')).toBeUndefined();
  expect(await world.find(TYPES.configMaps, 'one')).toBeDefined();
  expect(await inventory()).toEqual([idOf('one')]);
  expect(await condition('Ready')).toMatchObject({ status: 'True' });
  expect((await status()).failures ?? []).toEqual([]);
});
