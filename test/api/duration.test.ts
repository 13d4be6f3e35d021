import { describe, expect, it } from 'vitest';
import { parseCommand } from '../../src/api/commands.ts';
import { durationMs, durationSchema } from '../../src/api/duration.ts';
import { earliest, fromTime, toTime } from '../../src/api/time.ts';

describe('a duration', () => {
  it.each([
    [5, 5_000],
    ['5', 5_000],
    ['0', 0],
    [0, 0],
    ['90s', 90_000],
    ['1m30s', 90_000],
    ['1h30m', 5_400_000],
    ['250ms', 250],
    ['1.5h', 5_400_000],
    ['1h1m1s1ms', 3_661_001],
    ['9999999999h', 3_153_600_000_000],
  ])('%s is %i ms', (text, expected) => {
    expect(durationMs(text)).toBe(expected);
    expect(durationSchema.safeParse(text).success).toBe(true);
  });

  it.each([[''], ['1d'], ['-1s'], ['1 s'], ['s'], ['1h '], ['1.h'], [-1], [Number.NaN], ['9'.repeat(33)]])(
    '%s is none',
    text => {
      expect(durationMs(text)).toBeUndefined();
      expect(durationSchema.safeParse(text).success).toBe(false);
    },
  );

  it('that is absent is undefined', () => {
    expect(durationMs(undefined)).toBeUndefined();
  });
});

describe('a time', () => {
  it('survives its spelling, and what is none is undefined', () => {
    expect(fromTime(toTime(1_767_225_600_123))).toBe(1_767_225_600_123);
    expect([fromTime(undefined), fromTime('soon')]).toEqual([undefined, undefined]);
  });

  it('of several is the earliest that there is', () => {
    expect([earliest(), earliest(undefined, 3, 2, undefined), earliest(undefined)]).toEqual([undefined, 2, undefined]);
  });
});

describe('a command', () => {
  it.each<[string | undefined, string | undefined, unknown]>([
    [undefined, undefined, undefined],
    ['  ', undefined, undefined],
    ['promote 7', undefined, { verb: 'promote', id: '7' }],
    [' promote-full\t7 ', 'ada', { verb: 'promote-full', id: '7', by: 'ada' }],
    ['release-quarantine x', '', { verb: 'release-quarantine', id: 'x' }],
  ])('%j reads as it says', (text, by, expected) => {
    expect(parseCommand(text, by)).toEqual(expected);
  });

  it.each([
    [
      'promoet 7',
      'unknown verb "promoet"; use one of promote, promote-full, abort, retry, pause, resume, restart, release-quarantine',
    ],
    ['promote', 'write "<verb> <id>" with one id of at most 128 characters, for example "promote promote-1"'],
    ['promote 1 2', 'with one id'],
    [`abort ${'x'.repeat(129)}`, 'at most 128 characters'],
    [`${'y'.repeat(99)} 1`, `unknown verb "${'y'.repeat(40)}"`],
  ])('%s is answered with what to write', (text, expected) => {
    expect(parseCommand(text)).toEqual({ malformed: expect.stringContaining(expected) });
  });
});
