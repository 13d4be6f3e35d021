import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { FaultProxy } from '../support/fault-proxy/fault-proxy.ts';
import { OperatorShop } from '../support/operator-shop.ts';
import { OperatorWorld } from '../support/operator-world.ts';
import { on, proxyBefore, startBehind } from './resilience-rig.ts';

/** More than there are workers, those for urgent work included. */
const SHOPS = 48;

let world: OperatorWorld;
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  world = await OperatorWorld.start(true);
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await world.stop();
});

/** An operator whose requests all pass a proxy. */
async function behindProxy(): Promise<FaultProxy> {
  const proxy = await proxyBefore(world);
  stops.push(() => proxy.close());
  const operator = await startBehind(proxy, world);
  stops.push(() => operator.stop());
  return proxy;
}

it('of many aborts at once all traffic goes home before anything is written about it', {
  timeout: 120_000,
}, async () => {
  const proxy = await behindProxy();
  const shops = Array.from(
    { length: SHOPS },
    (_, n) => new OperatorShop(world, 'steps: [{setWeight: 25}, {pause: {}}]', `shop-${n}`),
  );
  await Promise.all(shops.map(shop => shop.open()));
  await Promise.all(shops.map(shop => shop.deploy('shop:1.1.0')));
  await Promise.all(shops.map(shop => shop.until('it pauses', status => status.phase === 'Paused')));
  // What only shows is stored two seconds later.
  await sleep(2_500);

  const from = proxy.trace.entries.length;
  proxy.inject({ when: on('patch', 'httproutes'), times: SHOPS, fault: { kind: 'delay', ms: 1_500 } });
  await Promise.all(shops.map(shop => shop.command('abort a-1')));
  await Promise.all(shops.map(shop => shop.until('it is aborted', status => status.phase === 'Aborted')));

  const asked = proxy.trace.entries.slice(from).map(({ request }) => request);
  const isRoute = on('patch', 'httproutes');
  expect(asked.filter(isRoute)).toHaveLength(SHOPS);
  const last = asked.findLastIndex(isRoute);
  expect(asked.slice(0, last).filter(on('patch', 'rollouts/status'))).toHaveLength(0);
  for (const shop of shops) {
    expect(await shop.weight()).toBe(0);
    expect((await shop.status()).abort).toMatchObject({ cause: 'AbortedByCommand', weight: 25 });
  }
});

it('a verdict is stored for the revision that it is about though Git declares the next one meanwhile', async () => {
  const proxy = await behindProxy();
  const shop = new OperatorShop(world, 'steps: [{setWeight: 25}, {pause: {}}]');
  await shop.open();
  await shop.deploy('shop:1.1.0');
  await shop.until('it pauses', status => status.phase === 'Paused');

  const from = proxy.trace.entries.length;
  proxy.inject({ when: on('patch', 'httproutes'), fault: { kind: 'delay', ms: 500 } });
  await shop.command('abort a-1');
  const isAsked = () => proxy.trace.entries.slice(from).some(({ request }) => on('patch', 'httproutes')(request));
  await eventually('traffic is on its way home', isAsked);
  await shop.deploy('shop:1.2.0');
  await shop.until('the next one pauses', status => status.phase === 'Paused' && status.canary?.revision === 3);
  const { history, quarantine, lastCommand } = await shop.status();
  expect(history?.[0]).toMatchObject({ revision: 2, outcome: 'Aborted', weightReached: 25 });
  expect(quarantine).toMatchObject([{ revision: 2, reason: 'AbortedByCommand' }]);
  expect(lastCommand).toMatchObject({ id: 'a-1' });
});
