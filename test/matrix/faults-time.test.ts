import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skipUnless } from '../support/binaries/availability.ts';
import { controlPlaneAvailability } from '../support/control-plane.ts';
import { clockIsOff, clockJumps, loopBlocks } from '../support/faults/odd-programs.ts';
import { Pair, writesSince } from '../support/faults/pair.ts';
import { type Fault, learnStories, type StoryJudge, unhandled } from '../support/faults/run-story.ts';
import { rest } from '../support/faults/scene.ts';
import { atWeight, deliver, deployStable, type StoryName, TRIED, untilHealthy } from '../support/faults/stories.ts';
import { survivalOn } from '../support/faults/survival.ts';
import type { MatrixRig } from '../support/matrix/matrix-rig.ts';
import { startMatrixRig } from '../support/matrix/matrix-rig.ts';

const HOUR = 3_600_000;
const LONG = 240_000;
const BRIEF = { longestMs: 60_000 };

describe.skipIf(skipUnless(controlPlaneAvailability()))('time that goes wrong', () => {
  let rig: MatrixRig;
  let judges: Map<StoryName, StoryJudge>;

  beforeAll(async () => {
    rig = await startMatrixRig();
    judges = await learnStories(rig, ['promote', 'abort']);
  }, 20 * 60_000);
  afterAll(async () => await rig?.stop(), 120_000);

  const survives = survivalOn(() => ({ rig, judges }));

  for (const story of ['promote', 'abort'] as const)
    for (const [way, ms] of [
      ['ahead', HOUR],
      ['behind', -HOUR],
    ] as const) {
      it.concurrent(`F19 the clock is an hour ${way} all the time: ${story}`, { timeout: LONG }, async () => {
        await survives(story, `f19-${way}-${story}`, async () => undefined, { ...BRIEF, program: clockIsOff(rig, ms) });
      });

      it.concurrent(`F19 the clock jumps an hour ${way} in the middle: ${story}`, { timeout: LONG }, async () => {
        // A pause that the clock jumps over is over: only that it is no longer than declared can be asked for.
        const limits = ms > 0 ? { except: /^weights: only/ } : {};
        const jump: Fault = async scene => {
          await atWeight(scene.stage, 20);
          scene.signal('SIGUSR2');
        };
        await survives(story, `f19-jump-${way}-${story}`, jump, {
          ...BRIEF,
          ...limits,
          program: clockJumps(rig, ms),
        });
      });
    }

  for (const story of ['promote', 'abort'] as const) {
    it.concurrent(`F20 the event loop stands still for 12 s: ${story}`, { timeout: LONG }, async () => {
      const block: Fault = async scene => {
        await atWeight(scene.stage, story === 'promote' ? 20 : 60);
        scene.signal('SIGUSR2');
        await rest(12_000);
      };
      await survives(story, `f20-block-${story}`, block, { ...BRIEF, program: loopBlocks(rig, 12_000) });
    });

    it.concurrent(`F20 the process is frozen for 12 s: ${story}`, { timeout: LONG }, async () => {
      const freeze: Fault = async scene => {
        await atWeight(scene.stage, story === 'promote' ? 20 : 60);
        scene.signal('SIGSTOP');
        await rest(12_000);
        scene.signal('SIGCONT');
      };
      await survives(story, `f20-freeze-${story}`, freeze, BRIEF);
    });
  }

  it.concurrent('F20 a leader whose event loop stood still for 20 s writes nothing more', {
    timeout: LONG,
  }, async () => {
    const pair = await Pair.open(rig, 'f20-leader', [loopBlocks(rig, 20_000)]);
    const [leader, standby] = pair.scenes;
    await deployStable(leader.stage);
    await deliver(leader.stage);
    await atWeight(leader.stage, 20);
    leader.signal('SIGUSR2');
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

  it.concurrent('F19 a leader whose clock jumps keeps writing within its lease only', { timeout: LONG }, async () => {
    const pair = await Pair.open(rig, 'f19-leader', [clockJumps(rig, HOUR)]);
    const [leader] = pair.scenes;
    await deployStable(leader.stage);
    await deliver(leader.stage);
    await atWeight(leader.stage, 20);
    leader.signal('SIGUSR2');
    await untilHealthy(leader.stage, TRIED);
    expect(pair.trespasses()).toEqual([]);
    expect(new Set(pair.leases.map(({ holder }) => holder)).size).toBeLessThanOrEqual(2);
    await pair.close();
  });
});
