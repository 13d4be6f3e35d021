import { expect, test } from 'vitest';
import { compileCondition, evaluateCondition } from '../../src/analysis/condition.ts';

function ask(text: string, result: number | number[]) {
  const compiled = compileCondition(text);
  if (!compiled.ok) throw new Error(compiled.message);
  const evaluated = evaluateCondition(compiled.condition, result);
  return evaluated.ok ? evaluated.holds : evaluated.message;
}

test.each<[string, number | number[], boolean]>([
  ['result[0] >= 0.95', [0.95], true],
  ['result[0] >= 0.95', 0.95, true],
  ['result >= 0.95', [0.94], false],
  ['result >= 0.95', 0.95, true],
  ['result > 5', 6, true],
  ['5 < result', 6, true],
  ['result == 5', 5, true],
  ['result != 5', 5, false],
  ['5 == result[0]', [5], true],
  ['result[0] * 100 > 95', [0.96], true],
  ['1 - result[0] <= 0.05', [0.96], true],
  ['result[0] / 2 == 1', [2], true],
  ['result[0] == 0', [0], true],
  ['-result[0] > -1', [0.5], true],
  ['result[0] >= 0.9 && result[0] < 1 || false', [0.95], true],
  ['len(result) == 0 || result[0] < 5', [], true],
  ['len(result) == 3', [1, 2, 3], true],
  ['isNaN(result)', Number.NaN, true],
  ['isNaN(result[0])', [1], false],
  ['isInf(result[0])', [Number.NEGATIVE_INFINITY], true],
  ['default(result, 0) < 5', [], true],
  ['default(result[0], 0) < 5', [], true],
  ['default(result[0], 7) < 5', [Number.NaN], false],
  ['default(result[0], 7) < 5', [1], true],
  ['isNil(result)', [], true],
  ['asInt(result[0]) == 2', [2.9], true],
  ['asFloat(2) < result[0]', [2.9], true],
  ['result.all(v, v < 5)', [1, 2, 6], false],
  ['result.exists(v, v > 5)', [1, 2, 6], true],
  ['result.filter(v, v > 1).all(v, v < 7)', [1, 2, 6], true],
  ['result[0] >= 0.95', [Number.NaN], false],
  ['result[0] in [1.0, 2.0]', [2], true],
])('%s asked about %s is %s', (text, result, expected) => {
  expect(ask(text, result)).toBe(expected);
});

test('an index out of range and several values for one number are answers in words', () => {
  expect(ask('result[1] > 0', [1])).toContain('index');
  expect(ask('result > 0', [1, 2])).toContain('2 values');
});

test.each([
  ['result >', /Unexpected token/],
  ['result[0]', /gives double, not true or false/],
  ['foo > 1', /Unknown variable/],
  ['result > "5"', /no such overload/],
  ['"a".matches("^(a+)+$")', /matches\(\) is not available/],
  ['result.all(a, result.all(b, a > b))', /comprehension inside/],
  ['result.all(a, [1.0].exists(b, a > b))', /comprehension inside/],
  [`result > ${'1 + '.repeat(150)}1`, /maxAstNodes|maxDepth/],
  [`${'('.repeat(30)}result > 1${')'.repeat(30)}`, /maxDepth/],
  [`result > 1${' '.repeat(1100)}`, /longer than 1024/],
  ['result.constructor == 1', /constructor|overload|list/],
  ['__proto__ == 1', /Reserved identifier/],
  ['!isNaN(result[0]) && !"a".matches("b")', /matches/],
  ['["a".matches("b")][0]', /matches/],
])('%s is refused with its reason', (text, reason) => {
  const compiled = compileCondition(text);
  expect(compiled.ok ? 'compiled' : compiled.message).toMatch(reason);
});

test('a result of more than 1000 values is refused', () => {
  expect(ask('result.all(v, v < 5)', new Array<number>(1001).fill(1))).toContain('more than 1000');
});

test('compiling again gives the same object', () => {
  expect(compileCondition('result > 42')).toBe(compileCondition('result > 42'));
});

test('thousands of different conditions do not fill the memory', () => {
  const first = compileCondition('result > -1');
  for (let i = 0; i < 2100; i++) compileCondition(`result > ${i}.5`);
  expect(compileCondition('result > -1')).not.toBe(first);
});
