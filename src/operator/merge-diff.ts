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

/** Deep equality of JSON values, whatever the order of keys: the API server sorts them. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => isSame(item, b[index]));
  if (!isRecord(a) || !isRecord(b)) return false;
  const keys = Object.keys(a).filter(key => a[key] !== undefined);
  return (
    keys.length === Object.keys(b).filter(key => b[key] !== undefined).length &&
    keys.every(key => isSame(a[key], b[key]))
  );
}
