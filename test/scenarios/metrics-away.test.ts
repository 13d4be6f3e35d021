import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type Prometheus, startPrometheus } from '../support/prometheus.ts';
import { describeOnRig, SCENARIO_MS } from '../support/rig/describe-on-rig.ts';
import { expectBackOnStable, isMeasured, weightsSince } from '../support/rig/expect-team.ts';
import { startMetricExporter } from '../support/rig/metric-exporter.ts';
import type { Rig } from '../support/rig/rig.ts';
import { gateOf, successRate } from '../support/rig/shop-manifests.ts';
import { startSlowServer } from '../support/rig/slow-server.ts';
import {
  accepted,
  countEvents,
  eventWrites,
  expectTold,
  HALFWAY,
  halfway,
  isPromoted,
  operatorWrites,
  untilTold,
} from './scene.ts';

/** How long Prometheus is away. */
const OUTAGE_MS = 60_000;
/** How long the slow Prometheus takes for an answer. */
const SLOW_MS = 10_000;
const SCRAPE_MS = 500;
const INTERVAL_MS = 1_000;
/**
 * From the moment that a canary turns bad to its route at 0 %, beside another one whose metrics and receiver hang: two scrapes until
 * errors are a rate and one more for it to be too high, two bad measurements, since one is allowed, and 3 s for a busy machine. One
 * answer of the slow Prometheus takes longer.
 */
const ABORT_MS = 3 * SCRAPE_MS + 2 * INTERVAL_MS + 3_000;

const applyProvider = async (rig: Rig, name: string, address: string, timeout: string) => {
  const spec = { type: 'prometheus', address, timeout };
  const provider = { apiVersion: 'sluice.dev/v1alpha1', kind: 'MetricProvider', metadata: { name }, spec };
  await rig.plane.kubectl(['apply', '-f', '-'], JSON.stringify(provider));
};

/** Time enough at the first weight to see that its gate has measured, and to break what it asks. */
const STEPS = [{ setWeight: 20 }, { pause: { duration: '12s' } }, { setWeight: 60 }, { pause: { duration: '5s' } }];

/** A Prometheus that a scenario may break, with a MetricProvider of the same name. */
const startOwnPrometheus = async (rig: Rig, name: string) => {
  const prometheus = await startPrometheus({ targetsFile: rig.targetsFile, scrapeIntervalMs: 500 });
  await applyProvider(rig, name, prometheus.url, '5s');
  return prometheus;
};

const freeze = async (prometheus: Prometheus) => {
  prometheus.signal('SIGSTOP');
  await sleep(OUTAGE_MS);
  prometheus.signal('SIGCONT');
};

describeOnRig('a canary whose measurements fail to come', rig => {
  it.concurrent(
    'is held where it is while its metric has no series, and goes on when the metric is back',
    async () => {
      const team = await rig().team('nodata');
      const exporter = await startMetricExporter();
      const series = 'shop_quality{namespace="nodata"}';
      exporter.set(series, 1);
      const prometheus = await startPrometheus({ scrapeTargets: [exporter.target], scrapeIntervalMs: 500 });
      await applyProvider(rig(), 'exporter', prometheus.url, '10s');
      const prometheusQuery = { query: 'shop_quality{namespace="{{args.namespace}}"}', providerRef: 'exporter' };
      const quality = { interval: '1s', threshold: { min: 1 }, provider: { prometheus: prometheusQuery } };
      await team.apply(gateOf('nodata', 'quality', quality));
      const client = await team.begin({ tag: '1.0.0', gates: ['quality'] });
      await team.until('there is something to measure', async () => (await prometheus.query(series)).length === 1);

      await team.release({ tag: '1.1.0' });
      await team.untilStatus('the first weight', status => status.weights?.actualCanary === 20);
      await untilTold(team, 'StepCompleted');
      exporter.set(series, undefined);
      const goneMs = Date.now();
      const held = await team.untilStatus('held for want of data', status => status.display?.reason === 'NoData');
      expect(held.phase).toBe('Progressing');
      // More than twice the pause of the step: with data it would be past the next weight.
      await team.until('12 s without data', () => Date.now() > goneMs + 12_000);
      expect(await team.column('.status.phase')).toBe('Progressing');
      expect(weightsSince(team, goneMs).filter(weight => weight !== 20)).toEqual([]);
      expect(await team.weight()).toBe(20);
      expect(team.alerts()).toEqual([]);
      expect(await countEvents(team, 'NoData')).toBe(1);
      expect(eventWrites(rig(), team, goneMs).length).toBeLessThanOrEqual(2);

      exporter.set(series, 1);
      await team.untilStatus('promoted', isPromoted(2));
      const { weights } = await client.check();
      expect(weights).toEqual(expect.arrayContaining([20, 60]));
      await team.stop();
      await prometheus.stop();
      await exporter.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'is aborted when data stays away longer than its gate allows and the gate says so',
    async () => {
      const team = await rig().team('nodata-abort');
      const never = { query: 'no_such_metric{namespace="{{args.namespace}}"}' };
      const patience = { onNoData: 'Hold', noDataDeadline: '6s', noDataAction: 'Abort' };
      const quality = { interval: '1s', threshold: { min: 1 }, ...patience, provider: { prometheus: never } };
      await team.apply(gateOf('nodata-abort', 'quality', quality));
      const client = await team.begin({ tag: '1.0.0', gates: ['quality'] });
      await team.release({ tag: '1.1.0' });
      await team.untilStatus('aborted', status => status.phase === 'Aborted');
      await expectBackOnStable(team, 'NoDataDeadline');
      expect(await team.column('.status.abort.evidence.query')).toContain('no_such_metric');
      await team.until('the alert has arrived', () => team.alerts('SluiceRolloutAborted').length > 0);
      await client.check();
      await expectTold(team, 'Aborted');
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent.each([
    { how: 'is away', name: 'outage', outage: (it: Prometheus) => it.restart(OUTAGE_MS) },
    { how: 'hangs', name: 'frozen', outage: (it: Prometheus) => freeze(it) },
  ])(
    'is held while Prometheus $how, neither raised nor aborted, and goes on when it is back',
    async ({ name, outage }) => {
      const team = await rig().team(name);
      const prometheus = await startOwnPrometheus(rig(), name);
      await team.apply(gateOf(name, 'success-rate', successRate({}, name)));
      const client = await team.begin({ tag: '1.0.0', steps: STEPS });
      await team.release({ tag: '1.1.0' });
      await team.untilStatus(
        'measured at the first weight',
        ({ step, display }) => step?.index === 1 && isMeasured(display),
      );
      await untilTold(team, 'StepCompleted');
      // On a busy machine new pods may be measured late, and that is told.
      const toldBefore = await countEvents(team, 'NoData');
      const awayMs = Date.now();
      const back = outage(prometheus);
      const held = await team.untilStatus('held', status => status.display?.reason === 'ProviderError');
      expect(held.phase).toBe('Progressing');
      expect(held.message).toContain('did not answer');
      await team.until('it was away for long', () => Date.now() > awayMs + OUTAGE_MS - 5_000);
      // Asked before it is back: a frozen one answers the query that hangs at once, and the pause is long over.
      expect(weightsSince(team, awayMs).filter(weight => weight !== 20)).toEqual([]);
      expect(await team.column('.status.phase')).toBe('Progressing');
      expect(await countEvents(team, 'NoData')).toBe(toldBefore + 1);
      expect(eventWrites(rig(), team, awayMs).length).toBeLessThanOrEqual(2);
      await back;
      await team.untilStatus('promoted', isPromoted(2));
      expect(team.alerts()).toEqual([]);
      const { weights } = await client.check();
      expect(weights).toEqual(expect.arrayContaining([20, 60]));
      await team.stop();
      await prometheus.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'does not delay the abort of another one, nor does a receiver of alerts that never answers',
    async () => {
      const slow = await startSlowServer({ url: rig().prometheus.url, delayMs: SLOW_MS });
      const deaf = await startSlowServer();
      await applyProvider(rig(), 'slow', slow.url, '30s');
      const waiting = await rig().team('waits');
      await waiting.apply(gateOf('waits', 'success-rate', successRate({}, 'slow')));
      const hanging = { name: 'hanging', namespace: 'waits' };
      const spec = { webhook: { url: deaf.url }, events: ['Started', 'Aborted', 'Paused', 'Recovered'] };
      await waiting.apply({ apiVersion: 'sluice.dev/v1alpha1', kind: 'Notifier', metadata: hanging, spec });
      const waitingClient = await waiting.begin({ tag: '1.0.0', steps: HALFWAY });
      const { team, client } = await halfway(rig(), 'swift');
      const canary = await team.column('.status.canary.podTemplateHash');

      await waiting.release({ tag: '1.1.0' });
      await waiting.until('the slow query and the alert hang', () => slow.requests() > 0 && deaf.requests() > 0);
      const turnedMs = Date.now();
      rig().kubelet.setBehaviour(
        ({ namespace, labels }) => namespace === team.name && labels['sluice.dev/pod-template-hash'] === canary,
        { errorPercent: 60 },
      );
      await team.untilStatus('aborted', status => status.phase === 'Aborted');
      await expectBackOnStable(team, 'AnalysisFailed');
      const [home] = accepted(operatorWrites(rig(), team, turnedMs), 'httproutes');
      const tookMs = Number(home?.atMs) - turnedMs;
      console.log(`from the turn of the metric to the route at 0 %: ${tookMs} ms`);
      expect(tookMs).toBeLessThan(ABORT_MS);
      await team.until('the alert has arrived', () => team.alerts('SluiceRolloutAborted').length > 0);
      await client.check({ bad: ['1.1.0'] });
      await expectTold(team, 'Aborted');

      // The hanging one is no worse off than slow: its own abort by command works too.
      await waiting.command('abort');
      await waiting.untilStatus('aborted too', status => status.phase === 'Aborted', 10_000);
      await waitingClient.check();
      await expectTold(waiting, 'Aborted');
      await Promise.all([team.stop(), waiting.stop(), slow.stop(), deaf.stop()]);
    },
    SCENARIO_MS,
  );
});
