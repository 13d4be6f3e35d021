import { afterEach, beforeEach, expect, it } from 'vitest';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { eventually } from '../support/eventually.ts';
import { GitSyncShop } from '../support/git-sync-shop.ts';
import { OperatorShop } from '../support/operator-shop.ts';
import { NAMESPACE, OperatorWorld, TYPES } from '../support/operator-world.ts';

const HASH = 'sluice.dev/pod-template-hash';
const service = (name: string, more = '') =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}${more}}\nspec: {selector: {app: shop}, ports: [{name: http, port: 80, targetPort: http}]}\n`;
const backend = (name: string, weight: number) => `{name: ${name}, port: 80, weight: ${weight}}`;
const route = (rules: string) =>
  `apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: shop}\nspec:\n  parentRefs: [{name: web}]\n  rules:\n${rules}`;
const rule = (...backends: string[]) => `  - backendRefs: [${backends.join(', ')}]\n`;
const PAIR = rule(backend('shop-stable', 100), backend('shop-canary', 0));

let world: OperatorWorld;
let git: GitSyncShop;
let shop: OperatorShop;
let operator: { stop(): Promise<void> };

/** A canary at 25 %, between Services and a route that Git declares. */
beforeEach(async () => {
  world = await OperatorWorld.start(true);
  git = await GitSyncShop.open(world);
  operator = await world.startOperator();
  const sha = await git.commit({
    'stable.yaml': service('shop-stable'),
    'canary.yaml': service('shop-canary'),
    'route.yaml': route(PAIR),
  });
  await git.declare('1s');
  await git.applied(sha);
  shop = new OperatorShop(world, 'steps: [{setWeight: 25}, {pause: {}}]');
  await shop.deploy('shop:1.0.0');
  await shop.until('the first revision is healthy', status => status.phase === 'Healthy');
  await shop.deploy('shop:1.1.0');
  await shop.until('it pauses', status => status.phase === 'Paused');
});
afterEach(() => world.stop());

const spec = async (type: (typeof TYPES)['services' | 'httpRoutes'], name: string) =>
  ((await world.find(type, name))?.['spec'] ?? {}) as Record<string, unknown>;
const keyOf = async (name: string) => ((await spec(TYPES.services, name))['selector'] as Record<string, string>)[HASH];
const weights = async () => {
  const { rules } = (await spec(TYPES.httpRoutes, 'shop')) as {
    rules: { backendRefs: { name: string; weight: number }[] }[];
  };
  return rules.map(({ backendRefs }) => backendRefs.map(({ name, weight }) => `${name} ${weight}`).join(', '));
};

it('weights and selectors of a running trial stay while Git moves its rules and changes its Services', async () => {
  const key = await keyOf('shop-canary');
  expect(key).toBeDefined();
  const other = rule(backend('shop-stable', 1));
  await git.applied(
    await git.commit({
      'route.yaml': route(`${other}${PAIR}`),
      'canary.yaml': service('shop-canary', ', labels: {tier: web}'),
    }),
  );
  expect(await weights()).toEqual(['shop-stable 1', 'shop-stable 75, shop-canary 25']);
  expect(await keyOf('shop-canary')).toBe(key);
  await shop.command('abort a-1');
  await shop.until('it is aborted', status => status.phase === 'Aborted');
  await eventually('traffic is back', async () => (await weights())[1] === 'shop-stable 100, shop-canary 0');
});

it('the weight that a Rollout moves is no drift: nothing is applied for it', async () => {
  const from = world.writes.length;
  await shop.command('promote p-1');
  await shop.until('it is promoted', status => status.phase === 'Healthy' && status.stable?.revision === 2);
  expect(world.writes.slice(from).filter(({ verb }) => verb === 'apply')).toEqual([]);
});

it('they stay when the spec of the Rollout can no longer be read, and the operator has forgotten what it steered', async () => {
  const key = await keyOf('shop-canary');
  await operator.stop();
  await loosenDefinition();
  const at = { namespace: NAMESPACE, name: 'shop' };
  const body = { spec: { strategy: { canary: { canaryService: null, steps: 'none' } } } };
  await world.client.patch(TYPES.rollouts, at, { kind: 'merge', body });
  await world.startOperator();
  await shop.until('it is invalid', status => status.phase === 'Invalid');
  await git.applied(
    await git.commit({
      'route.yaml': route(`${rule(backend('shop-stable', 1))}${PAIR}`),
      'canary.yaml': service('shop-canary', ', labels: {tier: web}'),
    }),
  );
  expect((await world.find(TYPES.services, 'shop-canary'))?.metadata.labels).toMatchObject({ tier: 'web' });
  expect(await weights()).toEqual(['shop-stable 1', 'shop-stable 75, shop-canary 25']);
  expect(await keyOf('shop-canary')).toBe(key);
});

it('they are given back to Git when the Rollout is deleted', async () => {
  await world.client.delete(TYPES.rollouts, { namespace: NAMESPACE, name: 'shop' });
  await eventually('the key is gone', async () => (await keyOf('shop-canary')) === undefined);
  await eventually('so are the weights', async () => (await weights())[0] === 'shop-stable 100, shop-canary 0');
});

/** Lets the API server store Rollouts of any shape, as a definition of another version may. */
async function loosenDefinition(): Promise<void> {
  const name = 'rollouts.sluice.dev';
  const crd = (await world.client.get(TYPES.crds, { name })) as KubeObject & {
    spec: { versions: { schema: { openAPIV3Schema: Record<string, unknown> } }[] };
  };
  for (const version of crd.spec.versions)
    version.schema.openAPIV3Schema = {
      type: 'object',
      properties: {
        spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    };
  await world.client.update(TYPES.crds, crd);
}
