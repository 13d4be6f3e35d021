import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeOnRig, SCENARIO_MS } from '../support/rig/describe-on-rig.ts';
import { expectBackOnStable, weightsSince } from '../support/rig/expect-team.ts';
import { gateOf, successRate } from '../support/rig/shop-manifests.ts';
import type { Team } from '../support/rig/team.ts';
import {
  countEvents,
  eventWrites,
  expectTold,
  halfway,
  isPromoted,
  operatorWrites,
  QUIET_MS,
  untilTold,
} from './scene.ts';

const LATER = { analysis: { templates: [{ templateName: 'later' }] } };
const later = (team: Team) => gateOf(team.name, 'later', successRate({ count: 3 }));
const remove = (team: Team, name: string) => team.kubectl('delete', 'analysistemplate', name);

describeOnRig('a canary whose AnalysisTemplate is deleted', rig => {
  it.concurrent(
    'is measured on by the run that has begun, and promoted',
    async () => {
      const { team, client } = await halfway(rig(), 'gone-good');
      await remove(team, 'success-rate');
      const measured = async () =>
        Number(await team.kubectl('get', 'analysisruns', '-o', 'jsonpath={.items[0].status.metricResults[0].count}'));
      const before = await measured();
      await team.until('it goes on measuring', async () => (await measured()) > before + 2);
      expect(await team.column('.status.phase')).toBe('Paused');
      await team.command('promote');
      await team.untilStatus('promoted', isPromoted(2));

      // The next one has no gate, and does not go without.
      await team.release({ tag: '1.2.0' });
      await team.untilStatus('held', status => status.display?.reason === 'TemplateMissing');
      await untilTold(team, 'SpecInvalid');
      const sinceMs = Date.now();
      await sleep(QUIET_MS);
      expect(weightsSince(team, sinceMs)).toEqual([]);
      expect(await team.weight()).toBe(0);
      expect(await countEvents(team, 'SpecInvalid')).toBe(1);
      expect(operatorWrites(rig(), team, sinceMs).length).toBeLessThanOrEqual(3);
      expect(eventWrites(rig(), team, sinceMs).length).toBeLessThanOrEqual(1);
      await team.apply(gateOf(team.name, 'success-rate', successRate()));
      await team.untilNow('3 has users', status => status.weights?.actualCanary === 40);
      const asked = client.answers().length;
      await team.until('100 more requests', () => client.answers().length > asked + 100);
      const { byVersion } = await client.check();
      expect(Object.keys(byVersion).toSorted()).toEqual(['1.0.0', '1.1.0', '1.2.0']);
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'is aborted by the run that has begun when it turns bad',
    async () => {
      const { team, client } = await halfway(rig(), 'gone-bad');
      const hash = await team.column('.status.canary.podTemplateHash');
      await remove(team, 'success-rate');
      rig().kubelet.setBehaviour(
        pod => pod.namespace === team.name && pod.labels['sluice.dev/pod-template-hash'] === hash,
        {
          errorPercent: 60,
        },
      );
      await team.untilStatus('aborted', status => status.phase === 'Aborted');
      await expectBackOnStable(team, 'AnalysisFailed');
      await team.until('the alert has arrived', () => team.alerts('SluiceRolloutAborted').length > 0);
      await client.check({ bad: ['1.1.0'] });
      await expectTold(team, 'Aborted');
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'waits before the gate of a later step, tells once, and goes on when it is there again',
    async () => {
      const team = await rig().team('gone-later');
      await team.apply(later(team));
      const steps = [{ setWeight: 20 }, { pause: { duration: '4s' } }, LATER, { setWeight: 60 }];
      const client = await team.begin({ tag: '1.0.0', steps });
      await team.release({ tag: '1.1.0' });
      await team.untilStatus('in the first pause', status => status.step?.index === 1);
      await remove(team, 'later');
      await team.untilStatus('held', status => status.display?.reason === 'TemplateMissing');
      await untilTold(team, 'SpecInvalid');
      const sinceMs = Date.now();
      await sleep(QUIET_MS);
      expect(weightsSince(team, sinceMs)).toEqual([]);
      expect(await team.weight()).toBe(20);
      expect(await countEvents(team, 'SpecInvalid')).toBe(1);
      expect(eventWrites(rig(), team, sinceMs).length).toBeLessThanOrEqual(1);
      expect(await team.column('.status.message')).toContain('later');
      await team.apply(later(team));
      await team.untilStatus('promoted', isPromoted(2));
      const runs = await team.kubectl('get', 'analysisruns', '--no-headers');
      expect(runs.match(/Successful/g)).toHaveLength(2);
      const { weights } = await client.check();
      expect(weights).toContain(20);
      await team.stop();
    },
    SCENARIO_MS,
  );
});
