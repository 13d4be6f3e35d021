/** Longest text about a failure, in characters. */
const MAX_LENGTH = 256;

/**
 * Text from outside made fit for status, events and logs: one line, printable, at most 256 characters, and without
 * any of the given secrets, whoever echoed them.
 */
export function safeText(text: string, secrets: readonly string[] = []): string {
  let safe = text.slice(0, 4096);
  // The longest first: one that begins like another would be left as the rest of it.
  for (const secret of [...secrets].sort((a, b) => b.length - a.length))
    if (secret.length > 0) safe = safe.replaceAll(secret, '***');
  safe = safe
    .replace(/[^\x20-\x7e\u00a0-\ud7ff]+/g, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
  return safe.length <= MAX_LENGTH ? safe : `${safe.slice(0, MAX_LENGTH - 3)}...`;
}
