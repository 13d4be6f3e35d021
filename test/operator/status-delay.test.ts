import { describe, expect, it } from 'vitest';
import { statusRestMs } from '../../src/operator/status-delay.ts';

describe('a status that waits to be stored', () => {
  it('waits as long as it may, however often it is put together meanwhile', () => {
    const known = { statusDueAt: undefined };
    expect([0, 400, 999, 1_000].map(now => statusRestMs(known, 1_000, now))).toEqual([1_000, 600, 1, 0]);
    expect(statusRestMs(known, 1_000, 1_200)).toBe(1_000);
  });

  it('waits its second although what a gate said waits for longer already', () => {
    const known = { statusDueAt: undefined };
    expect(statusRestMs(known, 10_000, 0)).toBe(10_000);
    expect(statusRestMs(known, 1_000, 4_000)).toBe(1_000);
    expect(statusRestMs(known, 10_000, 4_500)).toBe(500);
  });

  it('does not prolong what has waited already', () => {
    const known = { statusDueAt: undefined };
    statusRestMs(known, 10_000, 0);
    expect(statusRestMs(known, 1_000, 9_700)).toBe(300);
  });

  it('begins anew after it was stored, or when nothing was new any more', () => {
    const known = { statusDueAt: undefined };
    statusRestMs(known, 1_000, 0);
    expect(statusRestMs(known, 0, 500)).toBe(0);
    expect(statusRestMs(known, 1_000, 900)).toBe(1_000);
  });
});
