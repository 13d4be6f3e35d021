import { beforeEach, describe, expect, it } from 'vitest';
import { StatusDelay } from '../../src/operator/status-delay.ts';

describe('a status that waits to be stored', () => {
  const KEY = 'shop/shop';
  let delay: StatusDelay;

  beforeEach(() => {
    delay = new StatusDelay();
  });

  it('waits as long as it may, however often it is put together meanwhile', () => {
    expect([0, 400, 999, 1_000].map(now => delay.restMs(KEY, 1_000, now))).toEqual([1_000, 600, 1, 0]);
    expect(delay.restMs(KEY, 1_000, 1_200)).toBe(1_000);
  });

  it('waits its second although what a gate said waits for longer already', () => {
    expect(delay.restMs(KEY, 10_000, 0)).toBe(10_000);
    expect(delay.restMs(KEY, 1_000, 4_000)).toBe(1_000);
    expect(delay.restMs(KEY, 10_000, 4_500)).toBe(500);
  });

  it('does not prolong what has waited already', () => {
    delay.restMs(KEY, 10_000, 0);
    expect(delay.restMs(KEY, 1_000, 9_700)).toBe(300);
  });

  it('begins anew after it was stored, or when nothing was new any more', () => {
    delay.restMs(KEY, 1_000, 0);
    expect(delay.restMs(KEY, 0, 500)).toBe(0);
    expect(delay.restMs(KEY, 1_000, 900)).toBe(1_000);
  });

  it('waits no longer after it could not be stored', () => {
    delay.restMs(KEY, 10_000, 0);
    delay.isDue(KEY, 100);
    expect(delay.restMs(KEY, 10_000, 200)).toBe(0);
  });

  const wait = (many: number) => {
    for (let i = 0; i < many; i++) delay.restMs(`shop/${i}`, 2_000, 0);
  };

  it.each([
    [50, 2_000, 2_000],
    [51, 2_000, 2_040],
    [125, 2_000, 5_000],
    [250, 2_000, 10_000],
    [251, 2_000, 9_960],
    [299, 2_000, 8_040],
    [300, 2_000, 10_000],
    [5_000, 2_000, 10_000],
    [5_000, 10_000, 10_000],
    [5_000, 0, 0],
  ])('waits longer when many do: %i, and it may wait %i ms', (many, waitMs, expected) => {
    wait(many);
    expect(delay.restMs(KEY, waitMs, 0)).toBe(expected);
  });

  it('waits no longer for statuses that wait for long anyway, or that could not be stored', () => {
    for (let i = 0; i < 200; i++) delay.restMs(`gate/${i}`, 10_000, 0);
    expect(delay.restMs(KEY, 2_000, 0)).toBe(2_000);
    wait(200);
    for (let i = 0; i < 200; i++) delay.isDue(`shop/${i}`, 10);
    expect(delay.restMs('shop/new', 2_000, 10)).toBe(2_000);
  });

  it('waits no longer when it tells of a trouble', () => {
    wait(200);
    expect(delay.restMs(KEY, 2_000, 0)).toBe(8_000);
    expect(delay.restMs(KEY, 2_000, 500, true)).toBe(2_000);
  });

  it('waits no longer than it may alone when those before it are stored or gone', () => {
    wait(250);
    for (let i = 0; i < 125; i++) delay.restMs(`shop/${i}`, 0, 10);
    for (let i = 125; i < 250; i++) delay.forget(`shop/${i}`);
    expect(delay.restMs(KEY, 2_000, 20)).toBe(2_000);
  });
});
