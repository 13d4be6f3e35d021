import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient, KubeObject } from '../control-plane/api-client.ts';
import { applyFolder } from '../control-plane/apply-folder.ts';
import { RIG_USERS } from '../control-plane/users.ts';

const BASE = join(import.meta.dirname, '../../../deploy/base');
const RULES_MS = 30_000;
const RBAC = '/apis/rbac.authorization.k8s.io/v1';

interface PolicyRule {
  readonly apiGroups: readonly string[];
  /** Absent in rules about addresses that are no resources. */
  readonly resources?: readonly string[];
  readonly verbs: readonly string[];
}

/** Gives the operator's user what deploy/base gives it, and no more. */
export async function applyRealRbac(client: ApiClient): Promise<void> {
  await applyFolder(client, join(BASE, 'namespace.yaml'));
  await applyFolder(client, join(BASE, 'rbac.yaml'));
}

/**
 * Takes a verb on a resource from the operator's ClusterRoles; one namespace, if any, keeps it by a Role of its own. Resolves when
 * the API server goes by it: it hears of its own rules with some delay.
 * @returns gives it back
 */
export async function takeAway(
  client: ApiClient,
  verb: string,
  resource: string,
  keptIn?: string,
): Promise<() => Promise<void>> {
  const roles = (await client.list(`${RBAC}/clusterroles`)).filter(role => rulesOf(role).some(has(verb, resource)));
  const ours = roles.filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/part-of'] === 'sluice');
  const taken = ours.flatMap(role => rulesOf(role).filter(has(verb, resource)));
  if (keptIn !== undefined) await keep(client, keptIn, `keeps-${resource}`, taken);
  for (const role of ours) {
    const rules = rulesOf(role).map(rule =>
      has(verb, resource)(rule) ? { ...rule, verbs: rule.verbs.filter(one => one !== verb) } : rule,
    );
    await client.patch(`${RBAC}/clusterroles/${role.metadata.name}`, 'merge', { rules });
  }
  const group = taken[0]?.apiGroups[0] ?? '';
  const may = (namespace: string) => mayOperator(client, { group, resource, verb, namespace });
  await until(`the operator may ${verb} ${resource} in ${keptIn ?? 'no namespace'} only`, async () => {
    return (keptIn === undefined || (await may(keptIn))) && !(await may('default'));
  });
  return async () => {
    for (const role of ours)
      await client.patch(`${RBAC}/clusterroles/${role.metadata.name}`, 'merge', { rules: rulesOf(role) });
    await until(`the operator may ${verb} ${resource} again`, () => may('default'));
  };
}

/** A Role of the operator in one namespace. */
async function keep(client: ApiClient, namespace: string, name: string, rules: readonly PolicyRule[]): Promise<void> {
  await client.create(`${RBAC}/namespaces/${namespace}/roles`, { metadata: { name }, rules });
  await client.create(`${RBAC}/namespaces/${namespace}/rolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name: 'sluice', namespace: 'sluice-system' }],
  });
}

async function mayOperator(client: ApiClient, resourceAttributes: Readonly<Record<string, string>>): Promise<boolean> {
  const { name: user, groups } = RIG_USERS.operator;
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user, groups, resourceAttributes },
  };
  const { status } = await client.create('/apis/authorization.k8s.io/v1/subjectaccessreviews', review);
  return (status as { allowed: boolean }).allowed;
}

async function until(what: string, check: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + RULES_MS; !(await check()); await sleep(50))
    if (performance.now() > deadline) throw new Error(`the API server does not go by its rules: ${what}`);
}

function rulesOf(role: KubeObject): PolicyRule[] {
  return (role['rules'] ?? []) as PolicyRule[];
}

function has(verb: string, resource: string): (rule: PolicyRule) => boolean {
  return ({ resources = [], verbs }) => resources.includes(resource) && verbs.includes(verb);
}
