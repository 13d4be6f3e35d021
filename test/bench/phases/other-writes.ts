import { isOperatorWrite, memberKeyOf } from '../measure/audit-record.ts';
import { countBy } from '../measure/count-by.ts';
import type { Counts } from '../results.ts';
import type { Bench } from '../world/bench.ts';
import type { Member } from '../world/fleet.ts';

/** Members, and where the audit log and their counts of answered queries stood before they were changed. */
export interface Counted {
  readonly members: readonly Member[];
  readonly mark: number;
  readonly measured: ReadonlyMap<string, number>;
}

/**
 * Of each member all writes since then but events, and but those statuses of its runs that add measurements: all but the one that
 * ends a run. A run that has not ended yet counts one write too many.
 */
export function otherWrites(bench: Bench, { members, mark, measured }: Counted): Counts {
  const writes = bench.audit.since(mark).filter(isOperatorWrite);
  const all = countBy(writes, request => (request.resource === 'events' ? undefined : memberKeyOf(request)));
  const runs = countBy(writes, request =>
    request.resource === 'analysisruns/status' ? memberKeyOf(request) : undefined,
  );
  const ended = countBy(writes, request =>
    request.resource === 'analysisruns' && request.verb === 'create' ? memberKeyOf(request) : undefined,
  );
  const others = [...all].map(([key, count]) => {
    const measurements = (bench.prometheus.answered().get(key) ?? 0) - (measured.get(key) ?? 0);
    const adding = (runs.get(key) ?? 0) - (ended.get(key) ?? 0);
    return [key, count - Math.min(measurements, adding)] as const;
  });
  return countsOf(members, new Map(others));
}

/** Sums up what was counted for each of some members. */
export function countsOf(members: readonly Member[], counts: ReadonlyMap<string, number>): Counts {
  const each = members.map(({ key }) => counts.get(key) ?? 0);
  return { mean: each.reduce((sum, count) => sum + count, 0) / each.length, max: Math.max(...each) };
}
