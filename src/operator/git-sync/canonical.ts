import { createHash } from 'node:crypto';
import { isRecord } from '../../kube/kube-object.ts';

const MAX_DEPTH = 100;

const UNLIMITED: Budget = { values: Number.POSITIVE_INFINITY, characters: Number.POSITIVE_INFINITY };

/** A value has more parts, or goes deeper, than anything that a cluster would take. */
export class TooManyParts extends RangeError {}

/** What may still be written out. Several digests may share one. */
export interface Budget {
  /** An empty object takes some 60 bytes when it is written out. */
  values: number;
  characters: number;
}

/**
 * First half of the sha256 of a JSON value, whatever the order of its keys.
 * @param budget aliases in YAML can make a few bytes a billion values, or billions of characters; beyond it this gives up
 * @throws TooManyParts
 */
export function digestOf(value: unknown, budget: Budget = UNLIMITED): string {
  const spend = (values: number, characters: number, depth: number) => {
    budget.values -= values;
    budget.characters -= characters;
    if (budget.values < 0 || budget.characters < 0 || depth > MAX_DEPTH)
      throw new TooManyParts('too many values, too long or too deep');
  };
  const sorted = (part: unknown, depth: number): unknown => {
    spend(1, typeof part === 'string' ? part.length : 0, depth);
    if (Array.isArray(part)) return part.map(item => sorted(item, depth + 1));
    if (!isRecord(part)) return part;
    const keys = Object.keys(part).sort();
    for (const key of keys) spend(0, key.length, depth);
    return Object.fromEntries(keys.map(key => [key, sorted(part[key], depth + 1)]));
  };
  return createHash('sha256')
    .update(JSON.stringify(sorted(value, 0)) ?? '')
    .digest('hex')
    .slice(0, 32);
}
