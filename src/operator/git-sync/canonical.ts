import { createHash } from 'node:crypto';
import { isRecord } from '../../kube/kube-object.ts';

const MAX_DEPTH = 100;

/** A value has more parts, or goes deeper, than anything that a cluster would take. */
export class TooManyParts extends RangeError {}

/** What may still be written out: values, and characters of texts. Several digests may share one. */
export interface Budget {
  left: number;
}

/**
 * First half of the sha256 of a JSON value, whatever the order of its keys.
 * @param budget aliases in YAML can make a few bytes a billion values, or billions of characters; beyond it this gives up
 * @throws TooManyParts
 */
export function digestOf(value: unknown, budget: Budget = { left: Number.POSITIVE_INFINITY }): string {
  const spend = (units: number, depth: number) => {
    budget.left -= units;
    if (budget.left < 0 || depth > MAX_DEPTH) throw new TooManyParts('too many values, too long or too deep');
  };
  const sorted = (part: unknown, depth: number): unknown => {
    spend(1 + (typeof part === 'string' ? part.length : 0), depth);
    if (Array.isArray(part)) return part.map(item => sorted(item, depth + 1));
    if (!isRecord(part)) return part;
    const keys = Object.keys(part).sort();
    for (const key of keys) spend(key.length, depth);
    return Object.fromEntries(keys.map(key => [key, sorted(part[key], depth + 1)]));
  };
  return createHash('sha256')
    .update(JSON.stringify(sorted(value, 0)) ?? '')
    .digest('hex')
    .slice(0, 32);
}
