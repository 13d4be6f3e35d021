import { expect, it } from 'vitest';
import { describeOnRig, SCENARIO_MS } from '../support/rig/describe-on-rig.ts';
import { isPausedAndMeasured as isPaused, weightsSince } from '../support/rig/expect-team.ts';
import type { GatewayClient, TrafficReport } from '../support/rig/gateway-client.ts';
import type { Team } from '../support/rig/team.ts';
import { binomialBounds } from '../support/rig/traffic-statistics.ts';
import { accepted, countEvents, expectTold, halfway, isPromoted, operatorWrites } from './scene.ts';

/** A watch, and the gateway, may be that much later than what happened. */
const LAG_MS = 500;

/** Every Service that has users has pods, as the watches of the test see it. */
const hasPods = (team: Team) => team.timeline.marks().at(-1)?.expected !== undefined;

/**
 * What failed was stable's share of the requests, while stable had no pods that the gateway knew: no other request, and no more
 * than chance makes of that share.
 */
async function expectOnlyItsShareLost(team: Team, client: GatewayClient, fromMs: number): Promise<TrafficReport> {
  const all = team.timeline.marks();
  const first = all.findIndex(({ atMs, expected }) => atMs >= fromMs && expected === undefined);
  const last = all.findLastIndex(({ expected }) => expected === undefined);
  const back = all.slice(last + 1).find(({ settledMs }) => settledMs !== undefined);
  const goneMs = (all[first]?.atMs ?? Number.NaN) - LAG_MS;
  const backMs = (back?.settledMs ?? Number.NaN) + LAG_MS;
  const report = await client.check({ settleMs: 600, except: { fromMs: goneMs, toMs: backMs } });
  const asked = client.answers().filter(({ sentMs, doneMs }) => doneMs >= goneMs && sentMs <= backMs).length;
  const share = 1 - Math.min(...all.slice(first, last + 1).map(mark => mark.canaryWeight)) / 100;
  const [, most] = binomialBounds(asked, share);
  console.log(`${team.name}: without stable ${backMs - goneMs} ms, lost ${report.excused.length} of ${asked} requests`);
  expect(report.excused.length).toBeLessThanOrEqual(most);
  return report;
}

describeOnRig('a canary whose stable ReplicaSet is deleted in the middle of its trial', rig => {
  it.concurrent(
    'is not promoted for it: stable is rebuilt as it was, users lose its share for as long as its pods start, and a person decides',
    async () => {
      const { team, client } = await halfway(rig(), 'rebuilt');
      const stable = await team.column('.status.stable.replicaSet');
      const fromMs = Date.now();
      await team.kubectl('delete', 'replicaset', stable);
      await team.until('told', async () => (await countEvents(team, 'StableLost')) > 0);
      await team.until('stable serves again', () => hasPods(team));
      await team.untilNow('all pods are there', status => isPaused(status) && status['readyReplicas'] === 5);
      const created = accepted(operatorWrites(rig(), team, fromMs), 'replicasets').filter(one => one.verb === 'create');
      expect(created.length).toBe(1);
      const image = `jsonpath={.spec.template.spec.containers[0].image}`;
      expect(await team.kubectl('get', 'replicaset', stable, '-o', image)).toBe('shop:1.0.0');
      expect(await countEvents(team, 'StableLost')).toBe(1);
      expect(await countEvents(team, 'Promoted')).toBe(1);
      expect(await team.column('.status.stable.revision')).toBe('1');
      // The canary has the pods for its own share and no more.
      expect(weightsSince(team, fromMs).filter(weight => weight > 40)).toEqual([]);

      const before = client.answers().length;
      await team.until('300 more requests', () => client.answers().length > before + 300);
      await team.command('abort');
      await team.untilNow('aborted', status => status.phase === 'Aborted');
      await team.until('everybody is on stable', async () => (await team.weight()) === 0);
      await expectOnlyItsShareLost(team, client, fromMs);
      await expectTold(team, 'Aborted');
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'does not move on its own while steps would be due, and is promoted when stable is back',
    async () => {
      const team = await rig().team('held');
      const steps = [
        { setWeight: 40 },
        { pause: { duration: '6s' } },
        { setWeight: 70 },
        { pause: { duration: '3s' } },
      ];
      const client = await team.begin({ tag: '1.0.0-slowstart8s', steps });
      await team.release({ tag: '1.1.0' });
      await team.untilStatus(
        'in the pause at 40 %',
        status => status.step?.index === 1 && status.weights?.actualCanary === 40,
      );
      const fromMs = Date.now();
      await team.kubectl('delete', 'replicaset', await team.column('.status.stable.replicaSet'));
      await team.until('stable is gone', () => !hasPods(team));
      await team.untilStatus('promoted', isPromoted(2), 120_000);
      const marks = team.timeline.marks().filter(mark => mark.atMs >= fromMs);
      const raised = marks.find(mark => mark.canaryWeight > 40);
      const raisedMs = raised?.atMs ?? 0;
      // An abort needs somewhere to go back to. Watches show what happened at once in any order.
      const then = marks.filter(({ atMs }) => atMs >= raisedMs && atMs <= raisedMs + 300);
      expect(then.some(({ expected }) => expected !== undefined)).toBe(true);
      expect(await countEvents(team, 'StableLost')).toBe(1);
      const { excused } = await expectOnlyItsShareLost(team, client, fromMs);
      expect(excused.length).toBeGreaterThan(0);
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'stands still when nothing is left to rebuild stable from, until Git declares it again',
    async () => {
      const { team, client } = await halfway(rig(), 'for-good');
      const stable = await team.column('.status.stable.replicaSet');
      const fromMs = Date.now();
      await team.kubectl('delete', 'controllerrevision', stable);
      await team.kubectl('delete', 'replicaset', stable);
      await team.untilNow('told', status => status.display?.reason === 'StableLost' && status.phase === 'Degraded');
      await team.until('the alert has arrived', () => team.alerts().length > 0);
      await team.command('promote');
      await team.until('4 more seconds', () => Date.now() > fromMs + 6_000);
      expect(await team.column('.status.stable.revision')).toBe('1');
      expect(weightsSince(team, fromMs).filter(weight => weight > 40)).toEqual([]);
      expect(operatorWrites(rig(), team, fromMs).length).toBeLessThan(40);

      await team.release({ tag: '1.0.0' });
      await team.untilNow('healthy again', status => status.phase === 'Healthy');
      await team.until('stable serves', () => hasPods(team));
      const servesMs = Date.now();
      expect(await team.column('.status.stable.revision')).toBe('1');
      await team.until('everybody is on stable', async () => (await team.weight()) === 0);
      await team.until('3 more seconds', () => Date.now() > servesMs + 3_500);
      const { byVersion, excused } = await expectOnlyItsShareLost(team, client, fromMs);
      expect(excused.length).toBeGreaterThan(0);
      expect(Object.keys(byVersion).toSorted()).toEqual(['1.0.0', '1.1.0']);
      await team.stop();
    },
    SCENARIO_MS,
  );
});
