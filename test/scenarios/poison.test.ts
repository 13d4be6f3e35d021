import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { KubeObject } from '../support/control-plane/api-client.ts';
import { RIG_USERS } from '../support/control-plane/users.ts';
import { describeOnRig, SCENARIO_MS } from '../support/rig/describe-on-rig.ts';
import type { Rig } from '../support/rig/rig.ts';
import { surroundingsOf } from '../support/rig/shop-manifests.ts';
import type { SeenStatus } from '../support/rig/team.ts';
import { withoutSchema } from './judged-by.ts';
import {
  CLUSTER_TEMPLATE_NAMES,
  GIT_SYNC_NAMES,
  gatedBy,
  KINDS_NAMESPACE,
  NOTIFIER_NAMES,
  PROVIDER_NAMES,
  poisonedKinds,
  poisonedRuns,
  TEMPLATE_NAMES,
  type TemplateName,
  templateOn,
} from './poison-kinds.ts';
import { POISON_NAMESPACE as NAMESPACE, type Poison, poisonObjects } from './poison-objects.ts';
import { type Reactions, reactionsDuring } from './poison-reactions.ts';
import { judgedNow, storeUnjudged, withoutProto } from './poison-store.ts';
import { asking, expectEach, expectWarned, hasCondition, statusOf, TOLD_MS } from './poison-told.ts';
import { isPromoted, QUIET_MS } from './scene.ts';

const ROLLOUTS = `/apis/sluice.dev/v1alpha1/namespaces/${NAMESPACE}/rollouts`;
const SAMPLES = 20;
const VARIES_MS = 50;
const STALL_MS = 2_000;
const CRASH = /TypeError|RangeError|unhandled|uncaught/i;
const WATCHED_MS = 15_000;
/** GitSyncs are among those that have to be told. */
const FLAGS = ['--git-sync'];

/** Writes what the schema refuses, around it. */
async function writePoison({ plane }: Rig, { name, json, status, shows }: Poison): Promise<void> {
  await plane.kubectl(['create', '--validate=false', '-f', '-'], json);
  if (status === undefined) return;
  const stored = await plane.client.patch(`${ROLLOUTS}/${name}/status`, 'merge', { status: JSON.parse(status) });
  expect(JSON.stringify(stored), name).toContain(shows);
}

/** Writes something that concerns nobody and costs the machine the same. */
async function writeHarmless({ plane }: Rig, name: string): Promise<void> {
  const metadata = { name, namespace: NAMESPACE };
  await plane.kubectl(['create', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata }));
}

/** Those whose poison has not survived on the way to whoever reads them. */
async function harmlessOf({ plane }: Rig, objects: readonly Poison[]): Promise<string[]> {
  const found: string[] = [];
  for (const { name, shows } of objects.filter(({ status }) => status === undefined)) {
    const json = await text(await plane.client.open('GET', `${ROLLOUTS}/${name}`));
    if (!json.includes(shows)) found.push(`${name}: ${json.slice(json.indexOf('"spec":{'))}`);
  }
  return found;
}

/** As fast as before, but for what a measurement of some milliseconds may vary by; and nobody ever waits. */
function expectUndisturbed(now: Reactions, before: Reactions): void {
  expect(now.samples).toBeGreaterThanOrEqual(SAMPLES);
  expect(now.median).toBeLessThan(Math.max(2 * before.median, before.median + VARIES_MS));
  expect(now.most).toBeLessThan(STALL_MS);
}

const isStalled = ({ conditions = [] }: SeenStatus) =>
  conditions.some(({ type, status }) => type === 'Stalled' && status === 'True');

/** Healthy by the operator's own word: what was written into its status may say so too. */
const isServed = (now: SeenStatus, { status, shows }: Poison) =>
  now.phase === 'Healthy' && (status === undefined || !JSON.stringify(now).includes(shows));

const apply = ({ plane }: Rig, ...items: unknown[]) =>
  plane.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
const command = ({ plane }: Rig, name: string, text: string) =>
  plane.kubectl(['-n', KINDS_NAMESPACE, 'annotate', 'rollout', name, '--overwrite', `sluice.dev/command=${text}`]);

describeOnRig(
  'Rollouts that were written around the schema',
  rig => {
    it(
      'are each told as what they are, and disturb nobody',
      async () => {
        const { operator, plane } = rig();
        const team = await rig().team('neighbour');
        const client = await team.begin({ tag: '1.0.0', replicas: 3 });
        await plane.client.create('/api/v1/namespaces', { metadata: { name: NAMESPACE } });
        const objects = poisonObjects();
        const harmless = objects.map((_, nth) => () => writeHarmless(rig(), `harmless-${nth}`));
        const before = await reactionsDuring(rig(), team, harmless);
        const restore = await withoutSchema(plane);
        const arriving = objects.map(one => () => writePoison(rig(), one));
        const during = await reactionsDuring(rig(), team, arriving);
        await restore();

        const state = async () =>
          new Map(
            (await plane.client.list(ROLLOUTS)).map(one => [one.metadata.name, (one['status'] ?? {}) as SeenStatus]),
          );
        const open = async () => {
          const statuses = await state();
          return objects
            .filter(one => {
              const status = statuses.get(one.name) ?? {};
              return !(one.end === 'refused' ? isStalled(status) : isServed(status, one));
            })
            .map(({ name, end }) => `${name} should be ${end}: ${JSON.stringify(statuses.get(name)).slice(0, 400)}`);
        };
        // The API server is not ready to list them at once after its definition was exchanged.
        const areTold = async () => (await open().catch(error => [String(error)])).length === 0;
        await team.until('all are told', areTold, TOLD_MS).catch(() => undefined);
        expect(await open()).toEqual([]);
        expect(await harmlessOf(rig(), objects), 'what became harmless on its way').toEqual([]);
        const events = await plane.client.list(`/api/v1/namespaces/${NAMESPACE}/events`);
        const warned = new Set(
          events
            .filter(event => event['type'] === 'Warning')
            .map(event => (event['involvedObject'] as { name: string }).name),
        );
        const unwarned = objects.filter(({ name, end }) => end === 'refused' && !warned.has(name));
        expect(unwarned.map(({ name }) => name)).toEqual([]);

        const sinceMs = Date.now();
        const quiet = Array.from({ length: SAMPLES }, () => async () => undefined);
        const [after] = await Promise.all([reactionsDuring(rig(), team, quiet), sleep(WATCHED_MS)]);
        const { name: user } = RIG_USERS.operator;
        const writes = plane.auditEntries({ user, namespace: NAMESPACE, writes: true, sinceMs });
        expect(writes.length).toBeLessThan(10);
        console.log(
          `poison: reactions before, while it was written, with it: ${JSON.stringify([before, during, after])}`,
        );
        expectUndisturbed(during, before);
        expectUndisturbed(after, before);
        expect(operator.ended()).toBe(false);
        expect(operator.log()).not.toMatch(CRASH);

        // One that starts among them, and a whole canary beside them.
        await operator.kill('SIGTERM');
        const { log } = await rig().startOperator(FLAGS);
        await team.release({ tag: '1.1.0', replicas: 3 });
        await team.untilStatus('promoted', isPromoted(2));
        await client.check();
        expect(await open()).toEqual([]);
        expect(log()).not.toMatch(CRASH);
        // They can be deleted like any other.
        await plane.kubectl(['-n', NAMESPACE, 'delete', 'rollouts', '--all', '--timeout=60s']);
        await team.stop();
      },
      SCENARIO_MS,
    );

    it(
      'have fellows of every other kind, told by what names them, which disturb nobody either',
      async () => {
        const { plane, receiver, alertmanager } = rig();
        const team = await rig().team('beside');
        const client = await team.begin({ tag: '1.0.0' });
        await plane.client.create('/api/v1/namespaces', { metadata: { name: KINDS_NAMESPACE } });
        for (const object of poisonedKinds()) await storeUnjudged(plane, object);
        for (const object of poisonedKinds()) expect(await judgedNow(plane, object), object.name).toBe(422);
        expect(await withoutProto(plane, poisonedKinds()), 'what became harmless on its way').toEqual([]);
        const notifier = surroundingsOf(KINDS_NAMESPACE, alertmanager.url).find(one => one['kind'] === 'Notifier');
        await apply(rig(), notifier, ...[...PROVIDER_NAMES, 'default'].map(templateOn));

        const templates = [...TEMPLATE_NAMES, ...CLUSTER_TEMPLATE_NAMES];
        const gates: readonly (readonly [string, TemplateName])[] = [
          ...TEMPLATE_NAMES.map(name => [name, { templateName: name }] as const),
          ...CLUSTER_TEMPLATE_NAMES.map(name => [name, { templateName: name, clusterScope: true }] as const),
          ...PROVIDER_NAMES.map(name => [name, { templateName: `on-${name}` }] as const),
          ['sound', { templateName: 'on-default' }],
        ];
        const release = (tag: string) => apply(rig(), ...gates.map(([name, template]) => gatedBy(template, name, tag)));
        await release('1.0.0');
        const names = gates.map(([name]) => name);
        await expectEach(rig(), names, ({ phase }) => phase === 'Healthy');
        await team.release({ tag: '1.1.0' });
        await release('1.1.0');
        const ofTemplate = (name: string) => `analysis template ${name}: `;
        const isToldOf = (status: SeenStatus, name: string) =>
          status.phase === 'Progressing' &&
          status.message?.includes(ofTemplate(name)) === true &&
          hasCondition(status, 'Ready', 'Unknown', 'TemplateInvalid');
        await expectEach(rig(), templates, isToldOf);
        await expectWarned(rig(), templates, { reason: 'SpecInvalid', says: ofTemplate });
        const ofProvider = (name: string) => `MetricProvider ${name}: `;
        const isAbortedFor = (status: SeenStatus, name: string) =>
          status.abort?.cause === 'AnalysisError' &&
          JSON.stringify(status.abort).includes(ofProvider(name)) &&
          hasCondition(status, 'Aborted', 'True', 'AnalysisError');
        await expectEach(rig(), PROVIDER_NAMES, isAbortedFor);
        await expectWarned(rig(), PROVIDER_NAMES, { reason: 'GateFailed', says: ofProvider });
        const isRefused = (status: SeenStatus) =>
          hasCondition(status, 'Ready', 'False', 'InvalidSpec') &&
          hasCondition(status, 'Stalled', 'True', 'InvalidSpec');
        await expectEach(rig(), GIT_SYNC_NAMES, isRefused, 'gitsyncs');
        const ofSync = { kind: 'GitSync', reason: 'SyncFailed', says: () => 'Invalid input' };
        await expectWarned(rig(), GIT_SYNC_NAMES, ofSync);
        // A Notifier beside those that cannot be read tells of each. To those it stays owed, and is told, until they are gone.
        const alerts = () => receiver.alerts({ namespace: KINDS_NAMESPACE, alertname: 'SluiceRolloutAborted' });
        const told = () => new Set(alerts().map(({ labels }) => labels['rollout']));
        await team.until('the alerts have arrived', () => PROVIDER_NAMES.every(name => told().has(name)));
        const owed = NOTIFIER_NAMES.map(name => `${KINDS_NAMESPACE}/${name}`).sort();
        const isOwed = ({ notices }: SeenStatus) => `${notices?.at(-1)?.pending.toSorted()}` === `${owed}`;
        await expectEach(rig(), PROVIDER_NAMES, isOwed);
        for (const notifier of owed)
          await expectWarned(rig(), PROVIDER_NAMES, {
            reason: 'NotifyFailed',
            says: () => `Notifier ${notifier} (unknown): spec`,
          });
        await plane.kubectl(['-n', KINDS_NAMESPACE, 'delete', 'notifiers', ...NOTIFIER_NAMES, '--timeout=60s']);
        await expectEach(rig(), PROVIDER_NAMES, ({ notices }) => notices === undefined);

        await expectEach(rig(), ['sound'], ({ pause }) => pause?.reason === 'PauseStep');
        const sound = (await asking(rig())).get('sound') as KubeObject;
        for (const run of poisonedRuns(sound)) await storeUnjudged(plane, run);
        await team.untilStatus('promoted beside them', isPromoted(2));
        await client.check();
        const sinceMs = Date.now();
        await sleep(QUIET_MS);
        const { name: user } = RIG_USERS.operator;
        const writes = plane.auditEntries({ user, namespace: KINDS_NAMESPACE, writes: true, sinceMs });
        // A run that goes on is stored now and then.
        expect(writes.filter(({ resource }) => !resource.startsWith('analysisruns'))).toEqual([]);
        expect(rig().operator.ended()).toBe(false);

        // One that starts among them.
        await rig().operator.kill('SIGTERM');
        await rig().startOperator(FLAGS);
        await command(rig(), 'sound', 'promote 1');
        await expectEach(rig(), ['sound'], isPromoted(2));
        await expectEach(rig(), templates, isToldOf);
        await expectEach(rig(), PROVIDER_NAMES, isAbortedFor);
        await expectEach(rig(), GIT_SYNC_NAMES, isRefused, 'gitsyncs');
        await team.stop();
      },
      SCENARIO_MS,
    );

    it(
      'have a run among their fellows that is the gate of a canary: the canary waits, says so, and goes on when the run is removed',
      async () => {
        const { plane } = rig();
        const runs = `/apis/sluice.dev/v1alpha1/namespaces/${KINDS_NAMESPACE}/analysisruns`;
        const gated = (tag: string) => apply(rig(), gatedBy({ templateName: 'on-default' }, 'torn', tag));
        const isPaused = ({ pause, display }: SeenStatus) =>
          pause?.reason === 'PauseStep' && display?.gate?.startsWith('x 1 ') === true;
        await gated('1.0.0');
        await expectEach(rig(), ['torn'], ({ phase }) => phase === 'Healthy');
        await gated('1.1.0');
        await expectEach(rig(), ['torn'], isPaused);
        const { analysis } = statusOf((await asking(rig())).get('torn')) as { analysis: { background: string } };
        const name = analysis.background;
        const { metadata: stored, status } = await plane.client.get(`${runs}/${name}`);
        const { resourceVersion: _, ...metadata } = stored;
        const place = { plural: 'analysisruns', kind: 'AnalysisRun', name, namespace: KINDS_NAMESPACE };
        await storeUnjudged(plane, { ...place, content: { spec: 7, status }, metadata });
        const isHeld = (now: SeenStatus) =>
          now.message?.includes(name) === true && hasCondition(now, 'Ready', 'Unknown', 'WriteRefused');
        await expectEach(rig(), ['torn'], isHeld);
        await expectWarned(rig(), ['torn'], { reason: 'WriteRefused', says: () => name });
        await command(rig(), 'torn', 'promote torn-1');
        await expectEach(rig(), ['torn'], ({ lastCommand }) => lastCommand?.outcome.startsWith('refused') === true);

        await plane.client.delete(`${runs}/${name}`);
        await expectEach(rig(), ['torn'], isPaused);
        await command(rig(), 'torn', 'promote torn-2');
        await expectEach(rig(), ['torn'], isPromoted(2));
      },
      SCENARIO_MS,
    );
  },
  { operator: FLAGS },
);
