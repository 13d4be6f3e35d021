import { describe, expect, test } from 'vitest';
import { behaviourOfImage } from '../../../src/sandbox/workloads/pod-behaviour.ts';

const good = {
  version: 'latest',
  errorPercent: 0,
  latencyMs: 0,
  crashAfterMs: undefined,
  readyAfterMs: 0,
  pullFails: false,
};

describe('the behaviour of a pod follows its image tag', () => {
  test.each([
    ['shop', {}],
    ['shop:1.2.0', { version: '1.2.0' }],
    ['shop:1.5.0-rc1', { version: '1.5.0-rc1' }],
    ['shop:1.4-alpine', { version: '1.4-alpine' }],
    ['shop:1.3.0-err20', { version: '1.3.0', errorPercent: 20 }],
    ['shop:1.3.0-err0', { version: '1.3.0' }],
    ['shop:1.3.0-slow200', { version: '1.3.0', latencyMs: 200 }],
    ['shop:1.3.0-slow2s', { version: '1.3.0', latencyMs: 2000 }],
    ['shop:1.3.0-err25-slow200', { version: '1.3.0', errorPercent: 25, latencyMs: 200 }],
    ['shop:1.3.0-crash', { version: '1.3.0', crashAfterMs: 0 }],
    ['shop:1.3.0-crashafter5s', { version: '1.3.0', crashAfterMs: 5000 }],
    ['shop:1.3.0-neverready', { version: '1.3.0', readyAfterMs: Number.POSITIVE_INFINITY }],
    ['shop:1.3.0-slowstart3s', { version: '1.3.0', readyAfterMs: 3000 }],
    ['shop:1.3.0-slowstart500ms', { version: '1.3.0', readyAfterMs: 500 }],
    ['shop:1.3.0-pullfail', { version: '1.3.0', pullFails: true }],
    ['registry.example:5000/team/shop:2.0-err5@sha256:abc', { version: '2.0', errorPercent: 5 }],
    ['registry.example:5000/team/shop', {}],
    ['shop:1.0-constructor', { version: '1.0-constructor' }],
  ])('%s', (image, expected) => {
    expect(behaviourOfImage(image)).toEqual({ valid: true, behaviour: { ...good, ...expected } });
  });

  test.each([
    'shop:1.0-err',
    'shop:1.0-err101',
    'shop:1.0-err5s',
    'shop:1.0-slow',
    'shop:1.0-crash5',
    'shop:1.0-slowstart3',
    'shop:1.0-crashafter',
    'shop:',
    ':1.0',
    '',
  ])('a mistake in "%s" is not taken for a good pod', image => {
    expect(behaviourOfImage(image)).toMatchObject({ valid: false });
  });
});
