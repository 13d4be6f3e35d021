import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GatedShop } from './resilience-gated-shop.ts';
import { on, refused } from './resilience-rig.ts';

const conflict = { kind: 'status', status: 409, reason: 'Conflict' } as const;
let gated: GatedShop;
beforeEach(async () => {
  gated = await GatedShop.open('1s');
  await gated.tryNext();
});
afterEach(() => gated.close());

describe('an abort in a storm of conflicts', () => {
  it('is stored with its evidence when the first writes of status and route conflict', {
    timeout: 90_000,
  }, async () => {
    gated.proxy.inject({ when: on('patch', 'rollouts/status'), times: 4, fault: conflict });
    gated.proxy.inject({ when: on('patch', 'httproutes'), times: 4, fault: conflict });
    gated.goBad();
    await gated.untilAborted();
    await gated.untilWeight(0);
    const { abort, stable, quarantine, history } = await gated.shop.status();
    expect(stable?.revision).toBe(1);
    expect(abort).toMatchObject({
      cause: 'AnalysisFailed',
      weight: 25,
      evidence: { metric: 'success-rate', measured: '0.1' },
    });
    expect(quarantine).toHaveLength(1);
    expect(history?.[0]).toMatchObject({ outcome: 'Aborted', revision: 2 });
    expect(refused(gated.proxy).length).toBeGreaterThanOrEqual(5);
  });

  it('is stored while no write of the route succeeds, and the route follows when one does', {
    timeout: 90_000,
  }, async () => {
    const times = Number.POSITIVE_INFINITY;
    gated.proxy.inject({ when: on('patch', 'httproutes'), times, fault: conflict });
    gated.goBad();
    await gated.untilAborted();
    const { abort } = await gated.shop.status();
    expect(abort).toMatchObject({ cause: 'AnalysisFailed', weight: 25, evidence: { measured: '0.1' } });
    expect(await gated.shop.weight()).toBe(25);
    gated.proxy.mend();
    await gated.untilWeight(0);
    expect((await gated.shop.status()).abort?.at).toBe(abort?.at);
  });

  it('by command is stored and answered when the first writes of status and route conflict', {
    timeout: 90_000,
  }, async () => {
    gated.proxy.inject({ when: on('patch', 'httproutes'), times: 3, fault: conflict });
    gated.proxy.inject({ when: on('patch', 'rollouts/status'), times: 3, fault: conflict });
    await gated.shop.command('abort a-1');
    await gated.untilAborted();
    await gated.untilWeight(0);
    expect(await gated.shop.status()).toMatchObject({
      stable: { revision: 1 },
      abort: { cause: 'AbortedByCommand' },
      lastCommand: { id: 'a-1' },
    });
  });
});
