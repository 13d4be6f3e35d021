import { describe, expect, it } from 'vitest';
import { behaviourOfImage, type PodBehaviour } from '../support/fake-kubelet-behaviour.ts';

const GOOD = { errorPercent: 0, latencyMs: 0, crashAfterMs: undefined, readyAfterMs: 0, pullFails: false };

describe('a fake pod behaves as its image tag says', () => {
  const table: [string, Partial<PodBehaviour>][] = [
    ['shop', { version: 'latest' }],
    ['shop:1.4.0', { version: '1.4.0' }],
    ['registry.example:5000/shop', { version: 'latest' }],
    ['registry.example:5000/team/shop:1.4.0-err25', { version: '1.4.0', errorPercent: 25 }],
    [`shop:1.4.0-slow200@sha256:${'a'.repeat(64)}`, { version: '1.4.0', latencyMs: 200 }],
    ['shop:1.4.0-err5-slow200', { version: '1.4.0', errorPercent: 5, latencyMs: 200 }],
    ['shop:1.5.0-rc1', { version: '1.5.0-rc1' }],
    ['shop:1.5.0-alpine-err100', { version: '1.5.0-alpine', errorPercent: 100 }],
    ['shop:2-crash', { version: '2', crashAfterMs: 0 }],
    ['shop:2-crashafter500ms', { version: '2', crashAfterMs: 500 }],
    ['shop:2-slowstart3s', { version: '2', readyAfterMs: 3000 }],
    ['shop:2-neverready', { version: '2', readyAfterMs: Number.POSITIVE_INFINITY }],
    ['shop:2-pullfail', { version: '2', pullFails: true }],
  ];
  it.each(table)('%s', (image, expected) => expect(behaviourOfImage(image)).toEqual({ ...GOOD, ...expected }));

  it.each([
    'shop:1-err',
    'shop:1-err101',
    'shop:1-err25s',
    'shop:1-slowstart3',
    'shop:1-crash5s',
    'shop:1-neverready1',
  ])('%s is refused, so that a typo never means a good pod', image =>
    expect(() => behaviourOfImage(image)).toThrow('no valid pod behaviour'),
  );
});
