import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeTempFolder } from '../support/control-plane/temp-folder.ts';
import { bundleOperator } from '../support/matrix/operator-bundle.ts';
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
const STEPS = [{ setWeight: 20 }, { pause: { duration: '8s' } }, { setWeight: 60 }, { pause: { duration: '8s' } }];

/** A copy of a bundle that says to the API server which one it is, in its user agent. @returns its path */
async function stamped(program: string, folder: string, version: 'old' | 'new'): Promise<string> {
  const copy = join(folder, version);
  await cp(dirname(program), copy, { recursive: true });
  let stamps = 0;
  for (const name of await readdir(copy, { recursive: true })) {
    if (!name.endsWith('.mjs')) continue;
    const code = await readFile(join(copy, name), 'utf8');
    const stampedCode = code.replace(/(userAgent:\s*"sluice-operator)"/g, `$1/${version}"`);
    if (stampedCode === code) continue;
    await writeFile(join(copy, name), stampedCode);
    stamps++;
  }
  expect(stamps, `no place for the version in ${program}`).toBe(1);
  return join(copy, basename(program));
}

/** An accepted write, and which bundle asked for it. */
interface Deed {
  readonly by: string;
  readonly resource: string;
  readonly atMs: number;
}

/** What the operators changed in a namespace, in order. Events are told besides, also while a process ends. */
async function deedsIn({ plane }: Rig, namespace: string): Promise<Deed[]> {
  const lines = (await readFile(join(plane.folder, 'audit.log'), 'utf8')).split('\n').slice(0, -1);
  const deeds = lines.flatMap(line => {
    const { userAgent = '', verb, objectRef, responseStatus, requestReceivedTimestamp } = JSON.parse(line);
    const isWrite = ['create', 'update', 'patch', 'delete'].includes(verb) && responseStatus.code < 300;
    if (!userAgent.startsWith('sluice-operator/') || !isWrite || objectRef?.namespace !== namespace) return [];
    const { resource } = objectRef as { resource: string };
    return [{ by: userAgent.split('/')[1] as string, resource, atMs: Date.parse(requestReceivedTimestamp) }];
  });
  return deeds.filter(({ resource }) => resource !== 'events').toSorted((a, b) => a.atMs - b.atMs);
}

/** The old one did all until the new one did all. */
async function expectHandedOver(rig: Rig, team: Team): Promise<void> {
  const authors = (await deedsIn(rig, team.name)).map(({ by }) => by);
  expect(authors.filter((by, index) => by !== authors[index - 1])).toEqual(['old', 'new']);
}

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
  await expectHandedOver(rig, team);
  const { weights } = await client.check();
  expect(weights).toEqual(expect.arrayContaining([20, 60]));
}

describeOnRig(
  'an operator that is upgraded in the middle of a step',
  rig => {
    const folder = makeTempFolder('sluice-bundles');
    let [oldProgram, newProgram] = ['', ''];
    const launch = (program: string) => rig().startOperator([], program);
    beforeAll(async () => {
      const bundle = await bundleOperator(join(folder.path, 'bundle'));
      newProgram = await stamped(bundle, folder.path, 'new');
      oldProgram = await stamped(OLD ?? bundle, folder.path, 'old');
    }, 120_000);
    afterAll(async () => await folder.remove());

    // One after the other: they share the lease.
    it(
      'stopped first and started anew, goes on with the canary where it was',
      async () => {
        const old = await launch(oldProgram);
        const team = await rig().team('stop-start');
        const client = await inFirstPause(team);
        await old.kill('SIGTERM');
        const endedMs = Date.now();
        await sleep(1_500);
        expect(operatorWrites(rig(), team, endedMs)).toEqual([]);
        const next = await launch(newProgram);
        await expectWentThrough(rig(), team, client);
        await next.kill('SIGTERM');
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
        const fromMs = Date.now();
        await old.kill('SIGTERM');
        await expectWentThrough(rig(), team, client);
        const leases = (await deedsIn(rig(), 'sluice-system')).filter(({ resource }) => resource === 'leases');
        const taken = leases.find(({ by, atMs }) => by === 'new' && atMs >= fromMs);
        expect(Number(taken?.atMs) - fromMs).toBeLessThan(TAKEOVER_MS);
        await next.kill('SIGTERM');
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
        const ended = old.kill('SIGTERM');
        rig().kubelet.setBehaviour(pod => pod.labels['sluice.dev/pod-template-hash'] === hash, { errorPercent: 60 });
        await ended;
        await team.untilStatus('aborted', status => status.phase === 'Aborted');
        await expectBackOnStable(team, 'AnalysisFailed');
        expect(await countEvents(team, 'Aborted')).toBe(1);
        await expectNothingTwice(rig(), team);
        await expectHandedOver(rig(), team);
        await team.until('the alert has arrived', () => team.alerts('SluiceRolloutAborted').length > 0);
        await client.check({ bad: ['1.1.0'] });
        await next.kill('SIGTERM');
        await team.stop();
      },
      SCENARIO_MS,
    );
  },
  { operator: false },
);
