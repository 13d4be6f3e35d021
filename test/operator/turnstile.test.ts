import { describe, expect, it } from 'vitest';
import { Turnstile } from '../../src/operator/turnstile.ts';

describe('a turnstile', () => {
  it('lets as many through at once as it is wide, in order', async () => {
    const turnstile = new Turnstile(2);
    const order: string[] = [];
    const ends = new Map<string, () => void>();
    const enter = (name: string) =>
      turnstile.run(() => {
        order.push(name);
        return new Promise<void>(resolve => ends.set(name, resolve));
      });
    const all = ['a', 'b', 'c', 'd'].map(enter);
    await Promise.resolve();
    expect(order).toEqual(['a', 'b']);
    ends.get('a')?.();
    await all[0];
    expect(order).toEqual(['a', 'b', 'c']);
    for (const name of ['b', 'c', 'd']) {
      ends.get(name)?.();
      await all['abcd'.indexOf(name)];
    }
    expect(order).toEqual(['a', 'b', 'c', 'd']);
  });

  it('passes errors on and lets the next one through', async () => {
    const turnstile = new Turnstile(1);
    const failed = turnstile.run(async () => {
      throw new Error('no');
    });
    const next = turnstile.run(async () => 7);
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe(7);
  });
});
