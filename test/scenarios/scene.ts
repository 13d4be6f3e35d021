import type { AuditEntry } from '../support/control-plane/audit-log.ts';
import { RIG_USERS } from '../support/control-plane/users.ts';
import type { GatewayAnswer, GatewayClient, TrafficReport } from '../support/rig/gateway-client.ts';
import { judge } from '../support/rig/gateway-client.ts';
import type { Rig } from '../support/rig/rig.ts';
import type { SeenStatus, Team } from '../support/rig/team.ts';

/** One weight, a person's decision, another weight. */
export const HALFWAY = [{ setWeight: 40 }, { pause: {} }, { setWeight: 70 }];

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

/** Waits until the state that a watch showed last is as wanted: an earlier one does not count. */
export async function untilNow(
  team: Team,
  what: string,
  check: (status: SeenStatus) => boolean,
  timeoutMs?: number,
): Promise<SeenStatus> {
  const last = () => team.sightings().at(-1)?.status ?? {};
  await team.until(what, () => check(last()), timeoutMs);
  return last();
}

export const isPromoted = (revision: number) => (status: SeenStatus) =>
  status.phase === 'Healthy' && status.stable?.revision === revision;

/** How often an event with that reason is there. */
export async function countEvents(team: Team, reason: string): Promise<number> {
  return (await team.events()).filter(one => one === reason).length;
}

/** Number of pods that a ReplicaSet asks for. */
export async function podsOf(team: Team, set: string): Promise<number> {
  return Number(await team.kubectl('get', 'replicaset', set, '-o', 'jsonpath={.spec.replicas}'));
}

/** The revision that a Service selects; empty when it selects all. */
export function selectedBy(team: Team, service: string): Promise<string> {
  return team.kubectl('get', 'service', service, '-o', 'jsonpath={.spec.selector.sluice\\.dev/pod-template-hash}');
}

/** What may go wrong for users, and when. */
export interface Excuse {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * As `client.check`, but requests for which the gateway had no pod within that time are no failures. For when a test takes
 * the pods away.
 *
 * @returns the report, with the requests that were excused
 */
export async function checkExcept(
  rig: Rig,
  team: Team,
  client: GatewayClient,
  { fromMs, toMs }: Excuse,
  bad: readonly string[] = [],
): Promise<TrafficReport & { readonly excused: readonly GatewayAnswer[] }> {
  await client.end();
  const isExcused = ({ status, version, sentMs, doneMs }: GatewayAnswer) =>
    status !== 200 && version === undefined && doneMs >= fromMs && sentMs <= toMs;
  const answers = client.answers();
  const writes = rig.plane
    .auditEntries({ namespace: team.name, writes: true })
    .filter(({ resource, status }) => ['httproutes', 'services'].includes(resource) && status < 300)
    .map(({ atMs }) => atMs);
  const marks = team.timeline.marks();
  const rest = answers.filter(answer => !isExcused(answer));
  return { ...judge(rest, marks, { bad, settleMs: 600 }, writes), excused: answers.filter(isExcused) };
}
