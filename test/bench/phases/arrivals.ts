import { isOperatorWrite, memberKeyOf } from '../measure/audit-record.ts';
import { countBy } from '../measure/count-by.ts';
import type { Arrivals } from '../results.ts';
import type { Bench } from '../world/bench.ts';

/** Which of the events that were told since then arrived, Rollout by Rollout: one too many of one does not make up for another. */
export function arrivalsSince(bench: Bench, mark: number, toldThen: ReadonlyMap<string, number>): Arrivals {
  const events = bench.audit.since(mark).filter(({ resource }) => resource === 'events');
  const arrived = countBy(events.filter(isOperatorWrite), memberKeyOf);
  let told = 0;
  let lost = 0;
  let surplus = 0;
  for (const [key, count] of bench.told()) {
    const since = count - (toldThen.get(key) ?? 0);
    told += since;
    const beyond = (arrived.get(key) ?? 0) - since;
    lost += Math.max(0, -beyond);
    surplus += Math.max(0, beyond);
  }
  return { told, lost, surplus };
}
