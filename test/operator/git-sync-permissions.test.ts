import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { load, loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { CLUSTER_PERMISSIONS, GIT_SYNC_PERMISSIONS, ROUTER_PERMISSIONS } from '../../src/operator/permissions.ts';

const FOLDER = join(import.meta.dirname, '../../deploy/with-git-sync');
const text = (file: string) => readFile(join(FOLDER, file), 'utf8');

describe('what the synchronizer may write', () => {
  it('has a reason for every rule, and each is in the manifest', async () => {
    const yaml = await text('rbac.yaml');
    for (const { why } of GIT_SYNC_PERMISSIONS) expect(yaml).toContain(`# ${why}\n`);
  });

  it('is enough to apply, to watch for drift and to delete', () => {
    for (const { verbs } of GIT_SYNC_PERMISSIONS)
      expect([...verbs].sort()).toEqual(['create', 'delete', 'get', 'list', 'patch', 'watch']);
  });

  it('is neither everything, nor Secrets, nor rights, nor workloads that nobody gates', () => {
    for (const { apiGroups, resources } of GIT_SYNC_PERMISSIONS)
      for (const group of apiGroups)
        for (const resource of resources) {
          expect(`${group}/${resource}`).not.toContain('*');
          expect(`${group}/${resource}`).not.toMatch(
            /rbac|\/(secrets|serviceaccounts|pods|deployments|daemonsets|statefulsets|jobs|gitsyncs|notifiers)$/,
          );
        }
  });

  it('is not in what the operator may do without it', () => {
    const base = [...CLUSTER_PERMISSIONS, ...Object.values(ROUTER_PERMISSIONS).flat()];
    for (const { apiGroups, resources } of GIT_SYNC_PERMISSIONS)
      for (const resource of resources)
        for (const rule of base)
          if (apiGroups.some(group => rule.apiGroups.includes(group)) && rule.resources.includes(resource))
            expect(rule.verbs, resource).not.toContain('delete');
  });

  it("is bound to the operator's account, and the flag is set", async () => {
    const [role, binding] = loadAll(await text('rbac.yaml')) as Record<string, unknown>[];
    expect(role).toMatchObject({ kind: 'ClusterRole', metadata: { name: 'sluice-git-sync' } });
    expect(role?.['rules']).toHaveLength(GIT_SYNC_PERMISSIONS.length);
    expect(binding).toMatchObject({
      kind: 'ClusterRoleBinding',
      roleRef: { name: 'sluice-git-sync' },
      subjects: [{ kind: 'ServiceAccount', name: 'sluice', namespace: 'sluice-system' }],
    });
    expect(load(await text('kustomization.yaml'))).toMatchObject({
      resources: ['../../crds', '../base', 'rbac.yaml'],
      patches: [{ patch: expect.stringContaining('--git-sync') }],
    });
  });
});
