import { expect, test } from 'vitest';
import { goJson } from '../../src/kube/go-json.ts';

test('JSON is written as Go writes it, and says the same', () => {
  const value = { args: ['a && b', '<x>', 'line\u2028end'], n: 1e21, small: 1e-7 };
  expect(goJson(value)).toBe(
    '{"args":["a \\u0026\\u0026 b","\\u003cx\\u003e","line\\u2028end"],"n":1e+21,"small":1e-7}',
  );
  expect(JSON.parse(goJson(value))).toEqual(value);
});
