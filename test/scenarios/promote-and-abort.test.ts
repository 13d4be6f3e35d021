import { expect, it } from 'vitest';
import { describeOnRig, SCENARIO_MS } from '../support/rig/describe-on-rig.ts';
import { expectBackOnStable, isPausedAndMeasured, weightsSince } from '../support/rig/expect-team.ts';
import type { GatewayClient } from '../support/rig/gateway-client.ts';
import { shippedGate } from '../support/rig/shipped-gate.ts';
import type { Team } from '../support/rig/team.ts';
import { expectTold, isPromoted, notesOf } from './scene.ts';

const DEADLINE_S = 8;
/** What a busy machine may take from a deadline to the abort. */
const LATE_MS = 7_000;
/** How long the pods of a slow version start; the deadline of that test leaves a busy machine 5 s more. */
const SLOW_START_S = 6;

/** The canary never had a user, and its abort was told. */
async function expectNobodySawIt(team: Team, client: GatewayClient): Promise<void> {
  await team.until('the alert has arrived', () => team.alerts('SluiceRolloutAborted').length > 0);
  expect(weightsSince(team, 0)).toEqual([0]);
  await expectTold(team, 'Aborted');
  const { byVersion } = await client.check();
  expect(Object.keys(byVersion)).toEqual(['1.0.0']);
}

describeOnRig('a canary behind a real gateway', rig => {
  it.concurrent(
    'is promoted step by step when its gate passes on real measurements',
    async () => {
      const team = await rig().team('promote');
      const client = await team.begin({ tag: '1.0.0' });
      await team.release({ tag: '1.1.0' });
      await team.untilStatus('revision 2 is stable', status => status.stable?.revision === 2);
      await team.untilStatus('healthy', status => status.phase === 'Healthy');
      expect(weightsSince(team, 0)).toEqual([0, 20, 60, 100, 0]);
      expect(await team.weight()).toBe(0);

      const selector = '{.spec.selector.sluice\\.dev/pod-template-hash}';
      const selected = await team.kubectl('get', 'service', 'shop-stable', '-o', `jsonpath=${selector}`);
      expect(selected).toBe(await team.column('.status.stable.podTemplateHash'));
      const runs = await team.kubectl('get', 'analysisruns', '--no-headers');
      expect(runs).toMatch(/Successful\s+success-rate\s+1\s/);
      const events = await team.events();
      // One for each weight; that a pause is over is no news.
      expect(events.filter(reason => reason === 'StepCompleted')).toHaveLength(2);
      // The first deploy is a promotion too.
      await expectTold(team, 'Promoted', 2);
      expect(events).not.toContain('Aborted');
      expect(team.alerts()).toEqual([]);

      const { weights, byVersion } = await client.check();
      expect(weights).toEqual(expect.arrayContaining([20, 60]));
      expect(byVersion['1.1.0']).toBeGreaterThan(100);
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'is aborted when it answers with errors, with the evidence in status and an alert that reaches people',
    async () => {
      const team = await rig().team('errors');
      const client = await team.begin({ tag: '1.0.0' });
      await team.release({ tag: '1.1.0-err40' });
      await team.untilStatus('aborted', status => status.phase === 'Aborted');
      await expectBackOnStable(team, 'AnalysisFailed');

      expect(await team.column('.status.abort.evidence.metric')).toBe('success-rate');
      expect(Number(await team.column('.status.abort.evidence.measured'))).toBeLessThan(0.95);
      expect(await team.column('.status.abort.evidence.threshold')).toBe('≥ 0.95');
      const replicaSet = await team.column('.status.canary.replicaSet');
      expect(await team.column('.status.abort.evidence.query')).toContain(replicaSet);
      const run = await team.column('.status.abort.evidence.analysisRun');
      expect(await team.kubectl('get', 'analysisrun', run, '-o', 'jsonpath={.status.phase}')).toBe('Failed');
      // Git says what it said, the cluster serves what it served.
      expect(await team.column('.spec.template.spec.containers[0].image')).toBe('shop:1.1.0-err40');
      expect(await team.column('.status.stable.revision')).toBe('1');
      const events = await team.events();
      expect(events).toEqual(expect.arrayContaining(['GateFailed', 'Aborted', 'Quarantined', 'Reverted']));

      await team.until('the alert has arrived', () => team.alerts('SluiceRolloutAborted').length > 0);
      const [alert] = team.alerts('SluiceRolloutAborted');
      expect(alert).toMatchObject({ status: 'firing', labels: { rollout: 'shop', severity: 'critical' } });
      expect(JSON.stringify(alert?.annotations)).toContain('success-rate');

      await team.release({ tag: '1.0.0' });
      await team.untilStatus('healthy again', status => status.phase === 'Healthy');
      await team.until('the alert has ended', () =>
        team.alerts('SluiceRolloutAborted').some(one => one.status === 'resolved'),
      );
      const { weights } = await client.check({ bad: ['1.1.0'] });
      expect(weights).toContain(20);
      await expectTold(team, 'Aborted');
      // It never passed a gate, so it never got more than the first weight.
      expect(Math.max(...team.timeline.marks().map(mark => mark.canaryWeight))).toBe(20);
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'is aborted when it answers slowly, by the latency gate that Sluice ships',
    async () => {
      const team = await rig().team('slow');
      const client = await team.begin({ tag: '1.0.0', gates: [] });
      await team.apply(shippedGate('slow', 'latency-p95', { max: 0.1 }));
      await team.release({ tag: '1.1.0-slow200', gates: ['latency-p95'] });
      await team.untilStatus('aborted', status => status.phase === 'Aborted');
      await expectBackOnStable(team, 'AnalysisFailed');
      expect(await team.column('.status.abort.evidence.metric')).toBe('latency-p95');
      // The bounds of the bucket that 200 ms are in.
      const measured = Number(await team.column('.status.abort.evidence.measured'));
      expect(measured).toBeGreaterThan(0.1);
      expect(measured).toBeLessThanOrEqual(0.5);
      await expectTold(team, 'Aborted');
      const { weights, byVersion } = await client.check();
      expect(weights).toContain(20);
      expect(byVersion['1.1.0']).toBeGreaterThan(5);
      expect(Math.max(...team.timeline.marks().map(mark => mark.canaryWeight))).toBe(20);
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'is aborted when its pods crash, before anybody was sent to them',
    async () => {
      const team = await rig().team('crash');
      const client = await team.begin({ tag: '1.0.0', spec: { canaryRestartLimit: 1 } });
      await team.release({ tag: '1.1.0-crash' });
      await team.untilStatus('aborted', status => status.phase === 'Aborted');
      await expectBackOnStable(team, 'CanaryCrashLooping');
      expect(await team.column('.status.abort.message')).toContain('restarted 2 times');
      await expectNobodySawIt(team, client);
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent.each([
    { why: 'pods never become ready', team: 'unready', word: 'neverready', said: '0 of 1 canary pods are available' },
    { why: 'image cannot be pulled', team: 'unpulled', word: 'pullfail', said: 'waits: ImagePullBackOff' },
  ])(
    'is aborted at its progress deadline when its $why, and says so',
    async ({ team: name, word, said }) => {
      const team = await rig().team(name);
      const client = await team.begin({ tag: '1.0.0', spec: { progressDeadlineSeconds: DEADLINE_S } });
      const releasedMs = Date.now();
      await team.release({ tag: `1.1.0-${word}` });
      const { abort } = await team.untilStatus('aborted', status => status.phase === 'Aborted');
      await expectBackOnStable(team, 'ProgressDeadlineExceeded');
      const abortedMs = Date.parse(abort?.at ?? '') - releasedMs;
      expect(abortedMs).toBeGreaterThanOrEqual(DEADLINE_S * 1_000);
      expect(abortedMs).toBeLessThan(DEADLINE_S * 1_000 + LATE_MS);
      expect(await team.column('.status.abort.message')).toContain(said);
      await expectNobodySawIt(team, client);
      expect(await notesOf(team, 'Aborted')).toEqual([expect.stringContaining(said)]);
      expect(JSON.stringify(team.alerts('SluiceRolloutAborted')[0]?.annotations)).toContain(said);
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'is promoted when its pods start slowly: each of them within the deadline, all together beyond it',
    async () => {
      const team = await rig().team('slow-start');
      const deadlineS = SLOW_START_S + 5;
      const steps = [{ setWeight: 40 }, { pause: { duration: '3s' } }];
      const client = await team.begin({ tag: '1.0.0', steps, spec: { progressDeadlineSeconds: deadlineS } });
      const releasedMs = Date.now();
      await team.release({ tag: `1.1.0-slowstart${SLOW_START_S}s` });
      await team.untilStatus('promoted', isPromoted(2));
      expect(Date.now() - releasedMs).toBeGreaterThan(deadlineS * 1_000);
      const since = team.sightings().filter(({ atMs }) => atMs >= releasedMs);
      expect(since.filter(({ status }) => ['Degraded', 'Aborted'].includes(status.phase ?? ''))).toEqual([]);
      expect(weightsSince(team, 0)).toEqual([0, 40, 100, 0]);
      expect(team.alerts()).toEqual([]);
      const { byVersion } = await client.check();
      expect(byVersion['1.1.0']).toBeGreaterThan(30);
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'is aborted by command, and promoted after all when a person retries it and waives the rest',
    async () => {
      const team = await rig().team('command');
      const client = await team.begin({ tag: '1.0.0', steps: [{ setWeight: 30 }, { pause: {} }, { setWeight: 70 }] });
      await team.release({ tag: '1.1.0' });
      const paused = (what: string) => team.untilStatus(what, isPausedAndMeasured);
      await paused('waits for a person');
      const before = client.answers().length;
      await team.until('150 requests at 30 %', () => client.answers().length > before + 150);
      const abort = await team.command('abort');
      await team.untilStatus('aborted', status => status.lastCommand?.id === abort && status.phase === 'Aborted');
      await expectBackOnStable(team, 'AbortedByCommand');
      await team.until('the alert has arrived', () => team.alerts('SluiceRolloutAborted').length > 0);

      const retry = await team.command('retry');
      await team.untilStatus('on trial again', ({ lastCommand, pause }) => lastCommand?.id === retry && !pause);
      await paused('waits again');
      expect(await team.weight()).toBe(30);
      await team.command('promote-full');
      await team.untilStatus('promoted', status => status.phase === 'Healthy' && status.stable?.revision === 2);
      await expectTold(team, 'Aborted');
      await expectTold(team, 'Promoted', 2);
      const { weights } = await client.check();
      expect(weights.filter(weight => weight === 30).length).toBeGreaterThan(0);
      await team.stop();
    },
    SCENARIO_MS,
  );
});
