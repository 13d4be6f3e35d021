/** The same document with the members of its objects in the order in which Go writes them: by name. */
export function sortedJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedJson);
  if (typeof value !== 'object' || value === null) return value;
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map(name => [name, sortedJson((value as Record<string, unknown>)[name])]));
}
