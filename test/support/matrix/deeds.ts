import type { Trace } from '../fault-proxy/trace.ts';
import type { Change, Followed } from './cluster-history.ts';
import { setOf } from './end-state.ts';

/**
 * What was done on the way, by object: how often it was created and deleted, through which numbers of replicas a set went.
 * An end state can be right although an outage led to it.
 */
export type Deeds = Readonly<Record<string, string>>;

const COUNTED: readonly Followed[] = [
  'replicasets',
  'controllerrevisions',
  'services',
  'httproutes',
  'analysisruns',
  'pods',
];

/** Sums up a history. */
export function deedsOf(changes: readonly Change[]): Deeds {
  const created = new Map<string, Set<string>>();
  const deleted = new Map<string, number>();
  const scales = new Map<string, number[]>();
  const podSets = new Map<string, string>();
  for (const { plural, name, uid, object } of changes) {
    if (!COUNTED.includes(plural)) continue;
    if (plural === 'pods' && object) podSets.set(name, setOf(object));
    const key = plural === 'pods' ? `pods of ${podSets.get(name)}` : `${plural}/${name}`;
    if (!object) {
      deleted.set(key, (deleted.get(key) ?? 0) + 1);
      continue;
    }
    created.set(key, (created.get(key) ?? new Set()).add(uid));
    if (plural !== 'replicasets') continue;
    const { replicas = 0 } = object['spec'] as { replicas?: number };
    const known = scales.get(key) ?? [];
    if (known.at(-1) !== replicas) scales.set(key, [...known, replicas]);
  }
  const deeds: Record<string, string> = {};
  for (const [key, uids] of created) deeds[key] = `created ${uids.size}, deleted ${deleted.get(key) ?? 0}`;
  for (const [key, steps] of scales) deeds[`replicas of ${key}`] = steps.join(' ');
  return deeds;
}

/** How often each reason was told as an event, from one request on; a repetition counts. */
export function eventsTold(trace: Trace, from = 0): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { request, changed } of trace.entries) {
    if (request.index < from || request.plural !== 'events' || changed !== true) continue;
    const { reason = 'a repetition' } = (request.body ?? {}) as { reason?: string };
    counts[reason] = (counts[reason] ?? 0) + 1;
  }
  return counts;
}
