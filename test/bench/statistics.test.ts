import { describe, expect, it } from 'vitest';
import { fitLine, percentile, perSecond, spreadOf, windowMinima } from './measure/statistics.ts';

describe('statistics', () => {
  it('takes percentiles by nearest rank, always one of the values', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    expect([0.5, 0.9, 0.99, 1].map(share => percentile(hundred, share))).toEqual([50, 90, 99, 100]);
    expect(percentile([7], 0.01)).toBe(7);
    expect(percentile([], 0.5)).toBeNaN();
  });

  it('sorts numbers as numbers, keeps all of them, and makes nothing of nothing', () => {
    expect(spreadOf([100, 9, 20.04])).toEqual({
      count: 3,
      p50: 20,
      p99: 100,
      max: 100,
      values: [9, 20, 100],
    });
    expect(spreadOf([])).toBeUndefined();
  });

  it('finds the slope of a line, also below noise that has no trend', () => {
    expect(
      fitLine([
        [0, 5],
        [1, 7],
        [2, 9],
      ]),
    ).toEqual({ slope: 2, intercept: 5, slopeError: 0 });
    const noisy = Array.from({ length: 101 }, (_, x) => [x, 100 + 0.5 * x + (x % 2 === 0 ? 3 : -3)] as const);
    expect(fitLine(noisy)?.slope).toBeCloseTo(0.5, 1);
  });

  it('knows how far a slope may be off', () => {
    const scattered = [0, 1, 1, 2].map((y, x) => [x, y] as const);
    // By hand: residuals -0.1, 0.3, -0.3, 0.1; sqrt(0.2 / 2 / 5).
    expect(fitLine(scattered)?.slope).toBeCloseTo(0.6);
    expect(fitLine(scattered)?.slopeError).toBeCloseTo(0.1414, 4);
  });

  it('fits no line through one point, or points above each other', () => {
    expect(fitLine([[1, 1]])).toBeUndefined();
    expect(
      fitLine([
        [1, 1],
        [1, 2],
      ]),
    ).toBeUndefined();
    expect(fitLine([])).toBeUndefined();
  });

  it('sees through a saw: the minima of windows are level when only garbage comes and goes', () => {
    const saw = Array.from({ length: 600 }, (_, t) => [t, 80 + (t % 60)] as const);
    const minima = windowMinima(saw, 60);
    expect(minima).toHaveLength(10);
    expect(fitLine(minima)?.slope).toBe(0);
    const leaking = saw.map(([t, mb]) => [t, mb + t / 60] as const);
    expect(fitLine(windowMinima(leaking, 60))?.slope).toBeCloseTo(1 / 60);
  });

  it('counts moments second by second and leaves out what lies outside', () => {
    expect(perSecond([999, 1000, 1999, 2500, 4000], 1000, 4000)).toEqual([2, 1, 0]);
  });
});
