import { describe, expect, it } from 'vitest';
import { humanDuration } from '../../../src/sandbox/apiserver/table/age.ts';
import { compileJsonPath } from '../../../src/sandbox/apiserver/table/json-path.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

describe('ages read as kubectl prints them', () => {
  it.each([
    [0, '0s'],
    [119 * second, '119s'],
    [2 * minute, '2m'],
    [3 * minute + 20 * second, '3m20s'],
    [12 * minute, '12m'],
    [3 * hour, '3h'],
    [5 * hour + 30 * minute, '5h30m'],
    [30 * hour, '30h'],
    [2 * day + 5 * hour, '2d5h'],
    [30 * day, '30d'],
    [3 * 365 * day, '3y'],
    [-5 * second, '<invalid>'],
  ])('%d ms is %s', (ms, text) => {
    expect(humanDuration(ms)).toBe(text);
  });
});

describe('JSON paths of printer columns', () => {
  const object = {
    spec: { list: [{ n: 1 }, { n: 2 }], 'odd.key': 'x' },
    status: {
      conditions: [
        { type: 'A', status: 'no' },
        { type: 'Ready', status: 'yes' },
      ],
    },
  };
  it.each([
    ['.spec.list[0].n', [1]],
    ['.spec.list[-1].n', [2]],
    ['.spec.list[*].n', [1, 2]],
    ["$.spec['odd.key']", ['x']],
    ['.spec.odd\\.key', ['x']],
    ['{.status.conditions[?(@.type=="Ready")].status}', ['yes']],
    ['..n', [1, 2]],
    ['.none.at.all', []],
  ])('%s finds its values', (path, values) => {
    expect(compileJsonPath(path)?.(object)).toEqual(values);
  });

  it('a text that is no path compiles to nothing', () => {
    expect(compileJsonPath('.a[')).toBeUndefined();
  });
});
