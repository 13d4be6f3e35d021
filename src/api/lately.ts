/**
 * Remembers what `make` made of the last few objects, by identity: one and the same stored object is read many times while
 * it is worked on, and hardly ever after that. Both the object and the result must not be changed.
 */
export function lately<K extends object, V>(make: (object: K) => V, kept = 32): (object: K) => V {
  const made = new Map<K, V>();
  return object => {
    const known = made.get(object);
    if (known !== undefined) return known;
    const value = make(object);
    if (made.size >= kept) {
      for (const oldest of made.keys()) {
        made.delete(oldest);
        break;
      }
    }
    made.set(object, value);
    return value;
  };
}
