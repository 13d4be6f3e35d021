import { expect, it } from 'vitest';
import { faultSuite } from '../support/faults/fault-suite.ts';
import { clockIsOff, clockJumps, loopBlocks } from '../support/faults/odd-programs.ts';
import { Pair, writesSince } from '../support/faults/pair.ts';
import { type Fault, unhandled } from '../support/faults/run-story.ts';
import { rest } from '../support/faults/scene.ts';
import { atWeight, deliver, deployStable, TRIED, untilHealthy } from '../support/faults/stories.ts';
import type { Excuse } from '../support/faults/story-judge.ts';

const HOUR = 3_600_000;
const JUMPED: Excuse = {
  line: /^weights: at most \d+ ms at 20, 1000 ms are declared$/,
  because: 'a pause that the clock jumps over is over; it is the one at this weight in which it jumps',
};
const BRIEF = { longestMs: 60_000 };

faultSuite('time that goes wrong', { stories: ['promote', 'abort'] }, ({ rig, survives }) => {
  for (const story of ['promote', 'abort'] as const)
    for (const [way, ms] of [
      ['ahead', HOUR],
      ['behind', -HOUR],
    ] as const) {
      it.concurrent(`F19 the clock is an hour ${way} all the time: ${story}`, async () => {
        await survives(story, `f19-${way}-${story}`, async () => undefined, {
          ...BRIEF,
          program: clockIsOff(rig(), ms),
        });
      });

      it.concurrent(`F19 the clock jumps an hour ${way} in the middle: ${story}`, async () => {
        const limits = ms > 0 ? { excuses: [JUMPED] } : {};
        const jump: Fault = async scene => {
          await atWeight(scene.stage, 20);
          await scene.provoke();
        };
        await survives(story, `f19-jump-${way}-${story}`, jump, {
          ...BRIEF,
          ...limits,
          program: clockJumps(rig(), ms),
        });
      });
    }

  for (const story of ['promote', 'abort'] as const) {
    it.concurrent(`F20 the event loop stands still for 12 s: ${story}`, async () => {
      const block: Fault = async scene => {
        await atWeight(scene.stage, story === 'promote' ? 20 : 60);
        await scene.provoke();
        await rest(12_000);
      };
      await survives(story, `f20-block-${story}`, block, { ...BRIEF, program: loopBlocks(rig(), 12_000) });
    });

    it.concurrent(`F20 the process is frozen for 12 s: ${story}`, async () => {
      const freeze: Fault = async scene => {
        await atWeight(scene.stage, story === 'promote' ? 20 : 60);
        await scene.freeze(12_000);
      };
      await survives(story, `f20-freeze-${story}`, freeze, BRIEF);
    });
  }

  it.concurrent('F20 a leader whose event loop stood still for 20 s writes nothing more', async () => {
    const pair = await Pair.open(rig(), 'f20-leader', [loopBlocks(rig(), 20_000)]);
    const [leader, standby] = pair.scenes;
    await deployStable(leader.stage);
    await deliver(leader.stage);
    await atWeight(leader.stage, 20);
    await leader.provoke();
    // What it had sent before is still on its way.
    await rest(500);
    const blockedAt = performance.now();
    await standby.until('the standby leads', () => pair.leader === standby);
    await leader.until('the old leader ends by itself', () => leader.operator.ended());
    expect(writesSince(leader, blockedAt)).toEqual([]);
    await untilHealthy(leader.stage, TRIED);
    expect(pair.trespasses()).toEqual([]);
    expect(unhandled(standby.log())).toEqual([]);
    await pair.close();
  });

  it.concurrent('F19 a leader whose clock jumps keeps writing within its lease only', async () => {
    const pair = await Pair.open(rig(), 'f19-leader', [clockJumps(rig(), HOUR)]);
    const [leader] = pair.scenes;
    await deployStable(leader.stage);
    await deliver(leader.stage);
    await atWeight(leader.stage, 20);
    await leader.provoke();
    await untilHealthy(leader.stage, TRIED);
    expect(pair.trespasses()).toEqual([]);
    expect(new Set(pair.leases.map(({ holder }) => holder)).size).toBeLessThanOrEqual(2);
    await pair.close();
  });
});
