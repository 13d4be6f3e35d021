import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Operator } from '../../src/operator/operator.ts';
import { eventually } from '../support/eventually.ts';
import type { FaultProxy } from '../support/fault-proxy/fault-proxy.ts';
import { OperatorShop } from '../support/operator-shop.ts';
import { OperatorWorld } from '../support/operator-world.ts';
import { on, proxyBefore, refused, startBehind } from './resilience-rig.ts';

/** Longer than the longest backoff of a cache. Milliseconds. */
const PATIENT_MS = 60_000;

let world: OperatorWorld;
let proxy: FaultProxy;
let operator: Operator | undefined;

beforeEach(async () => {
  world = await OperatorWorld.start(true);
  proxy = await proxyBefore(world);
});
afterEach(async () => {
  await operator?.stop();
  await proxy.close();
  await world.stop();
});

const check = (name: string) => operator?.readiness().find(one => one.name === name);

describe.each(['replicasets', 'rollouts', 'httproutes'])('while the cache of %s is not complete', plural => {
  it('nothing is decided or written, nor the lease taken from who might lead; when it is, the operator begins', {
    timeout: 120_000,
  }, async () => {
    // A canary in mid-course: an operator that saw no ReplicaSets or no Rollouts would act on it.
    const first = await world.startOperator();
    const shop = new OperatorShop(world, 'steps: [{setWeight: 25}, {pause: {}}]');
    await shop.open();
    await first.stop();
    await shop.deploy('shop:1.1.0');
    world.writes.length = 0;

    const fault = { kind: 'status', status: 503, reason: 'ServiceUnavailable' } as const;
    proxy.inject({ when: on('list', plural), times: Number.POSITIVE_INFINITY, fault });
    operator = await startBehind(proxy, world, true);
    await eventually('the list was refused more than once', () => refused(proxy).length > 2, PATIENT_MS);
    await eventually(
      'the other caches are complete',
      () => (operator?.readiness() ?? []).filter(one => !one.ok).length === 1,
    );
    await sleep(1_000);
    expect(world.writes).toEqual([]);
    expect(check('leadership')).toMatchObject({ detail: 'standby' });
    expect((operator.readiness() ?? []).filter(one => !one.ok).map(one => one.name.toLowerCase())).toEqual([
      `cache ${plural}`,
    ]);

    proxy.mend();
    await eventually('it leads', () => check('leadership')?.detail === 'leading', PATIENT_MS);
    await eventually('the canary goes on', async () => (await shop.weight()) === 25, PATIENT_MS);
  });
});
