import { createHash } from 'node:crypto';
import { isRecord } from '../../kube/kube-object.ts';

const MAX_DEPTH = 100;

/** A value has more parts, or goes deeper, than anything that a cluster would take. */
export class TooManyParts extends RangeError {}

/**
 * First half of the sha256 of a JSON value, whatever the order of its keys.
 * @param maxParts aliases in YAML can make a few bytes a billion values; beyond this many it gives up
 * @throws TooManyParts
 */
export function digestOf(value: unknown, maxParts = Number.POSITIVE_INFINITY): string {
  let parts = 0;
  const sorted = (part: unknown, depth: number): unknown => {
    parts += 1;
    if (parts > maxParts || depth > MAX_DEPTH) throw new TooManyParts(`more than ${maxParts} values`);
    if (Array.isArray(part)) return part.map(item => sorted(item, depth + 1));
    if (!isRecord(part)) return part;
    const keys = Object.keys(part).sort();
    return Object.fromEntries(keys.map(key => [key, sorted(part[key], depth + 1)]));
  };
  return createHash('sha256')
    .update(JSON.stringify(sorted(value, 0)) ?? '')
    .digest('hex')
    .slice(0, 32);
}
