import { expect, it } from 'vitest';
import { faultSuite } from '../support/faults/fault-suite.ts';
import { clockIsOff, clockJumps, clocksChange, loopBlocks } from '../support/faults/odd-programs.ts';
import { Pair, writesSince } from '../support/faults/pair.ts';
import { runOfPair } from '../support/faults/pair-run.ts';
import type { Fault } from '../support/faults/run-story.ts';
import { rest } from '../support/faults/scene.ts';
import {
  atWeight,
  deliver,
  deployStable,
  promoteHeld,
  TRIED,
  untilHealthy,
  untilHeld,
} from '../support/faults/stories.ts';
import type { Excuse } from '../support/faults/story-judge.ts';
import { LATE_MS } from '../support/faults/terms.ts';
import { toldEvents } from '../support/faults/told-events.ts';
import type { Stage } from '../support/matrix/stage.ts';

const HOUR = 3_600_000;
const JUMPED: Excuse = {
  line: /^weights: at most \d+ ms at 20, 1000 ms are declared$/,
  because: 'a pause that the clock jumps over is over; it is the one at this weight in which it jumps',
};
const BRIEF = { longestMs: 60_000, lateMs: LATE_MS.atOnce };
/** When the clocks of Berlin are put forward, and back. */
const CHANGES = [
  ['forward', '2027-03-28T01:00:00Z'],
  ['back', '2026-10-25T01:00:00Z'],
] as const;

faultSuite('time that goes wrong', { stories: ['promote', 'abort', 'held'] }, ({ rig, judge, survives }) => {
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

  for (const story of ['promote', 'abort'] as const)
    it.concurrent(`F19 the machine sleeps, and its clock is an hour ahead when it wakes: ${story}`, async () => {
      const sleep: Fault = async scene => {
        await atWeight(scene.stage, 20);
        const asleep = scene.freeze(12_000);
        await rest(2_000);
        // Heard when it wakes.
        scene.signal('SIGUSR2');
        await asleep;
      };
      await survives(story, `f19-sleep-${story}`, sleep, {
        ...BRIEF,
        excuses: [JUMPED],
        program: clockJumps(rig(), HOUR),
      });
    });

  for (const [way, change] of CHANGES)
    it.concurrent(`F19 the clocks of the operator's time zone are put ${way} in the middle`, async () => {
      const meet: Fault = async scene => {
        const { stage } = scene;
        await untilHeld(stage);
        await scene.provoke();
        await promoteHeld(stage);
        await untilHealthy(stage, TRIED);
        const { startedAt, endedAt } = lastDelivery(stage);
        expect(Date.parse(startedAt)).toBeLessThan(Date.parse(change));
        expect(Date.parse(endedAt)).toBeGreaterThan(Date.parse(change));
      };
      const program = clocksChange(rig(), 'Europe/Berlin', change);
      await survives('held', `f19-zone-${way}`, meet, { ...BRIEF, program });
    });

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
    const from = await untilMidCanary(pair);
    await leader.provoke();
    // What it had sent before is still on its way.
    await rest(500);
    const blockedAt = performance.now();
    await standby.until('the standby leads', () => pair.leader === standby);
    await leader.until('the old leader ends by itself', () => leader.operator.ended());
    expect(writesSince(leader, blockedAt)).toEqual([]);
    await untilHealthy(leader.stage, TRIED);
    expect(pair.trespasses()).toEqual([]);
    // Who loses the lease writes nothing more: what it had still to tell is lost.
    const findings = judge('promote').findings(await runOfPair(pair, from, 'blocked'), { tellsAll: false });
    expect(findings, findings.join('\n')).toEqual([]);
    await pair.close();
  });

  it.concurrent('F19 a leader whose clock jumps keeps its lease, and writes within it only', async () => {
    const pair = await Pair.open(rig(), 'f19-leader', [clockJumps(rig(), HOUR)]);
    const [leader] = pair.scenes;
    const from = await untilMidCanary(pair);
    await leader.provoke();
    await untilHealthy(leader.stage, TRIED);
    expect(pair.trespasses()).toEqual([]);
    const limits = { excuses: [JUMPED], lateMs: LATE_MS.atOnce };
    const findings = judge('promote').findings(await runOfPair(pair, from, 'jumped'), limits);
    expect(findings, findings.join('\n')).toEqual([]);
    // By its own wall clock the lease ran out; by that of the standby, which does not jump, it never did.
    expect(leader.operator.ended()).toBe(false);
    expect(new Set(pair.leases.map(({ holder }) => holder)).size).toBe(1);
    await pair.close();
  });
});

/** A stable revision, and a canary at its first weight. @returns the leader's first request after the prelude */
async function untilMidCanary({ scenes: [leader] }: Pair): Promise<number> {
  const { trace } = leader.proxy;
  await deployStable(leader.stage);
  await leader.until('its end is told', () => (toldEvents(trace, 0)['Promoted'] ?? 0) > 0);
  const from = trace.entries.length;
  await deliver(leader.stage);
  await atWeight(leader.stage, 20);
  return from;
}

/** When the last delivery began and ended, by the operator's clock. */
function lastDelivery({ rollout }: Stage): { readonly startedAt: string; readonly endedAt: string } {
  const { history = [] } = (rollout?.['status'] ?? {}) as { history?: { startedAt?: string; endedAt?: string }[] };
  const { startedAt = '', endedAt = '' } = history[0] ?? {};
  return { startedAt, endedAt };
}
