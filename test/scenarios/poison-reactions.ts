import { setTimeout as sleep } from 'node:timers/promises';
import { RIG_USERS } from '../support/control-plane/users.ts';
import type { Rig } from '../support/rig/rig.ts';
import type { Team } from '../support/rig/team.ts';
import { accepted, operatorWrites } from './scene.ts';

/** How long pods that came or went may keep the operator busy before the next change. */
const REST_MS = 250;
const POLL_MS = 20;

/** How fast the operator was, several times. */
export interface Reactions {
  /** Milliseconds. */
  readonly median: number;
  readonly most: number;
  readonly samples: number;
}

/**
 * Changes a team's number of pods once for each of some deeds, while it is done. Measured is the time from the API server's
 * receipt of the change to that of the operator's write about it.
 */
export async function reactionsDuring(
  rig: Rig,
  team: Team,
  deeds: readonly (() => Promise<unknown>)[],
): Promise<Reactions> {
  const { plane } = rig;
  const rollout = `/apis/sluice.dev/v1alpha1/namespaces/${team.name}/rollouts/shop`;
  const set = `/apis/apps/v1/namespaces/${team.name}/replicasets/${await team.column('.status.stable.replicaSet')}`;
  const sizeOf = async (path: string) => ((await plane.client.get(path))['spec'] as { replicas: number }).replicas;
  const sinceMs = Date.now();
  for (const deed of deeds) {
    const replicas = 7 - (await sizeOf(rollout));
    const change = async () => {
      await plane.client.patch(rollout, 'merge', { spec: { replicas } });
      const untilMs = Date.now() + 30_000;
      while ((await sizeOf(set)) !== replicas) {
        if (Date.now() > untilMs) throw new Error(`nobody asked for ${replicas} pods within 30 s`);
        await sleep(POLL_MS);
      }
    };
    await Promise.all([deed(), change(), sleep(REST_MS)]);
  }
  const { name: user } = RIG_USERS.admin;
  const changes = accepted(plane.auditEntries({ user, namespace: team.name, verb: 'patch', sinceMs }), 'rollouts');
  const writes = accepted(operatorWrites(rig, team, sinceMs), 'replicasets');
  const samples = changes.map(
    ({ atMs }) => (writes.find(write => write.atMs >= atMs)?.atMs ?? Number.POSITIVE_INFINITY) - atMs,
  );
  const sorted = samples.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.POSITIVE_INFINITY;
  return { median, most: sorted.at(-1) ?? Number.POSITIVE_INFINITY, samples: samples.length };
}
