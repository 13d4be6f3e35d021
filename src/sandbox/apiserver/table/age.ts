import type { JsonValue } from '../json.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

/** A duration as kubectl prints ages: `45s`, `3m20s`, `12m`, `5h30m`, `8h`, `2d5h`, `30d`, `2y35d`. */
export function humanDuration(durationMs: number): string {
  if (durationMs < -1 * second) return '<invalid>';
  const ms = Math.max(0, durationMs);
  const two = (big: number, bigName: string, small: number, smallName: string): string => {
    const rest = Math.floor((ms % big) / small);
    return `${Math.floor(ms / big)}${bigName}${rest === 0 ? '' : `${rest}${smallName}`}`;
  };
  if (ms < 2 * minute) return `${Math.floor(ms / second)}s`;
  if (ms < 10 * minute) return two(minute, 'm', second, 's');
  if (ms < 3 * hour) return `${Math.floor(ms / minute)}m`;
  if (ms < 8 * hour) return two(hour, 'h', minute, 'm');
  if (ms < 2 * day) return `${Math.floor(ms / hour)}h`;
  if (ms < 8 * day) return two(day, 'd', hour, 'h');
  if (ms < 2 * year) return `${Math.floor(ms / day)}d`;
  if (ms < 8 * year) return two(year, 'y', day, 'd');
  return `${Math.floor(ms / year)}y`;
}

/** The age cell of a timestamp. */
export function age(timestamp: JsonValue | undefined, nowMs: number): string {
  if (typeof timestamp !== 'string') return '<unknown>';
  const at = Date.parse(timestamp);
  return Number.isNaN(at) ? '<invalid>' : humanDuration(nowMs - at);
}
