import { describe, expect, it } from 'vitest';
import { lately } from '../../src/api/lately.ts';

describe('what was read lately', () => {
  it('is read once for each object, not for each that is like it', () => {
    let calls = 0;
    const read = lately((object: { a: number }) => ({ a: object.a, call: ++calls }));
    const one = { a: 1 };
    expect([read(one).call, read(one).call, read({ a: 1 }).call, read(one).call]).toEqual([1, 1, 2, 1]);
  });

  it('is forgotten when enough others have been read', () => {
    let calls = 0;
    const read = lately((_: object) => ++calls, 2);
    const [one, two, three] = [{}, {}, {}];
    expect([one, two, one, three, two, one].map(read)).toEqual([1, 2, 1, 3, 2, 4]);
  });
});
