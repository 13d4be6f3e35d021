import * as z from 'zod';

/** Go duration syntax ("1h30m", "250ms") or whole seconds as a number or digits ("90"). */
export const DURATION_PATTERN = '^([0-9]+|([0-9]+(\\.[0-9]+)?(ms|s|m|h))+)$';

/** Longest duration as a number: a year. */
export const MAX_DURATION_SECONDS = 31_536_000;

/** Longest duration that is told apart from longer ones: a century, from which the end can still be written as a time. */
const LONGEST_MS = 100 * MAX_DURATION_SECONDS * 1000;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const PART = /([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)/g;
const WHOLE = new RegExp(DURATION_PATTERN);

/** Schema of a duration: integer seconds or a string in {@link DURATION_PATTERN}. */
export const durationSchema = z
  .union([z.int().min(0).max(MAX_DURATION_SECONDS), z.string().max(32).regex(WHOLE)])
  .meta({ 'x-kubernetes-int-or-string': true, 'x-sluice-duration': true });

/** A duration as users write it. */
export type Duration = number | string;

/**
 * Milliseconds of a duration, a century at most, or undefined when it is not one.
 * Example: durationMs("1m30s") = 90000, durationMs(5) = 5000, durationMs("5") = 5000.
 */
export function durationMs(value: Duration | undefined): number | undefined {
  const ms = value === undefined ? undefined : unboundedMs(value);
  return ms === undefined ? undefined : Math.min(ms, LONGEST_MS);
}

function unboundedMs(value: Duration): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value * 1000 : undefined;
  if (value.length > 32 || !WHOLE.test(value)) return undefined;
  if (/^[0-9]+$/.test(value)) return Number(value) * 1000;
  let total = 0;
  for (const [, amount, unit] of value.matchAll(PART)) total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  return total;
}
