import { describe, expect, it } from 'vitest';
import { Turnstile } from '../../src/operator/turnstile.ts';

describe('a turnstile', () => {
  it('lets as many through at once as it is wide, the urgent ones before those who wait', async () => {
    const turnstile = new Turnstile(2);
    const order: string[] = [];
    const ends = new Map<string, () => void>();
    const enter = (name: string, urgent: boolean) =>
      turnstile.run(urgent, () => {
        order.push(name);
        return new Promise<void>(resolve => ends.set(name, resolve));
      });
    const all = [enter('a', false), enter('b', false), enter('c', false), enter('d', false), enter('e', true)];
    await Promise.resolve();
    expect(order).toEqual(['a', 'b']);
    ends.get('a')?.();
    await all[0];
    expect(order).toEqual(['a', 'b', 'e']);
    for (const name of ['b', 'e', 'c', 'd']) {
      ends.get(name)?.();
      await all['abcde'.indexOf(name)];
    }
    expect(order).toEqual(['a', 'b', 'e', 'c', 'd']);
  });

  it('passes errors on and lets the next one through', async () => {
    const turnstile = new Turnstile(1);
    const failed = turnstile.run(false, async () => {
      throw new Error('no');
    });
    const next = turnstile.run(false, async () => 7);
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe(7);
  });
});
