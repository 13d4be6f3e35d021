import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeTempFolder } from '../support/control-plane/temp-folder.ts';
import { describeOnRig, SCENARIO_MS } from '../support/rig/describe-on-rig.ts';
import { isPausedAndMeasured, weightsSince } from '../support/rig/expect-team.ts';
import { type GatewayClient, startGatewayClient } from '../support/rig/gateway-client.ts';
import type { Rig } from '../support/rig/rig.ts';
import { rolloutOf, surroundingsOf } from '../support/rig/shop-manifests.ts';
import type { Team } from '../support/rig/team.ts';
import { manifestOf, revisionOf, type ServedRepository, serveRepository, syncOf, untilApplied } from './from-git.ts';
import { storeUnjudged } from './poison-store.ts';
import { accepted, countEvents, HALFWAY, notesOf, operatorWrites, QUIET_MS, selectedBy } from './scene.ts';

/** What the operator needs besides to apply what a shop declares. */
const RIGHTS = join(import.meta.dirname, '../../deploy/with-git-sync/rbac.yaml');

/** A team whose Rollout, Services, route and gate are declared in Git, and nowhere else. */
interface Shop {
  readonly team: Team;
  readonly client: GatewayClient;
  readonly git: ServedRepository;
  /** The commit that brought the first version. */
  readonly first: string;
  /** Commits a version. @returns the commit */
  readonly declare: (tag: string) => Promise<string>;
}

async function openShop(rig: Rig, name: string): Promise<Shop> {
  const team = await rig.team(name);
  const git = await serveRepository();
  const declare = (tag: string) => {
    const files = { 'apps/rollout.yaml': manifestOf(rolloutOf(name, { tag, steps: HALFWAY })) };
    return git.repository.commitFiles(`shop ${tag}`, files);
  };
  // Whom to tell is the team's own: a synchronizer may not write that.
  const around = surroundingsOf(name, rig.alertmanager.url).filter(one => one['kind'] !== 'Notifier');
  await git.repository.commitFiles('shop', { 'apps/around.yaml': manifestOf(...around) });
  const first = await declare('1.0.0');
  const metadata = { name: 'shop', namespace: name };
  await team.apply({ apiVersion: 'sluice.dev/v1alpha1', kind: 'GitSync', metadata, spec: syncOf(git, 'apps') });
  await untilApplied(rig, name, 'shop', first);
  await team.kubectl('wait', '--for=condition=Ready', 'rollout/shop', '--timeout=60s');
  const writes = () => {
    const all = rig.plane.auditEntries({ namespace: name, writes: true });
    return [...accepted(all, 'httproutes'), ...accepted(all, 'services')].map(({ atMs }) => atMs);
  };
  const client = await startGatewayClient({ url: rig.traefik.url, host: team.host }, team.timeline, writes);
  return { team, client, git, first, declare };
}

/** What the synchronizer asked to apply in a team's namespace. */
const applies = (rig: Rig, team: Team, sinceMs = 0) =>
  operatorWrites(rig, team, sinceMs).filter(({ uri }) => uri.includes('fieldManager=sluice-gitsync'));

/** Statuses that no admission would let in, of GitSyncs that have nothing else the matter with them. */
const TORN: Readonly<Record<string, unknown>> = {
  'torn-text': 'applied',
  'torn-conditions': { conditions: {} },
  'torn-condition': { conditions: [null, 7] },
  'torn-inventory': { inventory: 7 },
  'torn-entry': { inventory: [null, { id: 7 }] },
};

describeOnRig(
  'what a GitSync brings',
  rig => {
    const folder = makeTempFolder('sluice-git-cache');
    beforeAll(async () => {
      await rig().plane.kubectl(['apply', '-f', RIGHTS]);
      await rig().startOperator(['--git-sync', '--git-cache-dir', folder.path]);
    }, 120_000);
    afterAll(async () => await folder.remove());

    it(
      'is a canary that ends when its commit is reverted: users go home, and the version of before serves on',
      async () => {
        const { team, client, git, first, declare } = await openShop(rig(), 'from-git');
        const stable = await team.column('.status.stable.replicaSet');
        const second = await declare('1.1.0');
        await team.untilStatus('waits at 40 %', isPausedAndMeasured);
        expect(await team.column('.status.canary.source.revision')).toBe(revisionOf(second));

        // The weights and selectors of a canary are no drift, however often Git is asked.
        const waitsMs = Date.now();
        await sleep(QUIET_MS);
        expect(applies(rig(), team).length).toBeGreaterThan(0);
        expect(applies(rig(), team, waitsMs)).toEqual([]);
        expect(weightsSince(team, waitsMs)).toEqual([]);

        const revertedMs = Date.now();
        const back = await git.repository.revert(second);
        await untilApplied(rig(), team.name, 'shop', back);
        await team.untilNow('healthy', status => status.phase === 'Healthy' && status.canary === undefined);
        await team.until('everybody is on stable', async () => (await team.weight()) === 0);
        expect(weightsSince(team, revertedMs).filter(weight => weight > 40)).toEqual([]);
        expect(await team.column('.status.stable.revision')).toBe('1');
        expect(await team.column('.status.stable.replicaSet')).toBe(stable);
        expect(await team.column('.status.desired.source.revision')).toBe(revisionOf(back));
        expect(await team.column('.status.history[*].outcome')).toBe('ReturnedToStable FirstDeploy');
        const hash = await team.column('.status.stable.podTemplateHash');
        for (const service of ['shop-stable', 'shop-canary'])
          await team.until(`${service} leads to it`, async () => (await selectedBy(team, service)) === hash);

        const told = [
          `revision 1 (shop:1.0.0) from ${revisionOf(first)}`,
          `revision 1 (shop:1.0.0) from ${revisionOf(back)}`,
          `revision 2 (shop:1.1.0) from ${revisionOf(second)}`,
        ];
        for (const [reason, notes] of [
          ['RevisionDetected', told.toSorted()],
          ['WeightChanged', ['canary weight 40 -> 0']],
        ] as const) {
          await team.until(`${reason} is told`, async () => (await notesOf(team, reason)).length >= notes.length);
          expect((await notesOf(team, reason)).toSorted()).toEqual(notes);
        }
        expect(await countEvents(team, 'Aborted')).toBe(0);
        expect(team.alerts('SluiceRolloutAborted')).toEqual([]);
        const ofGit = ['--field-selector', 'involvedObject.kind=GitSync,type=Warning', '-o', 'name'];
        expect(await team.kubectl('get', 'events', ...ofGit)).toBe('');

        await team.until('the gateway does so', () => team.timeline.marks().at(-1)?.settledMs !== undefined);
        const asked = client.answers().length;
        await team.until('150 more requests', () => client.answers().length > asked + 150);
        const { weights, byVersion } = await client.check();
        expect(weights).toContain(40);
        expect(weights.at(-1)).toBe(0);
        expect(Object.keys(byVersion).toSorted()).toEqual(['1.0.0', '1.1.0']);
        await team.kubectl('delete', 'gitsync', 'shop', '--timeout=60s');
        await Promise.all([team.stop(), git.stop()]);
      },
      SCENARIO_MS,
    );

    it(
      'comes in time beside GitSyncs whose status was written around the schema, and theirs is written anew',
      async () => {
        const { plane } = rig();
        const namespace = 'torn';
        await plane.client.create('/api/v1/namespaces', { metadata: { name: namespace } });
        const git = await serveRepository();
        const declare = (value: string, ...names: readonly string[]) => {
          const map = { apiVersion: 'v1', kind: 'ConfigMap', data: { value } };
          const files = names.map(name => [`${name}/map.yaml`, manifestOf({ ...map, metadata: { name } })] as const);
          return git.repository.commitFiles(value, Object.fromEntries(files));
        };
        const names = Object.keys(TORN);
        const first = await declare('first', 'sound', ...names);
        const type = { apiVersion: 'sluice.dev/v1alpha1', kind: 'GitSync' };
        const sound = { ...type, metadata: { name: 'sound', namespace }, spec: syncOf(git, 'sound') };
        await plane.kubectl(['apply', '-f', '-'], JSON.stringify(sound));
        await untilApplied(rig(), namespace, 'sound', first);

        for (const [name, status] of Object.entries(TORN)) {
          const content = { spec: syncOf(git, name), status };
          await storeUnjudged(plane, { plural: 'gitsyncs', kind: 'GitSync', name, namespace, content });
        }
        const second = await declare('second', 'sound');
        await untilApplied(rig(), namespace, 'sound', second);
        const dataOf = (name: string) =>
          plane.kubectl(['-n', namespace, 'get', 'configmap', name, '-o', 'jsonpath={.data.value}']);
        expect(await dataOf('sound')).toBe('second');
        for (const name of names) {
          await untilApplied(rig(), namespace, name, second);
          expect(await dataOf(name)).toBe('first');
        }
        await plane.kubectl(['-n', namespace, 'delete', 'gitsyncs', '--all', '--timeout=60s']);
        await git.stop();
      },
      SCENARIO_MS,
    );
  },
  { operator: false },
);
