import type { RolloutMemory } from './memory.ts';

/**
 * How long a new status may still wait, milliseconds; 0 when it is to be stored now, or when there is nothing new (`waitMs`
 * 0). What may wait for a second does, even when something that may wait for ten has waited for nine.
 * @param now monotonic milliseconds
 */
export function statusRestMs(known: Pick<RolloutMemory, 'statusDueAt'>, waitMs: number, now: number): number {
  const dueAt = Math.min(known.statusDueAt ?? Number.POSITIVE_INFINITY, now + waitMs);
  const restMs = Math.max(0, dueAt - now);
  known.statusDueAt = restMs > 0 ? dueAt : undefined;
  return restMs;
}
