/** No vowels and no look-alikes, as in the names that Kubernetes makes. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** Five characters for the end of a name. */
export function randomSuffix(random: () => number): string {
  return Array.from({ length: 5 }, () => ALPHABET[Math.floor(random() * ALPHABET.length)]).join('');
}
