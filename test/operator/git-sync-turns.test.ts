import { describe, expect, it } from 'vitest';
import { NotItsTurn, Turns } from '../../src/operator/git-sync/turns.ts';

/** Work that ends when it is told to. */
function work() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { done: () => promise, end: resolve };
}

describe('turns', () => {
  it('let so many through at once, and wake who came too early in the order in which they came', async () => {
    const woken: string[] = [];
    const turns = new Turns(2, key => woken.push(key));
    const [one, two] = [work(), work()];
    const runs = [turns.run('one', one.done), turns.run('two', two.done)];
    for (const key of ['three', 'four', 'three'])
      await expect(turns.run(key, async () => undefined)).rejects.toBeInstanceOf(NotItsTurn);
    expect(woken).toEqual([]);
    two.end();
    await runs[1];
    expect(woken).toEqual(['three']);
    expect(await turns.run('three', async () => 'its turn')).toBe('its turn');
    expect(woken).toEqual(['three', 'four']);
    one.end();
    await runs[0];
    expect(woken).toEqual(['three', 'four']);
  });

  it('are given back by work that fails', async () => {
    const turns = new Turns(1, () => undefined);
    await expect(turns.run('one', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await turns.run('one', async () => 1)).toBe(1);
  });

  it('are not lost on one that was woken and has no use for its turn', async () => {
    const woken: string[] = [];
    const turns = new Turns(1, key => woken.push(key));
    const one = work();
    const run = turns.run('one', one.done);
    for (const key of ['two', 'three']) expect(() => turns.assertFree(key)).toThrow(NotItsTurn);
    one.end();
    await run;
    turns.leave('two');
    expect(woken).toEqual(['two', 'three']);
  });

  it('are not lost on one that is gone', async () => {
    const woken: string[] = [];
    const turns = new Turns(1, key => woken.push(key));
    const one = work();
    const run = turns.run('one', one.done);
    for (const key of ['gone', 'two']) expect(() => turns.assertFree(key)).toThrow(NotItsTurn);
    turns.leave('gone');
    one.end();
    await run;
    expect(woken).toEqual(['two']);
  });
});
