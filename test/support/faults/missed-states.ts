import type { Trace, TraceEntry } from '../fault-proxy/trace.ts';
import type { Change } from '../matrix/cluster-history.ts';

/** What became of states that were stored, on their way to the operator. */
export interface Deliveries {
  /** As events of a watch. */
  readonly told: number;
  /** Passed over: a list told of the object as it was later, or of its absence. */
  readonly listed: number;
  /** Kinds that were followed. */
  readonly kinds: readonly string[];
  /** Neither: the operator went on from a later version without having been told, or is still waiting. */
  readonly missed: readonly string[];
}

/** A version from which the operator went on: it takes everything up to it for known. */
interface Stand {
  readonly isList: boolean;
  readonly version: bigint;
}

/**
 * Joins everything that was stored, seen by somebody else, with what passed through the operator's own proxy: every state of
 * what it follows must have come as an event, or be older than a list that came before the operator first went on from a
 * later version.
 */
export function deliveriesOf(trace: Trace, changes: readonly Change[]): Deliveries {
  const kinds = [...new Set(trace.entries.filter(isWatch).map(({ request }) => request.plural))];
  const told = new Set(trace.events.map(({ object: { metadata } }) => `${metadata.uid} ${metadata.resourceVersion}`));
  const stands = new Map(kinds.map(kind => [kind, trace.entries.flatMap(entry => standOf(entry, kind))]));
  const counts = { told: 0, listed: 0 };
  const missed: string[] = [];
  for (const { plural, name, uid, version } of changes) {
    const next = stands.get(plural)?.find(stand => stand.version >= version);
    if (!stands.has(plural)) continue;
    if (told.has(`${uid} ${version}`)) counts.told += 1;
    else if (next?.isList) counts.listed += 1;
    else
      missed.push(
        `${plural}/${name} at ${version}: ${next ? `went on from ${next.version} without it` : 'never told'}`,
      );
  }
  return { ...counts, kinds: kinds.filter(kind => changes.some(({ plural }) => plural === kind)), missed };
}

function isWatch({ request, told }: TraceEntry): boolean {
  return request.verb === 'watch' && told === 200;
}

function standOf({ request, told, resourceVersion }: TraceEntry, kind: string): Stand[] {
  if (request.plural !== kind) return [];
  const isList = request.verb === 'list' && told === 200;
  const version = isList
    ? resourceVersion
    : request.verb === 'watch'
      ? request.query.get('resourceVersion')
      : undefined;
  return version ? [{ isList, version: BigInt(version) }] : [];
}
