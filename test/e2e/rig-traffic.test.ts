import { describe, expect, it } from 'vitest';
import { weightsSince } from '../support/rig/expect-team.ts';
import { type GatewayAnswer, judge } from '../support/rig/gateway-client.ts';
import { binomialBounds, shareViolations } from '../support/rig/traffic-statistics.ts';
import { isEvidence } from '../support/rig/traffic-timeline.ts';

describe('what a gateway is seen to do', () => {
  const backend = (ready: readonly string[]) => ({ hash: 'a', version: 'a', ready });
  const at = (atMs: number, canary: number, pods: readonly string[] = []) => ({
    ...{ atMs, expected: { b: canary / 100 } },
    view: { weights: { stable: 100 - canary, canary }, stable: backend(pods), canary: backend([]) },
  });

  it('is what it was told, when it was told something else before for long', () => {
    expect(isEvidence([at(0, 0)], 10)).toBe(true);
    expect(isEvidence([at(0, 0), at(5_000, 40)], 5_010)).toBe(true);
    expect(isEvidence([at(0, 0), at(5_000, 40), at(9_000, 0)], 9_010)).toBe(true);
  });

  it('may be what it was told before, when that is the same and not long ago', () => {
    const fight = [at(0, 40), at(5_000, 0), at(5_300, 40), at(6_000, 0)];
    expect(isEvidence(fight, 6_050)).toBe(false);
    expect(isEvidence(fight, 9_000)).toBe(true);
  });

  it('is as good as what it was told when nothing between gives other shares', () => {
    expect(isEvidence([at(0, 40), at(5_000, 40, ['x']), at(5_100, 40)], 5_200)).toBe(true);
    expect(isEvidence([at(0, 40), at(5_000, 0), at(5_100, 0, ['x'])], 5_200)).toBe(true);
  });
});

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

  it('goes on counting after writes that changed nothing, and not while they may yet be seen to have', () => {
    const writes = [1_000, 2_000, 3_000];
    const answers = [
      ...steady(0, 3_500, () => 'b'),
      ...steady(3_500, 5_900, fifth),
      ...steady(6_000, 8_000, () => 'a'),
    ];
    const late = { ...marks[0], settledMs: 900 } as (typeof marks)[number];
    expect(judge(answers, [late], {}, writes).weights).toEqual([0]);
    expect(() => judge(answers, [late], {}, [1_000])).toThrow('wrong shares');
  });

  it('does not blame what happens before the gateway has taken in a change', () => {
    const slow = marks.map(mark => ({ ...mark, settledMs: mark.atMs === 10_000 ? 10_600 : mark.atMs }));
    const answers = [...steady(5_000, 10_500, fifth), ...steady(10_500, 12_000, () => 'a')];
    expect(judge(answers, slow, {})).toMatchObject({ weights: [20, 0], slowestSettlingMs: 600 });
  });

  it('lets a bad version fail by itself, and nothing else', () => {
    const judgeWith = (one: GatewayAnswer) =>
      judge([...steady(0, 5_000, () => 'a'), one], marks.slice(0, 1), { bad: ['b'] });
    expect(judgeWith(answer(5_000, 'b', 500)).requests).toBe(501);
    expect(() => judgeWith(answer(5_000, 'a', 500))).toThrow('1 of 501 requests failed');
    expect(() => judgeWith(answer(5_000, undefined, 503))).toThrow('1 of 501 requests failed');
    expect(() => judgeWith(answer(5_000, undefined, 0))).toThrow('1 of 501 requests failed');
  });

  it('excuses that the gateway has no pod for a while, and only then', () => {
    const without = { ...marks[1], atMs: 5_000, settledMs: undefined, canaryWeight: 20, expected: undefined };
    const now = [marks[0], without, { ...marks[2], atMs: 12_000, settledMs: 12_000 }] as typeof marks;
    const answers = [
      ...steady(0, 5_000, () => 'a'),
      answer(6_000, undefined, 503),
      ...steady(12_000, 14_000, () => 'a'),
    ];
    expect(() => judge(answers, now, {})).toThrow('1 of 701 requests failed');
    expect(() => judge(answers, now, { except: { fromMs: 7_000, toMs: 8_000 } })).toThrow('1 of 701 requests failed');
    expect(judge(answers, now, { except: { fromMs: 5_500, toMs: 8_000 } }).excused).toHaveLength(1);
  });

  it('fails where shares that last are never counted: the gateway does not get there, or nobody can say who should answer', () => {
    const answers = [...steady(0, 5_000, () => 'a'), ...steady(5_000, 12_000, fifth)];
    const last = (mark: object, atMs: number) => [marks[0], { ...marks[1], atMs, ...mark }] as typeof marks;
    expect(judge(answers, last({}, 5_000), {}).weights).toEqual([0, 20]);
    expect(() => judge(answers, last({ settledMs: undefined }, 5_000), {})).toThrow(
      'not counted: told at 00:00:05.000',
    );
    expect(() => judge(answers, last({ expected: undefined }, 5_000), {})).toThrow('not counted: told at 00:00:05.000');
    expect(judge(answers, last({ settledMs: undefined }, 5_000), { lastingMs: 8_000 }).weights).toEqual([0]);
    // Somebody writes before it is there: it may be a change that the watch shows late.
    expect(judge(answers, last({ settledMs: undefined }, 5_000), {}, [7_000]).weights).toEqual([0]);
  });

  it('fails where nothing was counted at all', () => {
    const unsettled = marks.map(mark => ({ ...mark, settledMs: undefined }));
    expect(() =>
      judge(
        steady(0, 2_000, () => 'a'),
        unsettled,
        {},
      ),
    ).toThrow('no shares were ever counted');
    expect(() => judge([], marks, {})).toThrow('no shares were ever counted');
  });
});

describe('the weights since a moment', () => {
  const of = (...weights: number[]) => {
    const marks = weights.map((canaryWeight, second) => ({
      ...{ atMs: second * 1_000, settledMs: undefined, expected: undefined, canaryWeight },
    }));
    return { timeline: { marks: () => marks, stop: async () => {} } };
  };

  it('are changes: a pod that comes or goes is none', () => {
    expect(weightsSince(of(0, 20, 20, 60, 60, 0), 0)).toEqual([0, 20, 60, 0]);
    expect(weightsSince(of(0, 20, 20, 20), 2_000)).toEqual([]);
    expect(weightsSince(of(0, 40, 40, 90, 40), 2_000)).toEqual([90, 40]);
  });
});
