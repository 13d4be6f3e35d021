import { expect } from 'vitest';
import type { SeenStatus, Team } from './team.ts';

/** Weights that the canary was given on the route since a moment: neither the one that it had, nor repeats. */
export function weightsSince(team: Pick<Team, 'timeline'>, sinceMs: number): number[] {
  const marks = team.timeline.marks();
  const changes = marks.filter(({ canaryWeight }, index) => canaryWeight !== marks[index - 1]?.canaryWeight);
  return changes.filter(({ atMs }) => atMs >= sinceMs).map(({ canaryWeight }) => canaryWeight);
}

/** Everybody is served by stable after an abort for that cause, and it stays so. */
export async function expectBackOnStable(team: Team, cause: string): Promise<void> {
  await team.until('the route is at 0 %', async () => (await team.weight()) === 0, 10_000);
  const fromMs = Date.now();
  expect(await team.column('.status.abort.cause')).toBe(cause);
  expect(await team.kubectl('get', 'rollout', 'shop', '--no-headers')).toMatch(/^shop\s+Aborted\s/);
  const serving = `{.status.conditions[?(@.type=="Serving")].status}`;
  expect(await team.column(serving.slice(1, -1))).toBe('True');
  expect(weightsSince(team, fromMs).filter(weight => weight > 0)).toEqual([]);
}

/** Its gate has measured, and nothing failed. */
export function isMeasured(display: SeenStatus['display']): boolean {
  return display?.gate?.startsWith('success-rate 1 ') === true;
}

/**
 * Waits for a person, with a gate that has measured. Without the second half a test would race the first measurement of new pods:
 * when that is empty the canary waits for data, and is Paused again when there is some.
 */
export function isPausedAndMeasured(status: SeenStatus): boolean {
  return status.pause?.reason === 'PauseStep' && isMeasured(status.display);
}
