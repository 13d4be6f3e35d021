import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aReceiver, type Receiver } from '../notifiers/receiver.ts';
import { eventually } from '../support/eventually.ts';
import { OperatorShop } from '../support/operator-shop.ts';
import { OperatorWorld } from '../support/operator-world.ts';

const MANUAL = 'steps: [{setWeight: 25}, {pause: {}}, {setWeight: 60}, {pause: {}}]';
const TIMED = 'steps: [{setWeight: 25}, {pause: {duration: 2s}}, {setWeight: 60}, {pause: {duration: 1s}}]';

let world: OperatorWorld;
let receiver: Receiver | undefined;

beforeEach(async () => {
  world = await OperatorWorld.start(true);
});
afterEach(async () => {
  await world.stop();
  receiver?.close();
});

async function openShop(strategy: string): Promise<OperatorShop> {
  const shop = new OperatorShop(world, strategy);
  await shop.open();
  return shop;
}

describe('the operator on an embedded API server', () => {
  it('waits at a manual pause, goes on when told to, and ends with the new revision stable', async () => {
    await world.startOperator();
    const shop = await openShop(MANUAL);
    expect(await shop.status()).toMatchObject({ stable: { revision: 1 } });
    expect(await shop.weight()).toBe(0);

    await shop.deploy('shop:1.1.0');
    await shop.until('it pauses', status => status.phase === 'Paused');
    expect(await shop.weight()).toBe(25);
    expect((await shop.status()).display).toMatchObject({ reason: 'PauseStep' });
    await shop.command('promote p-1');
    await shop.untilWeight(60);
    await shop.until('it pauses again', status => status.phase === 'Paused');
    await shop.command('promote p-2');
    await shop.until('it is promoted', status => status.phase === 'Healthy' && status.stable?.revision === 2);
    await shop.untilWeight(0);
  });

  it('brings all traffic back on an abort, and keeps the declared image as it is', async () => {
    await world.startOperator();
    const shop = await openShop(MANUAL);
    await shop.deploy('shop:1.1.0');
    await shop.untilWeight(25);
    await shop.command('abort a-1');
    await shop.untilWeight(0);
    await shop.until('it is aborted', status => status.phase === 'Aborted');
    expect(await shop.status()).toMatchObject({
      stable: { revision: 1 },
      abort: { cause: 'AbortedByCommand' },
      lastCommand: { id: 'a-1' },
    });
    expect(world.writes.filter(entry => entry.resource === 'rollouts' && entry.subresource !== 'status')).toEqual([]);
  });

  it('writes nothing while nothing changes', async () => {
    await world.startOperator();
    const shop = await openShop(MANUAL);
    await shop.deploy('shop:1.1.0');
    await shop.until('it pauses', status => status.phase === 'Paused');
    await sleep(1_500);
    world.writes.length = 0;
    await sleep(2_000);
    expect(world.writes).toEqual([]);
  });

  it('goes on where another operator stopped, and never moves the weight back', async () => {
    const first = await world.startOperator();
    const shop = await openShop(TIMED);
    await shop.deploy('shop:1.1.0');
    await shop.untilWeight(25);
    await first.stop();
    await world.startOperator();
    const seen: number[] = [];
    await eventually(
      'revision 2 is stable',
      async () => {
        const weight = await shop.weight();
        if (seen.at(-1) !== weight) seen.push(weight);
        return (await shop.status()).stable?.revision === 2;
      },
      15_000,
    );
    expect(seen.slice(0, 2)).toEqual([25, 60]);
    expect(seen.slice(2).every(weight => weight === 100 || weight === 0)).toBe(true);
    await shop.until('it is healthy', status => status.phase === 'Healthy');
  });
});

const notifier = (url: string) =>
  `apiVersion: sluice.dev/v1alpha1\nkind: Notifier\nmetadata: {name: team}\nspec: {events: [Paused, Aborted], webhook: {url: "${url}"}}\n`;
const told = () => (receiver?.received ?? []).map(({ body }) => (JSON.parse(body) as { event: string }).event);
const keys = () => (receiver?.received ?? []).map(({ headers }) => headers['idempotency-key']);

describe('alerts', () => {
  it('are delivered once per transition, and struck off', async () => {
    receiver = await aReceiver();
    await world.startOperator();
    await world.apply(notifier(receiver.url));
    const shop = await openShop(MANUAL);
    await shop.deploy('shop:1.1.0');
    await eventually('the pause is told', () => told().includes('Paused'));
    await shop.command('abort a-1');
    await eventually('the abort is told', () => told().includes('Aborted'));
    await shop.until('nothing is owed', status => status.phase === 'Aborted' && status.notices === undefined);
    await sleep(500);
    expect(told()).toEqual(['Paused', 'Aborted']);
    expect(new Set(keys()).size).toBe(2);
  });

  it('reach a receiver that fails at first, and hold up no traffic meanwhile', async () => {
    receiver = await aReceiver((response, count) => void response.writeHead(count === 1 ? 500 : 200).end());
    await world.startOperator();
    await world.apply(notifier(receiver.url).replace('Paused, ', ''));
    const shop = await openShop(MANUAL);
    await shop.deploy('shop:1.1.0');
    await shop.untilWeight(25);
    await shop.command('abort a-1');
    await shop.untilWeight(0);
    expect((await shop.status()).notices ?? []).toHaveLength(1);
    await shop.until('nothing is owed', status => status.phase === 'Aborted' && status.notices === undefined);
    expect(told()).toEqual(['Aborted', 'Aborted']);
    expect(new Set(keys()).size).toBe(1);
  });

  it('that are refused for good are an event, and owed no more', async () => {
    receiver = await aReceiver(response => void response.writeHead(422).end());
    await world.startOperator();
    await world.apply(notifier(receiver.url));
    const shop = await openShop(MANUAL);
    await shop.deploy('shop:1.1.0');
    await eventually('it is an event', async () =>
      (await world.events()).some(event => event.startsWith('NotifyFailed Notifier shop/team (webhook)')),
    );
    await shop.until('nothing is owed', status => status.phase === 'Paused' && status.notices === undefined);
    expect(told()).toEqual(['Paused']);
  });
});
