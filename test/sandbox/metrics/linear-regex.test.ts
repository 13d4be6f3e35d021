import { describe, expect, test } from 'vitest';
import { LinearRegex } from '../../../src/sandbox/metrics/promql/linear-regex.ts';

describe('regular expressions of PromQL', () => {
  test.each([
    ['5..', '503', true],
    ['5..', '5030', false],
    ['5..|4..', '404', true],
    ['web-b-.*', 'web-b-1', true],
    ['web-b-.*', 'xweb-b-1', false],
    ['web-[a-z0-9]{5}', 'web-ab12x', true],
    ['web-[a-z0-9]{5}', 'web-ab12', false],
    ['a{2,3}', 'aaa', true],
    ['a{2,3}', 'aaaa', false],
    ['a{2,}', 'aaaaa', true],
    ['(a|b)+c?', 'abab', true],
    ['(?:ab)*', '', true],
    ['[^a-c]+', 'xyz', true],
    ['[^a-c]+', 'xaz', false],
    ['\\d+\\.\\d+', '1.25', true],
    ['\\d+\\.\\d+', '1x25', false],
    ['[[:alpha:]]+', 'abc', true],
    ['[\\w.-]+', 'a_b.c-d', true],
    ['^foo$', 'foo', true],
    ['(?i)foo', 'FoO', true],
    ['.*', 'a\nb', true],
    ['', '', true],
    ['|a', '', true],
    ['1(\\.0)?', '1', true],
    ['a{x', 'a{x', true],
  ])('%s on %j', (pattern, text, matches) => {
    expect(new LinearRegex(pattern).test(text)).toBe(matches);
    // The same in JavaScript's engine, which these patterns are harmless for.
    if (!/\[\[:|\(\?i/.test(pattern)) expect(new RegExp(`^(?:${pattern})$`, 's').test(text)).toBe(matches);
  });

  test('groups are those of a leftmost match, greedy or lazy', () => {
    expect(new LinearRegex('(a+)(a*)').groups('aaa')).toEqual(['aaa', 'aaa', '']);
    expect(new LinearRegex('(a+?)(a*)').groups('aaa')).toEqual(['aaa', 'a', 'aa']);
    expect(new LinearRegex('(?P<first>x)|(y)').groups('y')).toEqual(['y', undefined, 'y']);
    expect(new LinearRegex('(?P<first>x)|(y)').groupNumber('first')).toBe(1);
  });

  test('a pattern that hangs a backtracking engine takes no time', () => {
    expect(new LinearRegex('(a*)*b').test('a'.repeat(5000))).toBe(false);
    expect(new LinearRegex('(a|a)*(a|a)*c').test('a'.repeat(2000))).toBe(false);
  });

  test.each([
    '(',
    ')',
    '[a',
    'a**',
    '*a',
    '[b-a]',
    '\\',
    '(?=a)',
    '(?<!a)b',
    '\\b',
    '\\1',
    'a{2000}',
    '((a{1000}){1000}){1000}',
  ])('%s is refused', pattern => {
    expect(() => new LinearRegex(pattern)).toThrow(SyntaxError);
  });
});
