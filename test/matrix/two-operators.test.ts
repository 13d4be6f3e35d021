import { expect, it } from 'vitest';
import { faultSuite } from '../support/faults/fault-suite.ts';
import { clockIsOff } from '../support/faults/odd-programs.ts';
import { Pair, writesSince } from '../support/faults/pair.ts';
import { runOfPair } from '../support/faults/pair-run.ts';
import { rest, type Scene } from '../support/faults/scene.ts';
import { atWeight, deliver, deployStable, TRIED, untilHealthy } from '../support/faults/stories.ts';
import { toldEvents } from '../support/faults/told-events.ts';

/** A standby looks at the lease every 2 s and up to a fifth more; it counts from the look at which it saw the last renewal. */
const LOOK_MS = 2_400;
/** A look until it sees the last renewal, the lease of 15 s, and a look until it takes it; and one for a busy machine. */
const TAKEOVER_MS = 15_000 + 3 * LOOK_MS;
/** A look, and as much for a busy machine. */
const HANDOVER_MS = 14_000;
const HOUR = 3_600_000;

/** Two operators, of which the first led when the story began, with this request of its. */
interface Told {
  readonly pair: Pair;
  readonly leader: Scene;
  readonly standby: Scene;
  readonly from: number;
}

interface Ending {
  /** When a hand took the lease; milliseconds of `performance.now()`. */
  readonly byHandAt?: number;
  /** Whether no event may be missing. */
  readonly tellsAll?: boolean;
}

faultSuite('two operators', { stories: ['promote'] }, ({ rig, judge }) => {
  /** A pair with a stable revision. */
  async function deployed(pair: Pair): Promise<Told> {
    const [leader, standby] = pair.scenes;
    const { trace } = leader.proxy;
    await deployStable(leader.stage);
    await leader.until('its end is told', () => (toldEvents(trace, 0)['Promoted'] ?? 0) > 0);
    return { pair, leader, standby, from: trace.entries.length };
  }

  /** A pair in the middle of a canary. */
  async function midCanary(name: string): Promise<Told> {
    const told = await deployed(await Pair.open(rig(), name));
    await deliver(told.leader.stage);
    await atWeight(told.leader.stage, 20);
    expect(told.pair.leader).toBe(told.leader);
    return told;
  }

  /** Milliseconds until the standby holds the lease. */
  async function takeover(pair: Pair, standby: Scene, since: number): Promise<number> {
    await standby.until('the standby leads', () => pair.leader === standby);
    const ms = Math.round((pair.leases.at(-1)?.at ?? performance.now()) - since);
    console.log(`${pair.namespace}: the standby led after ${ms} ms`);
    return ms;
  }

  /**
   * The story ends as it does with one operator, nothing was done twice, and nobody wrote who did not lead. Who loses the lease
   * writes nothing more, so that an event that it had still to tell is lost.
   */
  async function finish({ pair, from }: Told, { byHandAt, tellsAll = false }: Ending = {}): Promise<void> {
    await untilHealthy(pair.scenes[0].stage, TRIED);
    const run = await runOfPair(pair, from, 'the leader is another one');
    const findings = judge('promote').findings(run, { tellsAll });
    expect(findings, findings.join('\n')).toEqual([]);
    expect(pair.trespasses(byHandAt)).toEqual([]);
    await pair.close();
  }

  it.concurrent('take over from a leader that was killed within lease and retry', async () => {
    const told = await midCanary('killed');
    const { pair, leader, standby } = told;
    const at = performance.now();
    await leader.kill();
    expect(await takeover(pair, standby, at)).toBeLessThan(TAKEOVER_MS);
    await finish(told);
  });

  it.concurrent('hand over at once when the leader is told to stop', async () => {
    const told = await midCanary('stopped');
    const { pair, leader, standby } = told;
    const at = performance.now();
    leader.signal('SIGTERM');
    expect(await takeover(pair, standby, at)).toBeLessThan(HANDOVER_MS);
    await leader.until('the old leader has ended', () => leader.operator.ended());
    await finish(told, { tellsAll: true });
  });

  it.concurrent('suffer not one write of a leader that was frozen and thawed', async () => {
    const told = await midCanary('frozen');
    const { pair, leader, standby } = told;
    const frozenAt = performance.now();
    leader.signal('SIGSTOP');
    expect(await takeover(pair, standby, frozenAt)).toBeLessThan(TAKEOVER_MS);
    await rest(Math.max(0, 20_000 - (performance.now() - frozenAt)));
    const thawedAt = performance.now();
    leader.signal('SIGCONT');
    await leader.until('the old leader ends by itself', () => leader.operator.ended());
    expect(writesSince(leader, thawedAt)).toEqual([]);
    expect(performance.now() - thawedAt).toBeLessThan(HANDOVER_MS * 2);
    await finish(told);
  });

  it.concurrent('agree on one leader when the lease is deleted by hand', async () => {
    const told = await midCanary('deleted');
    const { pair, leader } = told;
    const at = performance.now();
    await pair.deleteLease();
    await leader.until('one of them has ended', () => pair.scenes.some(({ operator }) => operator.ended()));
    const left = pair.scenes.find(({ operator }) => !operator.ended());
    await leader.until('the other one leads', () => pair.leader === left);
    expect(left).toBeDefined();
    // Only the old leader can have to give up: it may not go on under a lease that is not its own.
    expect(leader.operator.ended()).toBe(true);
    expect(pair.heardOfLossAt(leader, at)).toBeLessThan(at + HANDOVER_MS);
    expect(writesSince(leader, pair.heardOfLossAt(leader, at))).toEqual([]);
    await finish(told, { byHandAt: at });
  });

  it.concurrent('write nothing while a stranger holds the lease', async () => {
    const told = await midCanary('stolen');
    const { pair, leader, standby } = told;
    const at = performance.now();
    await pair.stealLease('somebody-else');
    await leader.until('the old leader ends by itself', () => leader.operator.ended());
    expect(performance.now() - at).toBeLessThan(HANDOVER_MS);
    const ms = await takeover(pair, standby, at);
    expect(ms).toBeGreaterThan(14_000);
    expect(ms).toBeLessThan(TAKEOVER_MS);
    expect(pair.heardOfLossAt(leader, at)).toBeLessThan(at + HANDOVER_MS);
    expect(writesSince(leader, pair.heardOfLossAt(leader, at))).toEqual([]);
    await finish(told, { byHandAt: at });
  });

  for (const [name, hours] of [
    ['behind', [-1, 1]],
    ['ahead', [1, -1]],
  ] as const)
    it.concurrent(`have one leader with clocks two hours apart, the leader's ${name}`, async () => {
      const pair = await Pair.open(rig(), `clock-${name}`, [
        clockIsOff(rig(), hours[0] * HOUR),
        clockIsOff(rig(), hours[1] * HOUR),
      ]);
      const told = await deployed(pair);
      const { leader, standby } = told;
      // Longer than a lease: a standby that believed in the other's clock would have taken it by now.
      await rest(18_000);
      expect(new Set(pair.leases.map(({ holder }) => holder)).size).toBe(1);
      expect(writesSince(standby, 0)).toEqual([]);
      const at = performance.now();
      await leader.kill();
      expect(await takeover(pair, standby, at)).toBeLessThan(TAKEOVER_MS);
      await deliver(standby.stage);
      await finish(told, { tellsAll: true });
    });
});
