import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HASH_LABEL } from '../../src/api/names.ts';
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

async function unlabel(name: string): Promise<void> {
  const body = { metadata: { labels: { [HASH_LABEL]: null } } };
  await world.client.patch(TYPES.replicaSets, { namespace: NAMESPACE, name }, { kind: 'merge', body });
}

describe.each(['stable', 'canary'] as const)('when somebody takes our label off the %s ReplicaSet', which => {
  it('it is put back, and an abort moves the traffic as ever', { timeout: 60_000 }, async () => {
    const name = (await shop.status())[which]?.replicaSet ?? '';
    const before = await world.find(TYPES.replicaSets, name);
    await unlabel(name);
    await eventually('it has its label again', async () => {
      const labels = (await world.find(TYPES.replicaSets, name))?.metadata.labels;
      return labels?.[HASH_LABEL] === before?.metadata.labels?.[HASH_LABEL];
    });
    await shop.command('abort a-1');
    await shop.until('it is aborted', status => status.phase === 'Aborted');
    await shop.untilWeight(0);
    expect(await shop.status()).toMatchObject({
      stable: { revision: 1 },
      lastCommand: { id: 'a-1', outcome: 'aborted' },
    });
    expect((await world.find(TYPES.replicaSets, name))?.metadata.uid).toBe(before?.metadata.uid);
  });
});
