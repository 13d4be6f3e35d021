import { expect, it } from 'vitest';
import { describeOnRig, SCENARIO_MS } from '../support/rig/describe-on-rig.ts';
import { type GatewayClient, startGatewayClient } from '../support/rig/gateway-client.ts';
import type { Rig } from '../support/rig/rig.ts';
import { gateOf, routeOf, successRate } from '../support/rig/shop-manifests.ts';
import type { Team } from '../support/rig/team.ts';
import { expectTold, isPromoted, selectedBy } from './scene.ts';

const SERVICES = { activeService: 'shop-stable', previewService: 'shop-canary' };
const CHECKED = { templates: [{ templateName: 'checked' }] };

/** Versions that users were sent to, in the order in which the Services said so. */
function versionsOf(team: Team): string[] {
  const versions = team.timeline.marks().flatMap(({ expected }) => (expected ? [Object.keys(expected).join('+')] : []));
  return versions.filter((version, index) => version !== versions[index - 1]);
}

/** Testers who look at the preview through a host of its own, so that there is something to measure before the switch. */
async function lookAtPreview(rig: Rig, team: Team): Promise<GatewayClient> {
  const host = `preview.${team.host}`;
  const route = routeOf(team.name) as { metadata: object; spec: object };
  const rules = [{ backendRefs: [{ name: SERVICES.previewService, port: 80 }] }];
  await team.apply({
    ...route,
    metadata: { name: 'preview', namespace: team.name },
    spec: { ...route.spec, hostnames: [host], rules },
  });
  return await startGatewayClient({ url: rig.traefik.url, host, perSecond: 20 }, team.timeline);
}

const versionsAnswered = (client: GatewayClient) => [
  ...new Set(client.answers().flatMap(({ version }) => version ?? [])),
];

/** A gate that passes after three good measurements. */
const applyGate = (team: Team) =>
  team.apply(gateOf(team.name, 'checked', successRate({ count: 3, interval: '1s', initialDelay: '2s' })));

describeOnRig('a blue-green Rollout behind a real gateway', rig => {
  it.concurrent(
    'shows the preview to testers alone, and moves all users at once when a person promotes',
    async () => {
      const team = await rig().team('bg-promote');
      await applyGate(team);
      const blueGreen = {
        ...{ ...SERVICES, autoPromotionEnabled: false, scaleDownDelaySeconds: 3 },
        ...{ prePromotionAnalysis: CHECKED, postPromotionAnalysis: CHECKED },
      };
      const client = await team.begin({ tag: '1.0.0', strategy: { blueGreen } });
      const testers = await lookAtPreview(rig(), team);
      const old = await team.column('.status.stable.replicaSet');
      await team.release({ tag: '1.1.0' });
      await team.untilStatus('waits for a person', status => status.phase === 'Paused');
      expect(versionsAnswered(testers)).toContain('1.1.0');
      expect(versionsAnswered(client)).toEqual(['1.0.0']);
      expect(await selectedBy(team, 'shop-stable')).toBe(await team.column('.status.stable.podTemplateHash'));
      await team.command('promote');
      await team.untilStatus('promoted', isPromoted(2));
      expect(await selectedBy(team, 'shop-stable')).toBe(await team.column('.status.stable.podTemplateHash'));
      await team.until('the old pods have left', async () => {
        const pods = await team.kubectl('get', 'replicaset', old, '-o', 'jsonpath={.spec.replicas}');
        return pods === '0';
      });
      const runs = await team.kubectl('get', 'analysisruns', '--no-headers');
      expect(runs.match(/Successful/g)).toHaveLength(2);
      await testers.end();
      const { byVersion } = await client.check();
      expect(byVersion['1.1.0']).toBeGreaterThan(50);
      expect(versionsOf(team)).toEqual(['1.0.0', '1.1.0']);
      expect(testers.answers().filter(({ status }) => status !== 200)).toEqual([]);
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'is promoted without anybody when its preview passes, and the next one too',
    async () => {
      const team = await rig().team('bg-auto');
      const blueGreen = { ...SERVICES, scaleDownDelaySeconds: 2, autoPromotionSeconds: 2 };
      const client = await team.begin({ tag: '1.0.0', strategy: { blueGreen } });
      await team.release({ tag: '1.1.0' });
      await team.untilStatus('promoted', isPromoted(2));
      await team.release({ tag: '1.2.0-slowstart2s' });
      await team.untilStatus('the next is promoted', isPromoted(3));
      await team.until('users get it', () => versionsAnswered(client).includes('1.2.0'));
      await client.check();
      expect(versionsOf(team)).toEqual(['1.0.0', '1.1.0', '1.2.0']);
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'is aborted by its preview, before any user saw it',
    async () => {
      const team = await rig().team('bg-before');
      await applyGate(team);
      const blueGreen = { ...SERVICES, prePromotionAnalysis: CHECKED };
      const client = await team.begin({ tag: '1.0.0', strategy: { blueGreen } });
      const testers = await lookAtPreview(rig(), team);
      await team.release({ tag: '1.1.0-err60' });
      await team.untilStatus('aborted', status => status.phase === 'Aborted');
      expect(await team.column('.status.abort.cause')).toBe('AnalysisFailed');
      expect(await team.column('.status.stable.revision')).toBe('1');
      await team.until('the alert has arrived', () => team.alerts('SluiceRolloutAborted').length > 0);
      const stable = await team.column('.status.stable.podTemplateHash');
      await team.until('testers are back too', async () => (await selectedBy(team, 'shop-canary')) === stable);
      await testers.end();
      expect(versionsAnswered(testers).toSorted()).toEqual(['1.0.0', '1.1.0']);
      const { byVersion } = await client.check();
      expect(Object.keys(byVersion)).toEqual(['1.0.0']);
      expect(versionsOf(team)).toEqual(['1.0.0']);

      await team.release({ tag: '1.0.0' });
      await team.untilNow('healthy', status => status.phase === 'Healthy');
      await expectTold(team, 'Aborted');
      await team.stop();
    },
    SCENARIO_MS,
  );

  it.concurrent(
    'is taken back for all users when it fails after the switch, by its own errors alone',
    async () => {
      const team = await rig().team('bg-after');
      await applyGate(team);
      const blueGreen = { ...SERVICES, postPromotionAnalysis: CHECKED };
      const client = await team.begin({ tag: '1.0.0', strategy: { blueGreen } });
      await team.release({ tag: '1.1.0-err60' });
      await team.untilStatus('aborted', status => status.phase === 'Aborted');
      expect(await team.column('.status.abort.cause')).toBe('AnalysisFailed');
      const stable = await team.column('.status.stable.podTemplateHash');
      await team.until('users are back', async () => (await selectedBy(team, 'shop-stable')) === stable);
      expect(await team.column('.status.stable.revision')).toBe('1');
      await team.until('the alert has arrived', () => team.alerts('SluiceRolloutAborted').length > 0);
      const backMs = Date.now();
      await team.until('3 more seconds', () => Date.now() > backMs + 3_000);
      const { byVersion } = await client.check({ bad: ['1.1.0'] });
      await expectTold(team, 'Aborted');
      expect(byVersion['1.1.0']).toBeGreaterThan(10);
      expect(versionsOf(team)).toEqual(['1.0.0', '1.1.0', '1.0.0']);
      await team.stop();
    },
    SCENARIO_MS,
  );
});
