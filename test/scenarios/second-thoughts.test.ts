import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeOnRig, SCENARIO_MS } from '../support/rig/describe-on-rig.ts';
import { isPausedAndMeasured as isPaused, weightsSince } from '../support/rig/expect-team.ts';
import type { SeenStatus, Team } from '../support/rig/team.ts';
import { expectLeavesQuietly } from './deletion.ts';
import { withoutSchema } from './judged-by.ts';
import {
  countEvents,
  eventWrites,
  expectTold,
  HALFWAY,
  halfway,
  isPromoted,
  operatorWrites,
  podsOf,
  QUIET_MS,
  untilTold,
} from './scene.ts';

const isInvalid = (status: SeenStatus) => status.phase === 'Invalid';
const patchSpec = (team: Team, spec: object) =>
  team.kubectl('patch', 'rollout', 'shop', '--type=merge', '-p', JSON.stringify({ spec }));
const runsOf = async (team: Team) =>
  (await team.kubectl('get', 'analysisruns', '-o', 'name')).split('\n').filter(Boolean).toSorted();

describeOnRig('a canary whose manifest is broken or replaced while it waits for a person', rig => {
  let restore: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    restore = await withoutSchema(rig().plane);
  }, 120_000);
  afterAll(async () => await restore?.(), 120_000);

  it.concurrent(
    'stands still while its spec cannot be read, says so once, and goes on where it was when it is mended',
    async () => {
      const { team, client } = await halfway(rig(), 'mended');
      const runs = await runsOf(team);
      const sinceMs = Date.now();
      await patchSpec(team, { strategy: { canary: { steps: [{ setWeight: 'forty' }, { pause: {} }] } } });
      const broken = await team.untilStatus('told', isInvalid);
      expect(broken.message).toContain('spec.strategy.canary.steps[0].setWeight');
      expect(broken.conditions).toContainEqual(expect.objectContaining({ type: 'Stalled', status: 'True' }));
      expect(broken.conditions).toContainEqual(expect.objectContaining({ type: 'Serving', status: 'True' }));
      const id = await team.command('promote');
      await team.untilStatus('the command is answered', status => status.lastCommand?.id === id);
      expect(await team.column('.status.lastCommand.outcome')).toContain('refused');
      await untilTold(team, 'SpecInvalid');
      const quietMs = Date.now();
      await sleep(QUIET_MS);
      expect(operatorWrites(rig(), team, quietMs).length).toBeLessThanOrEqual(3);
      expect(eventWrites(rig(), team, quietMs)).toEqual([]);
      expect(await countEvents(team, 'SpecInvalid')).toBe(1);

      await patchSpec(team, { strategy: { canary: { steps: HALFWAY } } });
      await team.untilNow('waits at 40 % again', isPaused);
      expect(weightsSince(team, sinceMs).filter(weight => weight !== 40)).toEqual([]);
      expect(await team.column('.status.step.index')).toBe('1');
      expect(await runsOf(team)).toEqual(runs);
      await team.command('promote');
      await team.untilStatus('promoted', isPromoted(2));
      const { weights } = await client.check();
      expect(weights).toContain(40);
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'leaves when it is deleted while its spec cannot be read',
    async () => {
      const reach = async (team: Team) => {
        await team.release({ tag: '1.1.0' });
        await team.untilStatus('waits at 40 %', isPaused);
        await patchSpec(team, { replicas: 'many' });
        await team.untilStatus('told', isInvalid);
      };
      const moment = { name: 'invalid', team: 'del-invalid', shop: { steps: HALFWAY }, reach };
      await expectLeavesQuietly(rig(), moment);
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'starts over with what it is mended to when that is another template',
    async () => {
      const { team, client } = await halfway(rig(), 'mended-anew');
      await patchSpec(team, { replicas: 'many' });
      await team.untilStatus('told', isInvalid);
      const sinceMs = Date.now();
      await team.release({ tag: '1.2.0' });
      await team.untilNow('3 waits at 40 %', status => isPaused(status) && status.canary?.revision === 3);
      expect(await team.column('.status.stable.revision')).toBe('1');
      // The share of one revision is never handed to another: it goes through 0.
      expect(weightsSince(team, sinceMs)).toContain(0);
      expect(await team.column('.status.history[0].outcome')).toBe('Superseded');
      await team.command('abort');
      await team.untilNow('aborted', status => status.phase === 'Aborted');
      await team.until('everybody is on stable', async () => (await team.weight()) === 0);
      await client.check();
      await expectTold(team, 'Aborted');
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'gives way to a third revision, and all of them to the first when the manifest goes back to it',
    async () => {
      const { team, client } = await halfway(rig(), 'back-to-1', {
        canary: { abortScaleDownDelaySeconds: 3, scaleDownDelaySeconds: 3 },
      });
      const second = await team.column('.status.canary.replicaSet');
      await team.release({ tag: '1.2.0' });
      await team.untilNow('3 waits at 40 %', status => isPaused(status) && status.canary?.revision === 3);
      const third = await team.column('.status.canary.replicaSet');
      const sinceMs = Date.now();
      await team.release({ tag: '1.0.0' });
      await team.untilNow('healthy', status => status.phase === 'Healthy' && status.canary === undefined);
      expect(weightsSince(team, sinceMs).at(-1)).toBe(0);
      expect(await team.column('.status.stable.revision')).toBe('1');
      expect(await team.column('.status.history[*].outcome')).toBe('ReturnedToStable Superseded FirstDeploy');
      for (const set of [second, third])
        await team.until('its pods have left', async () => (await podsOf(team, set)) === 0);
      const { byVersion } = await client.check();
      expect(Object.keys(byVersion).toSorted()).toEqual(['1.0.0', '1.1.0', '1.2.0']);
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'is not confused by a revision that is taken back before it had pods',
    async () => {
      const { team, client } = await halfway(rig(), 'hasty');
      await team.release({ tag: '1.2.0-slowstart20s' });
      await team.release({ tag: '1.3.0-slowstart20s' });
      await team.release({ tag: '1.0.0' });
      await team.untilNow('healthy', status => status.phase === 'Healthy' && status.canary === undefined);
      await team.until('everybody is on stable', async () => (await team.weight()) === 0);
      const sinceMs = Date.now();
      await sleep(QUIET_MS);
      expect(weightsSince(team, sinceMs)).toEqual([]);
      expect(await team.column('.status.phase')).toBe('Healthy');
      const { byVersion } = await client.check();
      expect(Object.keys(byVersion).toSorted()).toEqual(['1.0.0', '1.1.0']);
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'begins its steps anew when other steps are declared',
    async () => {
      const { team, client } = await halfway(rig(), 'other-steps');
      const sinceMs = Date.now();
      await team.release({ tag: '1.1.0', steps: [{ setWeight: 10 }, { pause: {} }, { setWeight: 50 }, { pause: {} }] });
      await team.untilNow('waits at 10 %', status => isPaused(status) && status.weights?.actualCanary === 10);
      expect(weightsSince(team, sinceMs)).toEqual([10]);
      expect(await team.column('.status.canary.revision')).toBe('2');
      await team.command('promote');
      await team.untilNow('waits at 50 %', status => isPaused(status) && status.weights?.actualCanary === 50);
      await team.command('promote');
      await team.untilStatus('promoted', isPromoted(2));
      await client.check();
      await team.stop();
    },
    SCENARIO_MS,
  );
});
