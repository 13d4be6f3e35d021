import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { AuditEntry } from '../support/control-plane/audit-log.ts';
import { RIG_USERS } from '../support/control-plane/users.ts';
import { weightsSince } from '../support/rig/expect-team.ts';
import type { Rig } from '../support/rig/rig.ts';
import type { ShopRollout } from '../support/rig/shop-manifests.ts';
import type { Team } from '../support/rig/team.ts';
import { operatorWrites, QUIET_MS, selectedBy } from './scene.ts';

/** A moment in the life of a Rollout at which it is deleted. */
export interface Moment {
  readonly name: string;
  readonly team: string;
  readonly shop: Omit<ShopRollout, 'tag'>;
  /** Leads a Rollout whose first revision serves to the moment. */
  readonly reach: (team: Team, rig: Rig) => Promise<unknown>;
  /** Lets it go; when absent it is deleted in the background. Up to then all of its users are served. */
  readonly leave?: (team: Team) => Promise<unknown>;
}

/** What of one write may be on its way, or be tried again. */
const SILENT_MS = 3_000;
/** The same for what was measured: good answers are stored together every five seconds. */
const MEASURED_MS = 6_000;

const specOf = (team: Team, kind: string, name: string) => team.kubectl('get', kind, name, '-o', 'jsonpath={.spec}');
const remains = (team: Team) =>
  Promise.all([
    specOf(team, 'service', 'shop-stable'),
    specOf(team, 'service', 'shop-canary'),
    specOf(team, 'httproute', 'shop'),
  ]);

/** Names of what belongs to a team's Rollout; empty when there is nothing. */
export const children = (team: Team) =>
  team.kubectl('get', 'replicasets,controllerrevisions,analysisruns,pods', '-o', 'name');

/** What the operator asked to change in a team's namespace, events too. */
export function allWrites({ plane }: Rig, { name }: Team, sinceMs: number): AuditEntry[] {
  return plane.auditEntries({ user: RIG_USERS.operator.name, namespace: name, writes: true, sinceMs });
}

/** Nothing the operator says is of a crash, and it is the process that it was. */
export function expectUnharmed({ operator }: Rig, pid: number): void {
  expect(operator.ended()).toBe(false);
  expect(operator.pid).toBe(pid);
  expect(operator.log()).not.toMatch(/"level":"error"|TypeError|unhandled|uncaught/i);
}

const setFinalizers = (team: Team, finalizers: readonly string[] | null) =>
  team.kubectl('patch', 'rollout', 'shop', '--type=merge', '-p', JSON.stringify({ metadata: { finalizers } }));

/**
 * Deletes a Rollout that somebody else's finalizer keeps: it is there and serves as it did, and nothing is done about it any more,
 * whatever is declared or asked.
 */
export async function expectKeptAsItWas(team: Team, rig: Rig): Promise<void> {
  await setFinalizers(team, ['rig.example/archive']);
  const names = await children(team);
  const weight = await team.weight();
  const fromMs = Date.now();
  await team.kubectl('delete', 'rollout', 'shop', '--wait=false');
  await team.until('it is silent', () => allWrites(rig, team, Date.now() - MEASURED_MS).length === 0);
  const quietMs = Date.now();
  await team.release({ tag: '1.9.0' });
  await team.command('promote');
  await sleep(QUIET_MS);
  expect(allWrites(rig, team, quietMs)).toEqual([]);
  expect(await team.column('.metadata.deletionTimestamp')).not.toBe('');
  expect(await children(team)).toBe(names);
  expect(weightsSince(team, fromMs)).toEqual([]);
  expect(await team.weight()).toBe(weight);
}

/** Takes off what keeps it. */
export const letGo = (team: Team) => setFinalizers(team, null);

/**
 * Deletes a Rollout at a moment: its children go, none is made any more, route and Services stay as they are, nothing is written
 * about it afterwards, and declared once more it serves again.
 */
export async function expectLeavesQuietly(rig: Rig, { team: name, shop, reach, leave }: Moment): Promise<void> {
  const { pid } = rig.operator;
  const team = await rig.team(name);
  const client = await team.begin({ tag: '1.0.0', ...shop }, { perSecond: 20 });
  await reach(team, rig);
  const fromMs = Date.now();
  if (leave) await leave(team);
  else await rig.plane.client.delete(`/apis/sluice.dev/v1alpha1/namespaces/${name}/rollouts/shop`);
  await team.until('nothing is left of it', async () => (await children(team)) === '');
  await team.until('it is silent', () => allWrites(rig, team, Date.now() - SILENT_MS).length === 0);
  const left = await remains(team);
  const quietMs = Date.now();
  await sleep(QUIET_MS);
  expect(allWrites(rig, team, quietMs)).toEqual([]);
  expect(operatorWrites(rig, team, fromMs).filter(({ verb }) => verb === 'create')).toEqual([]);
  expect(await remains(team)).toEqual(left);
  // Not one weight more for a revision that is leaving.
  const before = team.timeline.marks().filter(mark => mark.atMs <= fromMs);
  const highest = Math.max(...before.map(mark => mark.canaryWeight));
  expect(weightsSince(team, fromMs + 1).filter(weight => weight > highest)).toEqual([]);
  expect(left[2]).toContain('shop-canary');
  expect(await selectedBy(team, 'shop-stable')).not.toBe('');

  // Through the very route and Services.
  await team.release({ tag: '2.0.0' });
  await team.until('it serves', async () => (await team.column('.status.phase')) === 'Healthy');
  const toMs = Date.now() + 2_000;
  const settledMs = () => team.timeline.marks().at(-1)?.settledMs ?? Number.POSITIVE_INFINITY;
  await team.until('it was asked for a while', () => Date.now() > Math.max(toMs + 2_000, settledMs() + QUIET_MS));
  const { byVersion } = await client.check({ settleMs: 600, except: { fromMs, toMs } });
  expect(byVersion['2.0.0']).toBeGreaterThan(10);
  expectUnharmed(rig, pid);
  await team.stop();
}
