import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultProxy } from '../support/fault-proxy/fault-proxy.ts';
import { isCountedWrite, type ProxiedRequest } from '../support/fault-proxy/proxied-request.ts';
import { OperatorShop } from '../support/operator-shop.ts';
import { OperatorWorld, TYPES } from '../support/operator-world.ts';
import { on, proxyBefore, startBehind } from './resilience-rig.ts';

let world: OperatorWorld;
let proxy: FaultProxy;
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  world = await OperatorWorld.start(true);
  proxy = await proxyBefore(world);
  const operator = await startBehind(proxy, world);
  stops.push(
    () => proxy.close(),
    () => operator.stop(),
  );
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await world.stop();
});

/** How often each reason was told of the Rollout. */
async function told(): Promise<Record<string, number>> {
  const { items } = await world.client.list(TYPES.events, { namespace: 'shop' });
  const counts: Record<string, number> = {};
  for (const event of items as unknown as { reason: string; regarding?: { kind?: string }; deprecatedCount?: number }[])
    if (event.regarding?.kind === 'Rollout')
      counts[event.reason] = (counts[event.reason] ?? 0) + (event.deprecatedCount ?? 1);
  return counts;
}

const isStatus = on('patch', 'rollouts/status');
const isAction = (request: ProxiedRequest) => isCountedWrite(request) && request.plural !== 'rollouts';

describe('writes that are done, their answers lost on the way', () => {
  it.each([
    ['none', () => false],
    ['each of a status', isStatus],
    ['each of an action', isAction],
  ])(
    'are told all the same, each once: %s',
    async (what, lost) => {
      // Each write once: the operator, which was told nothing, asks again.
      const dropped = new Set<string>();
      const isNew = (request: ProxiedRequest) => {
        const key = `${request.plural} ${request.subresource} ${request.name} ${request.digest}`;
        return lost(request) && !dropped.has(key) && dropped.add(key) !== undefined;
      };
      proxy.inject({ when: isNew, times: Number.POSITIVE_INFINITY, fault: { kind: 'dropReply' } });
      const shop = new OperatorShop(
        world,
        'scaleDownDelaySeconds: 1\nsteps: [{setWeight: 20}, {pause: {}}, {setWeight: 60}]',
      );
      await shop.open();
      await shop.deploy('shop:1.1.0');
      await shop.until('it waits', ({ phase }) => phase === 'Paused');
      await shop.command('promote p-1');
      await shop.until('it is promoted', ({ phase, stable }) => phase === 'Healthy' && stable?.revision === 2);
      await shop.deploy('shop:1.2.0');
      await shop.until('the next one waits', ({ phase, canary }) => phase === 'Paused' && canary?.revision === 3);
      await shop.command('abort a-1');
      await shop.until('it is aborted', ({ phase }) => phase === 'Aborted');
      await sleep(2_500);
      expect(dropped.size).toBeGreaterThanOrEqual(what === 'none' ? 0 : 10);
      expect(await told()).toMatchObject({
        RevisionDetected: 3,
        StepCompleted: 3,
        Paused: 2,
        Resumed: 1,
        Promoted: 2,
        Aborted: 1,
        Reverted: 1,
      });
    },
    90_000,
  );
});
