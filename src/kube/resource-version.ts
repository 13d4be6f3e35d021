/** A resourceVersion that can be ordered: decimal digits without a leading zero. */
const COMPARABLE = /^(0|[1-9][0-9]*)$/;

/** Whether a resourceVersion can be ordered at all. Any length: servers may use up to 128 bits. */
export function isComparable(resourceVersion: string | undefined): resourceVersion is string {
  return resourceVersion !== undefined && COMPARABLE.test(resourceVersion);
}

/**
 * Orders two resourceVersions of the same resource type as digit strings: the longer is greater, equal lengths compare
 * character by character. Never as numbers, which lose digits above 2^53. (KEP-5504, stable since Kubernetes 1.35.)
 * @returns -1, 0 or 1; undefined when either is not comparable, and callers must then fail open.
 */
export function compareResourceVersions(a: string | undefined, b: string | undefined): -1 | 0 | 1 | undefined {
  if (!isComparable(a) || !isComparable(b)) return undefined;
  if (a.length !== b.length) return a.length < b.length ? -1 : 1;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
