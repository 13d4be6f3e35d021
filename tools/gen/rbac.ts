import { dump } from 'js-yaml';
import {
  CLUSTER_PERMISSIONS,
  GIT_SYNC_PERMISSIONS,
  OWN_NAMESPACE_PERMISSIONS,
  type Permission,
  ROUTER_PERMISSIONS,
  TEAM_PERMISSIONS,
} from '../../src/operator/permissions.ts';

type Manifest = Record<string, unknown>;

const LABELS = { 'app.kubernetes.io/name': 'sluice', 'app.kubernetes.io/part-of': 'sluice' };
const NAMESPACE = 'sluice-system';
const ACCOUNT = { kind: 'ServiceAccount', name: 'sluice', namespace: NAMESPACE };

const rules = (permissions: readonly Permission[]) =>
  permissions.map(({ apiGroups, resources, verbs }) => ({ apiGroups, resources, verbs }));

/** Roles and bindings, from what the parts of the operator declare. */
export function rbacManifests(): Manifest[] {
  const manifests: Manifest[] = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'sluice', namespace: NAMESPACE, labels: LABELS } },
    ...clusterRole('sluice', CLUSTER_PERMISSIONS),
  ];
  for (const [router, permissions] of Object.entries(ROUTER_PERMISSIONS))
    manifests.push(...clusterRole(`sluice-router-${router}`, permissions));
  manifests.push(
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'sluice', namespace: NAMESPACE, labels: LABELS },
      rules: rules(OWN_NAMESPACE_PERMISSIONS),
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'sluice', namespace: NAMESPACE, labels: LABELS },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'sluice' },
      subjects: [ACCOUNT],
    },
    // Bound by teams in their own namespace: kubectl create rolebinding sluice-secrets --clusterrole=sluice-team-secrets …
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'sluice-team-secrets', labels: LABELS },
      rules: rules(TEAM_PERMISSIONS),
    },
  );
  return manifests;
}

function clusterRole(name: string, permissions: readonly Permission[]): Manifest[] {
  return [
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name, labels: LABELS },
      rules: rules(permissions),
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name, labels: LABELS },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [ACCOUNT],
    },
  ];
}

/** YAML of what the synchronizer adds, with the reason for each rule beside it. */
export function gitSyncRbacYaml(): string {
  const [role, binding] = clusterRole('sluice-git-sync', []);
  const { rules: _none, ...head } = role ?? {};
  const reasoned = GIT_SYNC_PERMISSIONS.map(permission => {
    const lines = dump(rules([permission]), { noRefs: true })
      .trimEnd()
      .split('\n');
    return [`  # ${permission.why}`, ...lines.map(line => `  ${line}`)].join('\n');
  });
  return `${dump(head, { noRefs: true })}rules:\n${reasoned.join('\n')}\n---\n${dump(binding, { noRefs: true })}`;
}
