import { describe, expect, it } from 'vitest';
import { canonicalQuantity } from '../../src/core/quantity.ts';
import { documentHash, HASH_VERSION, revisionHash } from '../../src/core/revision-hash.ts';

const container = (fields: object = {}) => ({ spec: { containers: [{ name: 'app', image: 'shop:1', ...fields }] } });
const limits = (cpu: unknown, memory: unknown = '1Gi') => container({ resources: { limits: { cpu, memory } } });

describe('the hash of a pod template', () => {
  it('is pinned: a change of the rule would roll every workload', () => {
    expect(revisionHash(container())).toBe('172v8ds5t24');
    expect(revisionHash(container())).toMatch(new RegExp(`^${HASH_VERSION}[bcdfghjklmnpqrstvwxz2456789]{10}$`));
  });

  it.each<[string, object, object]>([
    ['key order', { a: 1, b: { c: 1, d: 2 } }, { b: { d: 2, c: 1 }, a: 1 }],
    ['null members', container(), container({ command: null })],
    ['undefined members', container(), container({ command: undefined })],
    [
      'empty maps, lists and strings',
      container(),
      container({ env: [], resources: {}, workingDir: '', securityContext: { capabilities: { add: [] } } }),
    ],
    ['1000m and 1', limits('1000m'), limits('1')],
    ['1 as a number', limits('1'), limits(1)],
    ['0.5 and 500m', limits('0.5'), limits('500m')],
    ['0.5 as a number', limits('0.5'), limits(0.5)],
    ['1Gi and 1024Mi', limits('1'), limits('1', '1024Mi')],
    ['1e3 and 1k', limits('1e3'), limits('1k')],
    [
      'requests',
      container({ resources: { requests: { cpu: '1' } } }),
      container({ resources: { requests: { cpu: '1000m' } } }),
    ],
    [
      'order of limits',
      container({ resources: { limits: { cpu: '1', memory: '1Gi', 'x.io/gpu': 1 } } }),
      container({ resources: { limits: { 'x.io/gpu': 1, memory: '1Gi', cpu: '1' } } }),
    ],
    ['sizeLimit', { emptyDir: { sizeLimit: '1Gi' } }, { emptyDir: { sizeLimit: '1024Mi' } }],
    ['numbers however they are written', { port: 80 }, JSON.parse('{"port": 80.0}')],
  ])('does not see a difference in %s', (_, a, b) => {
    expect(revisionHash(structuredClone(b))).toBe(revisionHash(a));
  });

  it.each<[string, object, object]>([
    ['the image', container(), container({ image: 'shop:2' })],
    [
      'order of env',
      container({ env: [{ name: 'A' }, { name: 'B' }] }),
      container({ env: [{ name: 'B' }, { name: 'A' }] }),
    ],
    ['order of args', container({ args: ['a', 'b'] }), container({ args: ['b', 'a'] })],
    ['numbers and the same digits as text', { port: 80 }, { port: '80' }],
    ['false and absent', container({ tty: false }), container()],
    ['zero and absent', { a: 0, b: 1 }, { b: 1 }],
    ['an empty string inside a list', container({ args: [''] }), container()],
    ['quantities that differ', limits('1'), limits('1001m')],
    ['text that looks like a quantity elsewhere', container({ args: ['1000m'] }), container({ args: ['1'] })],
    ['what is a quantity and what is none', limits('1'), limits('one')],
    [
      'a limit that is null and one that is absent',
      limits(null),
      container({ resources: { limits: { memory: '1Gi' } } }),
    ],
  ])('sees a difference in %s', (_, a, b) => {
    expect(revisionHash(b)).not.toBe(revisionHash(a));
  });

  it('is remembered per object and equal for a copy', () => {
    const template = container();
    expect(revisionHash(template)).toBe(revisionHash(template));
  });

  it('copes with limits that are no map, and with nothing at all', () => {
    expect(() => [
      revisionHash({ limits: 3 }),
      revisionHash({ limits: ['1'] }),
      revisionHash({ limits: {}, requests: null }),
      revisionHash({}),
      documentHash(undefined),
    ]).not.toThrow();
  });
});

describe('a quantity', () => {
  it.each([
    ['1', '1000000000n'],
    ['-1', '-1000000000n'],
    ['+1', '1000000000n'],
    ['-0', '0n'],
    ['1.5Ki', '1536000000000n'],
    ['1n', '1n'],
    ['1u', '1000n'],
    ['100e-3', '100000000n'],
    ['2E', '2000000000000000000000000000n'],
    [3, '3000000000n'],
    ['1e-300', undefined],
  ])('%s is %s', (text, expected) => {
    expect(canonicalQuantity(text)).toBe(expected);
  });

  it.each([['one'], [''], ['1 Gi'], ['1GiB'], ['.5'], [null], [{}], ['1'.repeat(65)], [Number.NaN]])(
    '%s is none',
    text => {
      expect(canonicalQuantity(text)).toBeUndefined();
    },
  );
});
