import { afterEach, describe, expect, it } from 'vitest';
import { GatedShop } from './resilience-gated-shop.ts';
import { on, refused } from './resilience-rig.ts';

const ALWAYS = Number.POSITIVE_INFINITY;
let gated: GatedShop;
afterEach(() => gated.close());

describe('a measurement that could not be stored', () => {
  it.each([
    [500, 'InternalError'],
    [409, 'Conflict'],
  ])(
    'because of %i is stored as soon as it can be, and not taken again',
    { timeout: 90_000 },
    async (status, reason) => {
      gated = await GatedShop.open('1h');
      const fault = { kind: 'status', status, reason } as const;
      gated.proxy.inject({ when: on('patch', 'analysisruns/status'), times: ALWAYS, fault });
      await gated.shop.deploy('shop:1.1.0');
      await gated.until('the write is given up', () =>
        gated.world.logged.some(line => line.includes('could not be stored')),
      );
      expect((await gated.measured()).count).toBe(0);
      gated.proxy.mend();
      await gated.until('it is stored', async () => (await gated.measured()).count === 1);
      expect(gated.asked).toBe(1);
    },
  );
});

describe('while the API server refuses to change the route', () => {
  async function refusedAtNextStep(status: number, reason: string): Promise<number> {
    gated = await GatedShop.open('1s');
    await gated.tryNext();
    const fault = { kind: 'status', status, reason } as const;
    gated.proxy.inject({ when: on('patch', 'httproutes'), times: ALWAYS, fault });
    await gated.shop.command('promote p-1');
    await gated.until('the route write is refused', () => refused(gated.proxy).length > 0);
    return (await gated.measured()).count;
  }

  it.each([
    [403, 'Forbidden'],
    [422, 'Invalid'],
  ])(
    'with %i, the background analysis goes on, and its verdict is stored',
    { timeout: 120_000 },
    async (status, reason) => {
      await refusedAtNextStep(status, reason);
      // Only a measurement that is taken from here on can see this.
      gated.goBad();
      await gated.untilAborted();
      expect((await gated.shop.status()).abort).toMatchObject({
        cause: 'AnalysisFailed',
        evidence: { measured: '0.1' },
      });
      expect(await gated.shop.weight()).toBe(25);
    },
  );

  // Passes come every 5 s after a refusal, and up to 10 s after a conflict.
  it('measures at its interval all the same', { timeout: 120_000 }, async () => {
    const before = await refusedAtNextStep(403, 'Forbidden');
    await gated.until('it is measured twice', async () => (await gated.measured()).count >= before + 2);
    const [earlier = 0, later = 0] = (await gated.measured()).at.slice(-2);
    expect(later - earlier).toBeLessThan(4_000);
  });

  // A failed `test` of a JSON Patch is a 422, too: only a refusal that lasts is one that somebody has to know of.
  it('with 422 again and again, the status says so', { timeout: 120_000 }, async () => {
    await refusedAtNextStep(422, 'Invalid');
    await gated.until('it says so', async () => (await gated.shop.status()).display?.reason === 'WriteRefused');
    gated.proxy.mend();
    await gated.untilWeight(60);
    await gated.until('it says so no more', async () => (await gated.shop.status()).display?.reason !== 'WriteRefused');
  });
});
