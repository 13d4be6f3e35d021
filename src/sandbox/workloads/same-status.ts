/** Whether every field of `wanted` already has that value in `actual`; fields that only `actual` has do not count. */
export function sameStatus(actual: Record<string, unknown> | undefined, wanted: Record<string, unknown>): boolean {
  return Object.entries(wanted).every(([field, value]) => sameJson(actual?.[field], value));
}

/** Deep equality of JSON values, whatever the order of their fields; a field that is undefined counts as absent. */
function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every(key => sameJson(left[key], right[key]));
}
