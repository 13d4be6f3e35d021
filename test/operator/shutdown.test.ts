import { beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '../../src/operator/log.ts';
import { endInOrder, type Part } from '../../src/operator/shutdown.ts';
import { FakeClock } from '../support/fake-clock.ts';

let clock: FakeClock;
let ended: string[];
let told: string[];
const log = createLog('debug', line => told.push(line));
beforeEach(() => {
  clock = new FakeClock();
  ended = [];
  told = [];
});

const good = (name: string): Part => [name, async () => ended.push(name)];
const hanging = (name: string): Part => [name, () => new Promise(() => ended.push(name))];

describe('ending the parts of the operator', () => {
  it.each([
    ['rejects', () => Promise.reject(new Error('EBUSY'))],
    [
      'throws',
      () => {
        throw new Error('EBUSY');
      },
    ],
  ])('one that %s is told, and the others are ended', async (_how, end) => {
    await endInOrder([good('a'), ['bad', end], good('c')], 1_000, { clock, log });
    expect(ended).toEqual(['a', 'c']);
    expect(told.join()).toMatch(/"part":"bad".*EBUSY/);
    expect(clock.pending).toBe(0);
  });

  it('one that hangs is waited for until time is up, and those after it are ended all the same', async () => {
    let isOver = false;
    const over = endInOrder([good('a'), hanging('b'), good('c')], 1_000, { clock, log }).then(() => {
      isOver = true;
    });
    await clock.advance(999);
    expect([isOver, ended]).toEqual([false, ['a', 'b']]);
    await clock.advance(1);
    await over;
    expect(ended).toEqual(['a', 'b', 'c']);
    expect(told.join()).toContain('"part":"b"');
  });
});
