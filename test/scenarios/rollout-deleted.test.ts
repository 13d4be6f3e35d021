import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { RIG_USERS } from '../support/control-plane/users.ts';
import { describeOnRig, SCENARIO_MS } from '../support/rig/describe-on-rig.ts';
import { isPausedAndMeasured, weightsSince } from '../support/rig/expect-team.ts';
import type { Rig } from '../support/rig/rig.ts';
import { gateOf, type ShopRollout, successRate } from '../support/rig/shop-manifests.ts';
import type { Team } from '../support/rig/team.ts';
import { checkExcept, HALFWAY, QUIET_MS, selectedBy } from './scene.ts';

interface Moment {
  readonly name: string;
  readonly team: string;
  readonly shop: Omit<ShopRollout, 'tag'>;
  /** Leads a Rollout whose first revision serves to the moment. */
  readonly reach: (team: Team) => Promise<unknown>;
}

const MOMENTS: readonly Moment[] = [
  {
    ...{ name: 'in the timed pause of a weight', team: 'del-weight' },
    shop: { steps: [{ setWeight: 40 }, { pause: { duration: '120s' } }] },
    reach: async team => {
      await team.release({ tag: '1.1.0' });
      await team.untilStatus('in the pause', status => status.step?.index === 1);
    },
  },
  {
    ...{ name: 'while it waits for a person', team: 'del-paused', shop: { steps: HALFWAY } },
    reach: async team => {
      await team.release({ tag: '1.1.0' });
      await team.untilStatus('waits', isPausedAndMeasured);
    },
  },
  {
    ...{ name: 'in the analysis of a step', team: 'del-analysis' },
    shop: { gates: [], steps: [{ setWeight: 40 }, { analysis: { templates: [{ templateName: 'long' }] } }] },
    reach: async team => {
      await team.apply(gateOf(team.name, 'long', successRate({ count: 200, interval: '500ms' })));
      await team.release({ tag: '1.1.0' });
      await team.untilStatus('measures', status => status.display?.gate?.startsWith('long 1 ') === true);
    },
  },
  {
    ...{ name: 'aborted, with pods that have not left yet', team: 'del-aborted', shop: { steps: HALFWAY } },
    reach: async team => {
      await team.release({ tag: '1.1.0' });
      await team.untilStatus('waits', isPausedAndMeasured);
      await team.command('abort');
      await team.untilStatus('aborted', status => status.phase === 'Aborted' && status.weights?.actualCanary === 0);
    },
  },
  { name: 'healthy', team: 'del-healthy', shop: {}, reach: async () => {} },
  {
    ...{
      name: 'in the middle of its promotion',
      team: 'del-promoting',
      shop: { gates: [], steps: [{ setWeight: 50 }] },
    },
    reach: async team => {
      await team.release({ tag: '1.1.0' });
      const isFull = () => team.timeline.marks().some(mark => mark.canaryWeight === 100);
      for (const untilMs = Date.now() + 60_000; !isFull() && Date.now() < untilMs; ) await sleep(5);
      expect(isFull()).toBe(true);
    },
  },
];

const collection = '/apis/sluice.dev/v1alpha1/namespaces';
const specOf = (team: Team, kind: string, name: string) => team.kubectl('get', kind, name, '-o', 'jsonpath={.spec}');
const remains = (team: Team) =>
  Promise.all([
    specOf(team, 'service', 'shop-stable'),
    specOf(team, 'service', 'shop-canary'),
    specOf(team, 'httproute', 'shop'),
  ]);
const children = (team: Team) => team.kubectl('get', 'replicasets,controllerrevisions,analysisruns,pods', '-o', 'name');

/** Events too. */
const allWrites = ({ plane }: Rig, { name }: Team, sinceMs: number) =>
  plane.auditEntries({ user: RIG_USERS.operator.name, namespace: name, writes: true, sinceMs });

/** Nothing the operator says is of a crash, and it is the process that it was. */
function expectUnharmed({ operator }: Rig, pid: number): void {
  expect(operator.ended()).toBe(false);
  expect(operator.pid).toBe(pid);
  expect(operator.log()).not.toMatch(/"level":"error"|TypeError|unhandled|uncaught/i);
}

describeOnRig('a Rollout that is deleted', rig => {
  it.concurrent.each(MOMENTS)(
    '$name takes its children along and leaves route and Services as they are; nothing is written about it afterwards',
    async ({ team: name, shop, reach }) => {
      const { pid } = rig().operator;
      const team = await rig().team(name);
      const client = await team.begin({ tag: '1.0.0', ...shop }, { perSecond: 20 });
      await reach(team);
      const fromMs = Date.now();
      await rig().plane.client.delete(`${collection}/${name}/rollouts/shop`);
      await team.until('nothing is left of it', async () => (await children(team)) === '');
      // Events that waited are on their way.
      await sleep(1_500);
      const left = await remains(team);
      const quietMs = Date.now();
      await sleep(QUIET_MS);
      expect(allWrites(rig(), team, quietMs)).toEqual([]);
      expect(await remains(team)).toEqual(left);
      // Not one weight more for a revision that is leaving.
      const highest = Math.max(
        ...team.timeline
          .marks()
          .filter(mark => mark.atMs <= fromMs)
          .map(mark => mark.canaryWeight),
      );
      expect(weightsSince(team, fromMs + 1).filter(weight => weight > highest)).toEqual([]);
      expect(left[2]).toContain('shop-canary');
      expect(await selectedBy(team, 'shop-stable')).not.toBe('');

      // Declared once more it serves again, through the very route and Services.
      await team.release({ tag: '2.0.0' });
      await team.until('it serves', async () => (await team.column('.status.phase')) === 'Healthy');
      const toMs = Date.now() + 2_000;
      await team.until('it was asked for a while', () => Date.now() > toMs + 2_000);
      const { byVersion } = await checkExcept(rig(), team, client, { fromMs, toMs });
      expect(byVersion['2.0.0']).toBeGreaterThan(10);
      expectUnharmed(rig(), pid);
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'without its children, in the middle of a trial, goes on serving, and loses no request when it is declared again',
    async () => {
      const { pid } = rig().operator;
      const team = await rig().team('del-orphan');
      const client = await team.begin({ tag: '1.0.0', steps: HALFWAY }, { perSecond: 20 });
      await team.release({ tag: '1.1.0' });
      await team.untilStatus('waits', isPausedAndMeasured);
      await team.kubectl('delete', 'rollout', 'shop', '--cascade=orphan', '--timeout=60s');
      await sleep(QUIET_MS);
      const quietMs = Date.now();
      expect(weightsSince(team, 0).at(-1)).toBe(40);
      await sleep(QUIET_MS / 2);
      expect(allWrites(rig(), team, quietMs)).toEqual([]);
      await team.release({ tag: '1.0.0' });
      await team.until('it serves', async () => (await team.column('.status.phase')) === 'Healthy');
      await team.until('at rest', async () => (await team.weight()) === 0);
      await client.check({ settleMs: 600 });
      expectUnharmed(rig(), pid);
      await team.stop();
    },
    SCENARIO_MS,
  );
});
