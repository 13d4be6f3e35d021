import { describe, expect, it } from 'vitest';
import { type GatewayAnswer, judge } from '../support/rig/gateway-client.ts';
import { binomialBounds, shareViolations } from '../support/rig/traffic-statistics.ts';

describe('bounds of a binomial distribution', () => {
  it('are one number where chance has no part', () => {
    expect(binomialBounds(200, 0)).toEqual([0, 0]);
    expect(binomialBounds(200, 1)).toEqual([200, 200]);
  });

  // By counting for a fair coin.
  it.each([
    [1, 0.5, 0, 1],
    [10, 0.5, 0, 10],
    // 2^-15 is below 5e-5, 16 * 2^-15 is not.
    [15, 0.5, 1, 14],
    [20, 0.5, 2, 18],
  ])('%d trials of %d lie in [%d, %d]', (trials, share, low, high) => {
    expect(binomialBounds(trials, share)).toEqual([low, high]);
  });

  it('hold as many of many random draws as they promise, and are no wider than that', () => {
    let seed = 42;
    const random = () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed / 2 ** 32;
    };
    const draws = Array.from({ length: 4_000 }, () => Array.from({ length: 100 }, random).filter(x => x < 0.2).length);
    const outside = (tails: number) => {
      const [low, high] = binomialBounds(100, 0.2, tails);
      return draws.filter(count => count < low || count > high).length / draws.length;
    };
    expect(outside(1e-4)).toBeLessThan(0.002);
    expect(outside(0.2)).toBeGreaterThan(0.05);
    expect(outside(0.2)).toBeLessThan(0.2);
  });

  it('works for numbers of trials whose factorials no number can hold', () => {
    const [low, high] = binomialBounds(20_000, 0.3);
    expect(low).toBeGreaterThan(5_700);
    expect(low).toBeLessThan(5_800);
    expect(high).toBeGreaterThan(6_200);
    expect(high).toBeLessThan(6_300);
  });
});

describe('shares of an interval', () => {
  const at = { fromMs: 0, toMs: 1_000 };

  it('name the version that got too much and the one that got too little', () => {
    const wrong = shareViolations([{ ...at, expected: { a: 0.8, b: 0.2 }, counts: { a: 100, b: 100 } }]);
    expect(wrong.map(one => one.version)).toEqual(['a', 'b']);
  });

  it('are fine near what was expected, and with nothing counted', () => {
    expect(shareViolations([{ ...at, expected: { a: 0.8, b: 0.2 }, counts: { a: 155, b: 45 } }])).toEqual([]);
    expect(shareViolations([{ ...at, expected: { a: 1 }, counts: {} }])).toEqual([]);
  });

  it('forbid even one answer of a version that should get nothing', () => {
    const wrong = shareViolations([{ ...at, expected: { a: 1 }, counts: { a: 500, b: 1 } }]);
    expect(wrong.find(one => one.version === 'b')).toMatchObject({ expected: 0, count: 1 });
  });
});

describe('the judgement of a client', () => {
  const answer = (sentMs: number, version: string | undefined, status = 200): GatewayAnswer => ({
    ...{ sentMs, doneMs: sentMs + 5, status, version, pod: undefined, error: undefined },
  });
  const steady = (fromMs: number, toMs: number, versionAt: (turn: number) => string) =>
    Array.from({ length: (toMs - fromMs) / 10 }, (_, turn) => answer(fromMs + turn * 10, versionAt(turn)));
  const marks = [
    { atMs: 0, settledMs: 0, canaryWeight: 0, expected: { a: 1 } },
    { atMs: 5_000, settledMs: 5_000, canaryWeight: 20, expected: { a: 0.8, b: 0.2 } },
    { atMs: 10_000, settledMs: 10_000, canaryWeight: 0, expected: { a: 1 } },
  ];
  const fifth = (turn: number) => (turn % 5 === 0 ? 'b' : 'a');

  it('passes a gateway that does what it was told, also when it is 200 ms late', () => {
    const answers = [
      ...steady(0, 5_200, () => 'a'),
      ...steady(5_200, 10_200, fifth),
      ...steady(10_200, 12_000, () => 'a'),
    ];
    const report = judge(answers, marks, {});
    expect(report.weights).toEqual([0, 20, 0]);
    expect(report.requests).toBe(1_200);
  });

  it('fails one that sends half a second longer to the canary than told', () => {
    const answers = [...steady(5_000, 10_500, fifth), ...steady(10_500, 12_000, () => 'a')];
    expect(() => judge(answers, marks, {})).toThrow('1 of 3 intervals have wrong shares');
  });

  it('does not blame what happens before the gateway has taken in a change', () => {
    const slow = marks.map(mark => ({ ...mark, settledMs: mark.atMs === 10_000 ? 10_600 : mark.atMs }));
    const answers = [...steady(5_000, 10_500, fifth), ...steady(10_500, 12_000, () => 'a')];
    expect(judge(answers, slow, {})).toMatchObject({ weights: [20, 0], slowestSettlingMs: 600 });
  });

  it('lets a bad version fail by itself, and nothing else', () => {
    expect(judge([answer(100, 'b', 500)], [], { bad: ['b'] }).requests).toBe(1);
    expect(() => judge([answer(100, 'a', 500)], [], { bad: ['b'] })).toThrow('1 of 1 requests failed');
    expect(() => judge([answer(100, undefined, 503)], [], { bad: ['b'] })).toThrow('1 of 1 requests failed');
    expect(() => judge([answer(100, undefined, 0)], [], { bad: ['b'] })).toThrow('1 of 1 requests failed');
  });

  it('counts nothing where the objects do not say who should answer', () => {
    const unknown = [{ atMs: 0, settledMs: 0, canaryWeight: 20, expected: undefined }];
    expect(judge(steady(0, 2_000, fifth), unknown, {}).intervals).toEqual([]);
  });
});
