/**
 * Remembers what `make` made of the last few objects, by identity: one and the same stored object is read many times while
 * it is worked on, and hardly ever after that. Both the object and the result must not be changed. What is no object is
 * made anew each time.
 */
export function lately<K, V>(make: (value: K) => V, kept = 32): (value: K) => V {
  const made = new Map<K, { readonly value: V }>();
  return from => {
    const known = made.get(from);
    if (known) return known.value;
    const value = make(from);
    if (typeof from !== 'object' || from === null) return value;
    const [oldest] = made.size >= kept ? made.keys() : [];
    if (oldest !== undefined) made.delete(oldest);
    made.set(from, { value });
    return value;
  };
}
