import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { RIG_USERS } from '../support/control-plane/users.ts';
import { describeOnRig, SCENARIO_MS } from '../support/rig/describe-on-rig.ts';
import type { Rig } from '../support/rig/rig.ts';
import type { SeenStatus, Team } from '../support/rig/team.ts';
import { withoutSchema } from './judged-by.ts';
import { POISON_NAMESPACE as NAMESPACE, type Poison, poisonObjects } from './poison-objects.ts';
import { operatorWrites } from './scene.ts';

const ROLLOUTS = `/apis/sluice.dev/v1alpha1/namespaces/${NAMESPACE}/rollouts`;
const SAMPLES = 8;
const CRASH = /TypeError|RangeError|unhandled|uncaught/i;
const WATCHED_MS = 15_000;

/** Writes what the schema refuses, around it: one after the other, to be there for as long as samples are taken. */
async function writePoison({ plane }: Rig, objects: readonly Poison[]): Promise<void> {
  for (const { name, json, status, shows } of objects) {
    await plane.kubectl(['create', '--validate=false', '-f', '-'], json);
    if (status === undefined) continue;
    const stored = await plane.client.patch(`${ROLLOUTS}/${name}/status`, 'merge', { status: JSON.parse(status) });
    expect(JSON.stringify(stored), name).toContain(shows);
  }
}

/** Those whose poison has not survived on the way to whoever reads them. */
async function harmless({ plane }: Rig, objects: readonly Poison[]): Promise<string[]> {
  const found: string[] = [];
  for (const { name, shows } of objects.filter(({ status }) => status === undefined)) {
    const json = await text(await plane.client.open('GET', `${ROLLOUTS}/${name}`));
    if (!json.includes(shows)) found.push(`${name}: ${json.slice(json.indexOf('"spec":{'))}`);
  }
  return found;
}

/** Milliseconds from the API server's receipt of a change to that of the operator's first write about it; the median. */
async function reactionMs({ plane }: Rig, team: Team): Promise<number> {
  const sizes = Array.from({ length: SAMPLES }, (_, index) => 3 + ((index + 1) % 2));
  const path = `/apis/sluice.dev/v1alpha1/namespaces/${team.name}/rollouts/shop`;
  const samples: number[] = [];
  for (const replicas of sizes) {
    const sinceMs = Date.now();
    await plane.client.patch(path, 'merge', { spec: { replicas } });
    const writes = () => operatorWrites({ plane } as Rig, team, sinceMs).filter(one => one.resource === 'replicasets');
    await team.until(`${replicas} pods are asked for`, () => writes().length > 0);
    const change = plane
      .auditEntries({ user: RIG_USERS.admin.name, namespace: team.name, resource: 'rollouts', verb: 'patch', sinceMs })
      .at(0);
    samples.push((writes()[0]?.atMs ?? Number.POSITIVE_INFINITY) - (change?.atMs ?? 0));
    await sleep(700);
  }
  return samples.toSorted((a, b) => a - b)[SAMPLES / 2] ?? Number.POSITIVE_INFINITY;
}

const isStalled = ({ conditions = [] }: SeenStatus) =>
  conditions.some(({ type, status }) => type === 'Stalled' && status === 'True');

describeOnRig('Rollouts that were written around the schema', rig => {
  it(
    'are each told as what they are, and disturb nobody',
    async () => {
      const { operator, plane } = rig();
      const team = await rig().team('neighbour');
      const client = await team.begin({ tag: '1.0.0', replicas: 3 });
      await plane.client.create('/api/v1/namespaces', { metadata: { name: NAMESPACE } });
      const objects = poisonObjects();
      const before = await reactionMs(rig(), team);
      const restore = await withoutSchema(plane);
      const [during] = await Promise.all([reactionMs(rig(), team), writePoison(rig(), objects)]);
      await restore();

      const state = async () =>
        new Map(
          (await plane.client.list(ROLLOUTS)).map(one => [one.metadata.name, (one['status'] ?? {}) as SeenStatus]),
        );
      const open = async () => {
        const statuses = await state();
        return objects
          .filter(({ name, end }) => {
            const status = statuses.get(name) ?? {};
            return !(end === 'refused' ? isStalled(status) : status.phase === 'Healthy');
          })
          .map(({ name, end }) => `${name} should be ${end}: ${JSON.stringify(statuses.get(name)).slice(0, 400)}`);
      };
      // The API server is not ready to list them at once after its definition was exchanged.
      const areTold = async () => (await open().catch(error => [String(error)])).length === 0;
      await team.until('all are told', areTold, 45_000).catch(() => undefined);
      expect(await open()).toEqual([]);
      expect(await harmless(rig(), objects), 'what became harmless on its way').toEqual([]);
      const events = await plane.client.list(`/api/v1/namespaces/${NAMESPACE}/events`);
      const warned = new Set(
        events
          .filter(event => event['type'] === 'Warning')
          .map(event => (event['involvedObject'] as { name: string }).name),
      );
      expect(objects.filter(({ name, end }) => end === 'refused' && !warned.has(name)).map(({ name }) => name)).toEqual(
        [],
      );

      const sinceMs = Date.now();
      await sleep(WATCHED_MS);
      const writes = plane.auditEntries({ user: RIG_USERS.operator.name, namespace: NAMESPACE, writes: true, sinceMs });
      expect(writes.length).toBeLessThan(10);
      const after = await reactionMs(rig(), team);
      console.log(`poison: reactions ${before} ms before, ${during} ms while it was written, ${after} ms with it`);
      expect(during).toBeLessThan(Math.max(3 * before, 500));
      expect(after).toBeLessThan(Math.max(3 * before, 500));
      expect(operator.ended()).toBe(false);
      expect(operator.log()).not.toMatch(CRASH);

      // One that starts among them, and a whole canary beside them.
      await operator.kill('SIGTERM');
      const { log } = await rig().startOperator();
      await team.release({ tag: '1.1.0', replicas: 3 });
      await team.untilStatus('promoted', status => status.phase === 'Healthy' && status.stable?.revision === 2);
      await client.check();
      expect(await open()).toEqual([]);
      expect(log()).not.toMatch(CRASH);
      // They can be deleted like any other.
      await plane.kubectl(['-n', NAMESPACE, 'delete', 'rollouts', '--all', '--timeout=60s']);
      await team.stop();
    },
    SCENARIO_MS,
  );
});
