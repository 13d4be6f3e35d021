import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import {
  CLUSTER_PERMISSIONS,
  OWN_NAMESPACE_PERMISSIONS,
  type Permission,
  ROUTER_PERMISSIONS,
  TEAM_PERMISSIONS,
} from '../../src/operator/permissions.ts';
import { rbacManifests } from '../../tools/gen/rbac.ts';

const EVERYWHERE = [...CLUSTER_PERMISSIONS, ...Object.values(ROUTER_PERMISSIONS).flat()];
const ALL: readonly Permission[] = [...EVERYWHERE, ...OWN_NAMESPACE_PERMISSIONS, ...TEAM_PERMISSIONS];

/** `verb group/resource` of every rule. */
const grants = (rules: readonly Permission[]) =>
  rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap(group => resources.flatMap(resource => verbs.map(verb => `${verb} ${group}/${resource}`))),
  );

describe('what the operator may do', () => {
  it('has a reason for every rule, and no wildcard', () => {
    for (const rule of ALL) {
      expect(rule.why.trim(), JSON.stringify(rule.resources)).not.toBe('');
      for (const list of [rule.apiGroups, rule.resources, rule.verbs]) {
        expect(list.length).toBeGreaterThan(0);
        expect(list).not.toContain('*');
      }
    }
  });

  it('never lists or watches Secrets, and reads them in no namespace that did not ask for it', () => {
    for (const verb of ['list', 'watch', 'create', 'update', 'patch', 'delete'])
      expect(grants(ALL)).not.toContain(`${verb} /secrets`);
    expect(grants(EVERYWHERE).filter(grant => grant.endsWith('/secrets'))).toEqual([]);
  });

  it('writes no declaration of a team', () => {
    const kinds = [
      'rollouts',
      'analysistemplates',
      'clusteranalysistemplates',
      'metricproviders',
      'notifiers',
      'gitsyncs',
    ];
    for (const kind of kinds)
      for (const verb of ['create', 'update', 'patch', 'delete'])
        expect(grants(ALL)).not.toContain(`${verb} sluice.dev/${kind}`);
  });

  it('can neither give itself more nor act as somebody else', () => {
    for (const grant of grants(ALL))
      expect(grant).not.toMatch(/rbac\.authorization|^(impersonate|escalate|bind) |pods\/exec/);
  });

  it('is what the manifests say that are shipped', async () => {
    const file = join(import.meta.dirname, '../../deploy/base/rbac.yaml');
    expect(loadAll(await readFile(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(rbacManifests())));
  });
});
