import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FIELD_MANAGER } from '../../src/api/names.ts';
import { eventually } from '../support/eventually.ts';
import { type OperatorShop, pausedShop } from '../support/operator-shop.ts';
import { NAMESPACE, OperatorWorld, TYPES } from '../support/operator-world.ts';

let world: OperatorWorld;
let shop: OperatorShop;
beforeEach(async () => {
  world = await OperatorWorld.start(true);
  shop = await pausedShop(world);
});
afterEach(() => world.stop());

/** What a set's pods would be made of. */
async function templateOf(name: string): Promise<unknown> {
  const set = await world.find(TYPES.replicaSets, name);
  return (set?.spec as { template?: unknown } | undefined)?.template;
}

async function setImage(name: string, image: string): Promise<void> {
  const containers = [{ name: 'shop', image, env: [{ name: 'DEBUG', value: '1' }] }];
  const body = { spec: { template: { metadata: { annotations: { by: 'hand' } }, spec: { containers } } } };
  const patch = { kind: 'merge', body } as const;
  await world.client.patch(TYPES.replicaSets, { namespace: NAMESPACE, name }, patch, { fieldManager: 'kubectl-set' });
}

it.each(['stable', 'canary'] as const)(
  'the pod template of the %s ReplicaSet is set back to what Git declared, to the last field, and told once',
  { timeout: 60_000 },
  async which => {
    const name = (await shop.status())[which]?.replicaSet ?? '';
    const declared = await templateOf(name);
    await setImage(name, 'somebody:else');
    await eventually('it is set back', async () => isDeepStrictEqual(await templateOf(name), declared));
    const told = async () => (await world.events()).filter(event => event.includes('AutomationConflict'));
    await eventually('it is told', async () => (await told()).length > 0);
    expect(await told()).toEqual([expect.stringContaining(`ReplicaSet ${name} was written by kubectl-set`)]);
    const managers = ((await world.find(TYPES.replicaSets, name))?.metadata['managedFields'] ?? []) as {
      manager: string;
      fieldsV1: Record<string, unknown>;
    }[];
    const writers = managers.filter(({ fieldsV1 }) => JSON.stringify(fieldsV1).includes('f:template'));
    expect(writers.map(({ manager }) => manager)).toEqual([FIELD_MANAGER]);
  },
);
