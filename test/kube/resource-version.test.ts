import { expect, test } from 'vitest';
import { compareResourceVersions } from '../../src/kube/resource-version.ts';

test.each([
  ['5', '5', 0],
  ['9', '10', -1],
  ['10', '9', 1],
  ['9007199254740993', '9007199254740992', 1],
  ['340282366920938463463374607431768211455', '340282366920938463463374607431768211454', 1],
  ['99', '100000000000000000000000000000000000000', -1],
  ['0', '1', -1],
  ['abc', '1', undefined],
  ['01', '1', undefined],
  ['1.5', '1', undefined],
  ['-1', '1', undefined],
  ['', '1', undefined],
  ['1e3', '1', undefined],
  [undefined, '1', undefined],
] as const)('%s against %s is %s', (a, b, order) => {
  expect(compareResourceVersions(a, b)).toBe(order);
});
