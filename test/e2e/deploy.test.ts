import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GitRepository } from '../../src/sandbox/git/git-repository.ts';
import { GitServer } from '../../src/sandbox/git/git-server.ts';
import { skipUnless } from '../support/binaries/availability.ts';
import { applyFolder } from '../support/control-plane/apply-folder.ts';
import { applyGatewayApiCrds } from '../support/control-plane/gateway-api.ts';
import { makeTempFolder } from '../support/control-plane/temp-folder.ts';
import { RIG_USERS } from '../support/control-plane/users.ts';
import { type ControlPlane, controlPlaneAvailability, startControlPlane } from '../support/control-plane.ts';
import { type OperatorProcess, startOperator } from '../support/operator-process.ts';

const ROOT = join(import.meta.dirname, '../..');
const SLOW_MS = 120_000;

const service = (name: string) =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {selector: {app: shop}, ports: [{port: 80}]}\n`;

/** One object of every kind that a shop needs. */
const SHOP = {
  'apps/services.yaml': `${service('shop-stable')}---\n${service('shop-canary')}`,
  'apps/config.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\ndata: {colour: blue}\n',
  'apps/budget.yaml':
    'apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: shop}\nspec: {maxUnavailable: 1, selector: {matchLabels: {app: shop}}}\n',
  'apps/route.yaml': `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: web}]
  rules:
  - backendRefs: [{name: shop-stable, port: 80, weight: 100}, {name: shop-canary, port: 80, weight: 0}]
`,
  'apps/template.yaml': `apiVersion: sluice.dev/v1alpha1
kind: AnalysisTemplate
metadata: {name: shop}
spec:
  metrics: [{name: up, interval: 10s, threshold: {min: 1}, provider: {prometheus: {query: vector(1)}}}]
`,
  'apps/rollout.yaml': `apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: shop}
spec:
  replicas: 0
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: "shop:1"}]}
  strategy:
    canary:
      stableService: shop-stable
      canaryService: shop-canary
      trafficRouting: {gatewayAPI: {httpRoute: shop}}
      steps: [{setWeight: 20}, {pause: {}}]
`,
};

describe.skipIf(skipUnless(controlPlaneAvailability()))('the manifests under deploy/', () => {
  let plane: ControlPlane;
  let operator: OperatorProcess | undefined;
  let git: GitServer | undefined;
  const folder = makeTempFolder('sluice-deploy');
  const kubectl = async (...args: string[]) => (await plane.kubectl(args)).trim();

  beforeAll(async () => {
    plane = await startControlPlane({ operatorIsClusterAdmin: false });
    await applyGatewayApiCrds(plane.client);
    await applyFolder(plane.client, join(ROOT, 'crds'));
    // A dry run stores nothing, so the namespace of all others has to be there.
    await kubectl('apply', '-f', join(ROOT, 'deploy/base/namespace.yaml'));
  }, 20 * 60_000);

  afterAll(async () => {
    await operator?.stop();
    await git?.stop();
    await plane?.stop();
    await folder.remove();
  }, SLOW_MS);

  it.each(['deploy', 'deploy/with-git-sync'])(
    'are all accepted by the API server: %s',
    async path => {
      const said = await kubectl('apply', '--dry-run=server', '-k', join(ROOT, path));
      const lines = said.split('\n');
      expect(lines.length).toBeGreaterThan(10);
      for (const line of lines) expect(line).toContain('server dry run');
      expect(said.includes('sluice-git-sync')).toBe(path !== 'deploy');
      expect(said).not.toContain('Warning');
    },
    SLOW_MS,
  );

  it(
    'give the operator the rights to deliver a shop from Git, and to put right and delete what it declares',
    async () => {
      await kubectl('apply', '-k', join(ROOT, 'deploy/with-git-sync'));
      const repository = await GitRepository.create({ folder: join(folder.path, 'shop.git') });
      git = new GitServer({ repository, useGitProgram: false });
      await git.start();
      await repository.commitFiles('shop', SHOP);
      operator = await startOperator(plane.userKubeconfig('operator'), [
        '--git-sync',
        '--git-cache-dir',
        join(folder.path, 'git-cache'),
      ]);
      const gitSync = `apiVersion: sluice.dev/v1alpha1\nkind: GitSync\nmetadata: {name: shop}\nspec: {repository: "${git.url}", branch: main, path: apps, interval: 1s}`;
      await plane.kubectl(['apply', '-f', '-'], gitSync);
      const failures = () => kubectl('get', 'gitsync', 'shop', '-o', 'jsonpath={.status.failures}');
      await kubectl('wait', '--for=condition=Ready', 'gitsync/shop', '--timeout=60s').catch(async error => {
        throw new Error(`${String(error)}: ${await failures()}`, { cause: error });
      });
      expect(await kubectl('get', 'rollout,httproute,pdb', 'shop', '-o', 'name')).toContain('rollout.sluice.dev/shop');
      const applies = () => plane.auditEntries({ user: RIG_USERS.operator.name, verb: 'patch' }).length;
      await sleep(2_000);
      const before = applies();
      expect(before).toBeGreaterThan(6);
      await sleep(3_000);
      expect(applies()).toBe(before);
      await kubectl('patch', 'configmap', 'shop', '--type=merge', '-p', '{"data":{"colour":"red"}}');
      await kubectl('wait', '--for=jsonpath={.data.colour}=blue', 'configmap/shop', '--timeout=30s');
      const gone = Object.keys(SHOP).filter(path => path !== 'apps/services.yaml');
      const sha = await repository.commitFiles('close', Object.fromEntries(gone.map(path => [path, null])));
      const revision = `--for=jsonpath={.status.lastAppliedRevision}=main@sha1:${sha}`;
      await kubectl('wait', revision, 'gitsync/shop', '--timeout=60s').catch(async error => {
        throw new Error(`${String(error)}: ${await failures()}`, { cause: error });
      });
      for (const kind of ['rollout', 'httproute', 'pdb', 'analysistemplate', 'configmap'])
        expect(await kubectl('get', kind, 'shop', '--ignore-not-found', '-o', 'name'), kind).toBe('');
    },
    SLOW_MS,
  );
});
