import { cp } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePorts } from '../support/control-plane/free-ports.ts';
import { makeTempFolder } from '../support/control-plane/temp-folder.ts';
import { eventually } from '../support/eventually.ts';
import { bundleOperator } from '../support/matrix/operator-bundle.ts';
import { type OperatorProcess, startOperator } from '../support/operator-process.ts';
import { describeOnRig, SCENARIO_MS } from '../support/rig/describe-on-rig.ts';
import { expectBackOnStable, weightsSince } from '../support/rig/expect-team.ts';
import type { GatewayClient } from '../support/rig/gateway-client.ts';
import type { Rig } from '../support/rig/rig.ts';
import type { Team } from '../support/rig/team.ts';
import { accepted, countEvents, isPromoted, operatorWrites } from './scene.ts';

/** A bundle of another version to upgrade from; the one of now when absent. */
const OLD = process.env['SLUICE_OLD_OPERATOR'];
/** Without a release of the lease it takes 15 s and a retry. */
const TAKEOVER_MS = 8_000;
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/sluice-system/leases';
const STEPS = [{ setWeight: 20 }, { pause: { duration: '8s' } }, { setWeight: 60 }, { pause: { duration: '8s' } }];

async function start({ plane }: Rig, program: string): Promise<OperatorProcess> {
  const [port] = (await freePorts(1)) as [number];
  const operator = await startOperator(plane.userKubeconfig('operator'), ['--port', String(port)], program);
  const isReady = () =>
    fetch(`http://127.0.0.1:${port}/readyz`)
      .then(answer => answer.ok)
      .catch(() => false);
  await eventually('an operator is ready', async () => (await isReady()) || (await sleep(50, false)), 30_000);
  return operator;
}

async function terminate(operator: OperatorProcess): Promise<void> {
  process.kill(operator.pid, 'SIGTERM');
  while (!operator.ended()) await sleep(10);
}

const holders = async ({ plane }: Rig) =>
  (await plane.client.list(LEASES)).map(lease => (lease['spec'] as { holderIdentity?: string }).holderIdentity);

/** One write for each weight, one run of the gate, each event once: nobody did anything twice. */
async function expectNothingTwice(rig: Rig, team: Team): Promise<void> {
  const writes = operatorWrites(rig, team);
  const weights = accepted(writes, 'httproutes').length;
  // The first look may set the weights of a new route, which reads as no change.
  expect(weights).toBe(weightsSince(team, 0).length - 1);
  const created = (resource: string) => accepted(writes, resource).filter(({ verb }) => verb === 'create').length;
  expect(created('replicasets')).toBe(2);
  expect(created('controllerrevisions')).toBe(2);
  expect(created('analysisruns')).toBe(1);
  for (const reason of ['StepCompleted', 'Promoted', 'RevisionDetected', 'Aborted'])
    expect(await countEvents(team, reason)).toBeLessThanOrEqual(2);
}

/** A canary in its first pause, with users at the gateway. */
async function inFirstPause(team: Team): Promise<GatewayClient> {
  const client = await team.begin({ tag: '1.0.0', steps: STEPS });
  await team.release({ tag: '1.1.0' });
  await team.untilStatus('in the first pause', status => status.step?.index === 1);
  return client;
}

/** The canary is promoted as if there had been one operator all along. */
async function expectWentThrough(rig: Rig, team: Team, client: GatewayClient): Promise<void> {
  await team.untilStatus('promoted', isPromoted(2));
  expect(weightsSince(team, 0)).toEqual([0, 20, 60, 100, 0]);
  await expectNothingTwice(rig, team);
  const { weights } = await client.check();
  expect(weights).toEqual(expect.arrayContaining([20, 60]));
}

describeOnRig(
  'an operator that is upgraded in the middle of a step',
  rig => {
    const folder = makeTempFolder('sluice-bundles');
    const running: OperatorProcess[] = [];
    let [oldProgram, newProgram] = [OLD ?? '', ''];
    const launch = async (program: string) => {
      const operator = await start(rig(), program);
      running.push(operator);
      return operator;
    };
    beforeAll(async () => {
      newProgram = await bundleOperator(join(folder.path, 'new'));
      if (OLD !== undefined) return;
      await cp(join(folder.path, 'new'), join(folder.path, 'old'), { recursive: true });
      oldProgram = join(folder.path, 'old', basename(newProgram));
    }, 120_000);
    afterAll(async () => {
      for (const operator of running) await operator.stop();
      await folder.remove();
    });

    // One after the other: they share the lease.
    it(
      'stopped first and started anew, goes on with the canary where it was',
      async () => {
        const old = await launch(oldProgram);
        const team = await rig().team('stop-start');
        const client = await inFirstPause(team);
        await terminate(old);
        const endedMs = Date.now();
        await sleep(1_500);
        expect(operatorWrites(rig(), team, endedMs)).toEqual([]);
        const next = await launch(newProgram);
        await expectWentThrough(rig(), team, client);
        await terminate(next);
        await team.stop();
      },
      SCENARIO_MS,
    );

    it(
      'with the next one waiting, hands over within seconds, and no weight falls or jumps',
      async () => {
        const old = await launch(oldProgram);
        const team = await rig().team('handed-over');
        const client = await inFirstPause(team);
        const next = await launch(newProgram);
        const [before] = await holders(rig());
        const fromMs = Date.now();
        await terminate(old);
        const isTaken = async () => {
          const [now] = await holders(rig());
          return now !== undefined && now !== '' && now !== before;
        };
        await team.until('the lease has another holder', isTaken);
        expect(Date.now() - fromMs).toBeLessThan(TAKEOVER_MS);
        await expectWentThrough(rig(), team, client);
        await terminate(next);
        await team.stop();
      },
      SCENARIO_MS,
    );

    it(
      'while the canary turns bad, leaves the abort to the next one, which does it once',
      async () => {
        const old = await launch(oldProgram);
        const team = await rig().team('bad-meanwhile');
        const client = await team.begin({ tag: '1.0.0', steps: STEPS });
        await team.release({ tag: '1.1.0' });
        await team.untilStatus(
          'measured in the first pause',
          status => status.display?.gate?.startsWith('success-rate 1 ') === true,
        );
        const hash = await team.column('.status.canary.podTemplateHash');
        const next = await launch(newProgram);
        const ended = terminate(old);
        rig().kubelet.setBehaviour(pod => pod.labels['sluice.dev/pod-template-hash'] === hash, { errorPercent: 60 });
        await ended;
        await team.untilStatus('aborted', status => status.phase === 'Aborted');
        await expectBackOnStable(team, 'AnalysisFailed');
        expect(await countEvents(team, 'Aborted')).toBe(1);
        await expectNothingTwice(rig(), team);
        await team.until('the alert has arrived', () => team.alerts('SluiceRolloutAborted').length > 0);
        await client.check({ bad: ['1.1.0'] });
        await terminate(next);
        await team.stop();
      },
      SCENARIO_MS,
    );
  },
  { operator: false },
);
