import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeOnRig, SCENARIO_MS } from '../support/rig/describe-on-rig.ts';
import { expectBackOnStable, weightsSince } from '../support/rig/expect-team.ts';
import { restartWhenEnded } from '../support/rig/rig-operator.ts';
import { expectTold } from './scene.ts';

const DOWN_MS = 5_000;
/** A busy machine may take so long to start the API server that the operator loses its lease, and another has to wait for it. */
const RECOVERY_MS = 150_000;
/** All that an operator may end for; one that renews its lease in time lives on. */
const LEASE_LOST = /"why":"renewDeadlinePassed".*"message":"leadership is lost"/;

describeOnRig(
  'a canary whose API server goes away and comes back',
  rig => {
    let kubelet: { stop(): Promise<void> };
    beforeAll(() => {
      kubelet = restartWhenEnded(rig());
    });
    afterAll(async () => await kubelet?.stop());

    // One after the other: they share the API server.
    it(
      'loses no request and is promoted without skipping a weight',
      async () => {
        const team = await rig().team('restart');
        // The gateway's own watches take some seconds to come back, and the second weight is to be counted with it.
        const steps = [20, 60].flatMap(setWeight => [
          { setWeight },
          { pause: { duration: setWeight === 60 ? '15s' : '5s' } },
        ]);
        const client = await team.begin({ tag: '1.0.0', steps });
        await team.release({ tag: '1.1.0', steps });
        await team.untilStatus('in the pause of the first weight', status => status.step?.index === 1);
        await rig().plane.restartApiserver(DOWN_MS);
        await team.untilStatus(
          'promoted',
          status => status.phase === 'Healthy' && status.stable?.revision === 2,
          RECOVERY_MS,
        );
        expect(weightsSince(team, 0)).toEqual([0, 20, 60, 100, 0]);
        expect(team.alerts()).toEqual([]);
        // What was written while the watches of this test were away is seen when they are back.
        const { weights } = await client.check({ settleMs: 1_000, lastingMs: 20_000 });
        expect(weights).toEqual(expect.arrayContaining([20, 60]));
        await team.stop();
      },
      SCENARIO_MS,
    );

    it(
      'is aborted once it is back when the canary turns bad in between',
      async () => {
        const team = await rig().team('turned');
        const client = await team.begin({ tag: '1.0.0', steps: [{ setWeight: 30 }, { pause: { duration: '60s' } }] });
        await team.release({ tag: '1.1.0' });
        await team.untilStatus('in the pause', status => status.step?.index === 1);
        const isCanary = await team.column('.status.canary.podTemplateHash');
        const back = rig().plane.restartApiserver(DOWN_MS);
        rig().kubelet.setBehaviour(pod => pod.labels['sluice.dev/pod-template-hash'] === isCanary, {
          errorPercent: 60,
        });
        await back;
        await team.untilStatus('aborted', status => status.phase === 'Aborted', RECOVERY_MS);
        await expectBackOnStable(team, 'AnalysisFailed');
        await team.until('the alert has arrived', () => team.alerts('SluiceRolloutAborted').length > 0);
        await client.check({ bad: ['1.1.0'], settleMs: 1_000, lastingMs: 20_000 });
        await expectTold(team, 'Aborted');
        await team.stop();
      },
      SCENARIO_MS,
    );
  },
  { lastWords: LEASE_LOST },
);
