/** Enough for the namespaces and kinds of a large cluster; what comes later is simply not shared. */
const MAX_TEXTS = 20_000;
const texts = new Map<string, string>();

/**
 * The same text as one string in memory. JSON gives each object a copy of its own of what thousands of objects say alike: a
 * version, a kind, a namespace.
 */
export function sharedText<T extends string | undefined>(text: T): T {
  if (text === undefined) return text;
  const known = texts.get(text);
  if (known !== undefined) return known as T;
  if (texts.size < MAX_TEXTS) texts.set(text, text);
  return text;
}
