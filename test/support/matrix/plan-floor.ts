import { unsharedWrites, writesOf } from './learn.ts';
import type { Outcome } from './outcome.ts';
import { kindOfLikeness, type Plan, type Variant } from './plan.ts';
import type { PlanResult } from './run-matrix.ts';

/** Those that have a plan for every write. */
const OF_EVERY_WRITE: readonly Variant[] = ['before', 'applied', 'told', 'lost', 'reset', 'stale'];
/** Those that have one for some writes of every kind at least. */
const OF_EVERY_KIND: readonly Variant[] = [...OF_EVERY_WRITE, 'silent', 'truncate'];

/** Writes of a status that not all fault-free runs have, at most. */
const MOST_UNSHARED = 2;
/** One in three strikes at least, however many of them are unsure. */
const LEAST_STRUCK = 1 / 3;

/**
 * What would let a variant be green although it tries too little, one line each.
 *
 * @param plans all of this variant
 * @param leastWrites of the story, as its workload states it
 */
export function planGaps(
  variant: Variant,
  plans: readonly Plan[],
  references: readonly Outcome[],
  leastWrites: number,
): string[] {
  if (plans.length === 0) return [`${variant} has no plan`];
  const gaps: string[] = [];
  if (OF_EVERY_WRITE.includes(variant) && plans.length < leastWrites)
    gaps.push(`${variant} has ${plans.length} plans, the story has ${leastWrites} writes at least`);
  if (!OF_EVERY_KIND.includes(variant)) return gaps;
  const planned = new Set(plans.map(({ write }) => kindOfLikeness(write.like)));
  const kinds = new Set(references.flatMap(run => writesOf(run).map(({ kind }) => kind)));
  return [...gaps, ...[...kinds].filter(kind => !planned.has(kind)).map(kind => `${variant} has no plan for ${kind}`)];
}

/** What would let a variant be green although hardly any of its plans has struck; nothing: enough did. */
export function strikeGaps(results: readonly PlanResult[]): string[] {
  const struck = results.filter(({ verdict }) => verdict !== 'not reached').length;
  const least = Math.max(1, Math.floor(LEAST_STRUCK * results.length));
  return struck < least ? [`${struck} of ${results.length} plans have struck, ${least} must`] : [];
}

/**
 * Tells of writes that no plan is about, since not all fault-free runs have them: a status that only shows may be stored
 * together with the next one. Undefined: there are none.
 *
 * @throws when that does not explain them: there are too many, or other ones
 */
export function unplannedWrites(story: string, references: readonly Outcome[]): string | undefined {
  const unshared = unsharedWrites(references);
  if (unshared.length === 0) return undefined;
  const what = unshared.map(({ like, nth }) => `${like} #${nth}`).join(', ');
  const told = `runs of ${story} without faults do not agree on ${what}: no plan is about these writes`;
  const isExplained = unshared.every(({ like }) => kindOfLikeness(like).endsWith('/status'));
  if (!isExplained || unshared.length > MOST_UNSHARED) throw new Error(told);
  return told;
}
