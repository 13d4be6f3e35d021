import { isSame } from '../core/same-json.ts';
import { isRecord } from '../kube/kube-object.ts';

/**
 * The JSON merge patch (RFC 7386) that turns `before` into `after`; undefined when they are equal. Lists are replaced
 * whole, members that vanish become null.
 * Example: {a: 1, b: {c: 2}} to {b: {d: 3}} gives {a: null, b: {c: null, d: 3}}.
 */
export function mergeDiff(before: unknown, after: Record<string, unknown>): Record<string, unknown> | undefined {
  const old = isRecord(before) ? before : {};
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(old)) if (after[key] === undefined) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    const was = old[key];
    if (value === undefined || isSame(was, value)) continue;
    patch[key] = isRecord(value) && isRecord(was) ? mergeDiff(was, value) : value;
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}
