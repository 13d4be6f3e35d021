/* Conversions between the times of stored objects (RFC 3339 text) and epoch milliseconds. Pure: no clock is read. */

/** Text of a moment, RFC 3339 in UTC with milliseconds. */
export function toTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** Epoch milliseconds of an RFC 3339 text; undefined when absent or no time. */
export function fromTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const parsed = Date.parse(text);
  return Number.isNaN(parsed) ? undefined : parsed;
}

/** The earliest of several moments; undefined when there is none. */
export function earliest(...moments: readonly (number | undefined)[]): number | undefined {
  let first: number | undefined;
  for (const moment of moments) if (moment !== undefined && (first === undefined || moment < first)) first = moment;
  return first;
}

/** No two clocks of a cluster that works are further apart, milliseconds. */
const MAX_SKEW_MS = 60_000;

/** Whether a moment lies so far ahead of `now` that a clock which was wrong, or is now, wrote it. Both epoch milliseconds. */
export function isFromWrongClock(at: number, now: number): boolean {
  return at > now + MAX_SKEW_MS;
}
