import { expect } from 'vitest';
import type { AuditEntry } from '../support/control-plane/audit-log.ts';
import { RIG_USERS } from '../support/control-plane/users.ts';
import { isPausedAndMeasured } from '../support/rig/expect-team.ts';
import type { GatewayClient } from '../support/rig/gateway-client.ts';
import type { Rig } from '../support/rig/rig.ts';
import type { ShopRollout } from '../support/rig/shop-manifests.ts';
import type { SeenStatus, Team } from '../support/rig/team.ts';

/** One weight, a person's decision, another weight. */
export const HALFWAY = [{ setWeight: 40 }, { pause: {} }, { setWeight: 70 }];

/** A team whose second revision waits at 40 % for a person, with a gate that has measured; 1.0.0 serves the rest. */
export async function halfway(
  rig: Rig,
  name: string,
  shop: Partial<ShopRollout> = {},
): Promise<{ readonly team: Team; readonly client: GatewayClient }> {
  const team = await rig.team(name);
  const client = await team.begin({ tag: '1.0.0', steps: HALFWAY, ...shop });
  await team.release({ tag: '1.1.0' });
  await team.untilStatus('waits at 40 %', isPausedAndMeasured);
  await untilTold(team, 'Paused');
  return { team, client };
}

/** Long enough for a loop of writes to show. */
export const QUIET_MS = 5_000;

/** All that the operator asked to change in a team's namespace, events left out: refused requests too. */
export function operatorWrites({ plane }: Rig, team: Pick<Team, 'name'>, sinceMs = 0): AuditEntry[] {
  const all = plane.auditEntries({ user: RIG_USERS.operator.name, namespace: team.name, writes: true, sinceMs });
  return all.filter(({ resource }) => resource !== 'events');
}

/** Writes of one resource that were accepted. */
export function accepted(writes: readonly AuditEntry[], resource: string): AuditEntry[] {
  return writes.filter(entry => entry.resource === resource && entry.status < 300);
}

/** Requests to tell something: an event that is there already may be told again by a write of its count. */
export function eventWrites({ plane }: Rig, team: Pick<Team, 'name'>, sinceMs = 0): AuditEntry[] {
  const { name: user } = RIG_USERS.operator;
  return plane.auditEntries({ user, namespace: team.name, resource: 'events', writes: true, sinceMs });
}

/**
 * Waits until the canary has waited for a person for a while. One that had no users, or has new pods, looks well at first by what
 * was measured before, then waits for data when there is nothing to measure yet, and a promotion is refused.
 */
export async function untilWaitsCalmly(team: Team): Promise<void> {
  const fromMs = Date.now();
  const restless = () => team.sightings().findLast(({ status }) => !isPausedAndMeasured(status))?.atMs ?? 0;
  await team.until('goes on to wait', () => Date.now() > Math.max(fromMs, restless()) + QUIET_MS);
}

export const isPromoted = (revision: number) => (status: SeenStatus) =>
  status.phase === 'Healthy' && status.stable?.revision === revision;

/** Waits until a status that was seen is told as well: what is told after that is news. */
export async function untilTold(team: Team, reason: string): Promise<void> {
  await team.until(`${reason} is told`, async () => (await countEvents(team, reason)) > 0);
}

/** How often something was told for that reason. */
export async function countEvents(team: Team, reason: string): Promise<number> {
  return (await team.events()).filter(one => one === reason).length;
}

/** What was said about the Rollout for that reason, each as often as it was put in other words. */
export async function notesOf(team: Team, reason: string): Promise<string[]> {
  const about = `involvedObject.name=shop,involvedObject.kind=Rollout,reason=${reason}`;
  const path = 'jsonpath={range .items[*]}{.message}{"\\n"}{end}';
  return (await team.kubectl('get', 'events', '--field-selector', about, '-o', path)).split('\n').filter(Boolean);
}

/** Waits until something is told that often; a test that ends with it sees that it is not told once more. */
export async function expectTold(team: Team, reason: string, times = 1): Promise<void> {
  await team.until(`${reason} is told`, async () => (await countEvents(team, reason)) >= times);
  expect(await countEvents(team, reason), reason).toBe(times);
}

/** Number of pods that a ReplicaSet asks for. */
export async function podsOf(team: Team, set: string): Promise<number> {
  return Number(await team.kubectl('get', 'replicaset', set, '-o', 'jsonpath={.spec.replicas}'));
}

/** The revision that a Service selects; empty when it selects all. */
export function selectedBy(team: Team, service: string): Promise<string> {
  return team.kubectl('get', 'service', service, '-o', 'jsonpath={.spec.selector.sluice\\.dev/pod-template-hash}');
}
