/** Deep equality of JSON values, whatever the order of keys: the API server sorts them. A member that is undefined is absent. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => isSame(item, b[index]));
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a).filter(key => a[key] !== undefined);
  return (
    keys.length === Object.keys(b).filter(key => b[key] !== undefined).length &&
    keys.every(key => isSame(a[key], b[key]))
  );
}

/** A copy of a JSON value that shares nothing with it. Members that are undefined are left out, as is `__proto__`. */
export function copyJson<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (!isObject(value)) return value;
  const made: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    if (key !== '__proto__' && value[key] !== undefined) made[key] = copy(value[key]);
  }
  return made;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
