import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeOnRig, SCENARIO_MS } from '../support/rig/describe-on-rig.ts';
import { isPausedAndMeasured, weightsSince } from '../support/rig/expect-team.ts';
import { gateOf, successRate } from '../support/rig/shop-manifests.ts';
import {
  allWrites,
  children,
  expectKeptAsItWas,
  expectLeavesQuietly,
  expectUnharmed,
  letGo,
  type Moment,
} from './deletion.ts';
import { HALFWAY, QUIET_MS } from './scene.ts';

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
    ...{ name: 'in the foreground while it waits for a person', team: 'del-foreground', shop: { steps: HALFWAY } },
    reach: async team => {
      await team.release({ tag: '1.1.0' });
      await team.untilStatus('waits', isPausedAndMeasured);
    },
    leave: async team => {
      await team.kubectl('delete', 'rollout', 'shop', '--cascade=foreground', '--timeout=60s');
      // It went last: each of them held it up.
      expect(await children(team)).toBe('');
    },
  },
  {
    ...{ name: 'while it waits for a person, and kept by a finalizer,', team: 'del-kept', shop: { steps: HALFWAY } },
    reach: async (team, rig) => {
      await team.release({ tag: '1.1.0' });
      await team.untilStatus('waits', isPausedAndMeasured);
      await expectKeptAsItWas(team, rig);
    },
    leave: letGo,
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
    ...{ name: 'degraded, for a pod that never becomes ready', team: 'del-degraded' },
    shop: { spec: { progressDeadlineSeconds: 3 } },
    reach: async (team, { kubelet }) => {
      const hash = await team.column('.status.stable.podTemplateHash');
      const ready = new Set((await team.kubectl('get', 'pods', '-o', 'name')).split('\n'));
      const isLate: Parameters<typeof kubelet.setBehaviour>[0] = ({ namespace, name, labels }) =>
        namespace === team.name && labels['sluice.dev/pod-template-hash'] === hash && !ready.has(`pod/${name}`);
      kubelet.setBehaviour(isLate, { readyAfterMs: Number.POSITIVE_INFINITY });
      await team.release({ tag: '1.0.0', replicas: 4 });
      await team.untilStatus('degraded', status => status.phase === 'Degraded');
    },
  },
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

describeOnRig('a Rollout that is deleted', rig => {
  it.concurrent.each(MOMENTS)(
    '$name takes its children along and leaves route and Services as they are; nothing is written about it afterwards',
    async moment => await expectLeavesQuietly(rig(), moment),
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
      expect(weightsSince(team, 0).at(-1)).toBe(40);
      const quietMs = Date.now();
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
