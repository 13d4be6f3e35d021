import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSame } from '../../src/core/same-json.ts';
import { mergeDiff } from '../../src/operator/merge-diff.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** RFC 7386, section 2, word for word. */
function mergePatch(target: Json | undefined, patch: Json): Json {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: { [key: string]: Json } =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

// Few keys, so that both sides share some. Members that are null cannot be told by a merge patch: the RFC says so.
const key = fc.constantFrom('a', 'b', 'c', 'd');
const { value: json } = fc.letrec<{ value: Exclude<Json, null>; object: { [key: string]: Json } }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.boolean(),
    fc.integer({ min: -3, max: 3 }),
    fc.constantFrom('', 'x', 'y'),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(key, tie('value'), { maxKeys: 4 }),
}));
const object = fc.dictionary(key, json, { maxKeys: 4 });

describe('mergeDiff', () => {
  it('gives a patch that turns one object into the other', () => {
    fc.assert(
      fc.property(object, object, (before, after) => {
        const patch = mergeDiff(before, after);
        expect(patch === undefined ? before : mergePatch(before, patch as Json)).toEqual(after);
      }),
      { numRuns: 1000 },
    );
  });

  it('gives nothing exactly when both are equal', () => {
    fc.assert(
      fc.property(object, object, (before, after) => {
        expect(mergeDiff(before, structuredClone(before))).toBeUndefined();
        expect(mergeDiff(before, after) === undefined).toBe(
          JSON.stringify(sorted(before)) === JSON.stringify(sorted(after)),
        );
      }),
    );
  });

  it('removes what vanished, at every depth, and leaves out what stayed', () => {
    expect(mergeDiff({ a: 1, b: { c: 2, e: 5 } }, { b: { d: 3, e: 5 } })).toEqual({ a: null, b: { c: null, d: 3 } });
  });

  it('replaces lists whole', () => {
    expect(mergeDiff({ list: [1, 2, 3] }, { list: [1, 3] })).toEqual({ list: [1, 3] });
  });

  it('takes a status that was never written for an empty one', () => {
    expect(mergeDiff(undefined, { phase: 'Healthy' })).toEqual({ phase: 'Healthy' });
  });

  it('reads a member that is undefined as absent', () => {
    expect(mergeDiff({ a: 1 }, { a: undefined })).toEqual({ a: null });
    expect(mergeDiff({}, { a: undefined })).toBeUndefined();
  });
});

describe('isSame', () => {
  it('does not mind the order of keys, and minds the order of lists', () => {
    expect(isSame({ a: 1, b: [{ c: 1, d: 2 }] }, { b: [{ d: 2, c: 1 }], a: 1 })).toBe(true);
    expect(isSame([1, 2], [2, 1])).toBe(false);
    expect(isSame({ a: undefined }, {})).toBe(true);
    expect(isSame({ a: null }, {})).toBe(false);
  });
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, sorted(inner)]),
  );
}
