import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test, vi } from 'vitest';
import { collectWhenIdle } from '../../src/operator/frugal-heap.ts';
import { FakeClock } from '../support/fake-clock.ts';

const MB = 1 << 20;

function watched() {
  const clock = new FakeClock();
  const state = { memory: 40 * MB, workAt: clock.monotonic(), collections: 0, left: [] as number[] };
  const stop = collectWhenIdle({
    clock,
    lastWorkAt: () => state.workAt,
    residentBytes: () => state.memory,
    collect: () => {
      state.collections += 1;
      state.memory = state.left.shift() ?? 20 * MB;
    },
  });
  return { clock, state, stop };
}

test('garbage is collected once after work has ended, and not again while nothing grows', async () => {
  const { clock, state, stop } = watched();
  await clock.advance(300_000);
  expect(state.collections).toBe(1);
  stop();
});

test('nothing is collected while there is work', async () => {
  const { clock, state, stop } = watched();
  for (let n = 0; n < 45; n += 1) {
    await clock.advance(5_000);
    state.workAt = clock.monotonic();
  }
  expect(state.collections).toBe(0);
  stop();
});

test('where there is no rest for four minutes, a gap between two pieces of work is enough', async () => {
  const { clock, state, stop } = watched();
  const work = async (ms: number, everyMs: number) => {
    for (const end = clock.monotonic() + ms; clock.monotonic() < end; ) {
      await clock.advance(everyMs);
      state.workAt = clock.monotonic();
    }
  };
  await work(235_000, 1_000);
  expect(state.collections).toBe(0);
  // Never in the middle of work.
  await work(10_000, 20);
  expect(state.collections).toBe(0);
  await work(1_000, 500);
  expect(state.collections).toBe(1);
  state.memory += 30 * MB;
  await work(230_000, 1_000);
  expect(state.collections).toBe(1);
  await work(20_000, 500);
  expect(state.collections).toBe(2);
  stop();
});

test('a burst of work after a long rest is no lack of rest', async () => {
  const { clock, state, stop } = watched();
  await clock.advance(3_600_000);
  expect(state.collections).toBe(1);
  state.memory += 30 * MB;
  for (let n = 0; n < 230; n += 1) {
    state.workAt = clock.monotonic();
    await clock.advance(1_000);
  }
  expect(state.collections).toBe(1);
  stop();
});

test('what grew by more than a tenth is collected again', async () => {
  const { clock, state, stop } = watched();
  await clock.advance(60_000);
  state.memory += MB;
  await clock.advance(60_000);
  expect(state.collections).toBe(1);
  state.memory += 3 * MB;
  await clock.advance(60_000);
  expect(state.collections).toBe(2);
  stop();
  state.memory += 90 * MB;
  await clock.advance(60_000);
  expect(state.collections).toBe(2);
});

test('what gave little back is done once more, since V8 may have ended a collection that had begun earlier', async () => {
  const { clock, state, stop } = watched();
  await clock.advance(60_000);
  state.memory = 50 * MB;
  state.left = [48 * MB, 21 * MB];
  await clock.advance(60_000);
  expect([state.collections, state.memory]).toEqual([3, 21 * MB]);
  // What the second leaves is in use.
  state.memory = 50 * MB;
  state.left = [49 * MB, 48 * MB];
  await clock.advance(300_000);
  expect([state.collections, state.memory]).toEqual([5, 48 * MB]);
  state.memory = 52 * MB;
  await clock.advance(300_000);
  expect(state.collections).toBe(5);
  stop();
});

test('the second one waits for a gap, not for another four minutes', async () => {
  const { clock, state, stop } = watched();
  await clock.advance(60_000);
  state.left = [40 * MB];
  state.memory = 50 * MB;
  for (let n = 0; n < 550; n += 1) {
    await clock.advance(500);
    state.workAt = clock.monotonic();
  }
  expect([state.collections, state.memory]).toEqual([3, 20 * MB]);
  stop();
});

test('what counts is the memory of the process: what V8 collected by itself stays with it, and its heap looks small', async () => {
  const rss = vi.spyOn(process.memoryUsage, 'rss').mockReturnValue(100 * MB);
  const clock = new FakeClock();
  let collections = 0;
  const collect = () => {
    collections += 1;
    rss.mockReturnValue(90 * MB);
  };
  const stop = collectWhenIdle({ clock, lastWorkAt: () => 0, collect });
  await clock.advance(60_000);
  rss.mockReturnValue(98 * MB);
  await clock.advance(60_000);
  expect(collections).toBe(1);
  rss.mockReturnValue(100 * MB);
  await clock.advance(60_000);
  expect(collections).toBe(2);
  stop();
  rss.mockRestore();
});

test('a process with a limited heap keeps its young generation small, and idleness gives memory back', () => {
  const module = pathToFileURL(join(import.meta.dirname, '../../src/operator/frugal-heap.ts')).href;
  const program = `
    import { getHeapSpaceStatistics } from 'node:v8';
    import { collectWhenIdle, limitHeap } from ${JSON.stringify(module)};
    limitHeap();
    let kept = [];
    for (let n = 0; n < 400_000; n += 1) kept.push({ n, text: String(n) });
    kept = kept.slice(0, 100_000);
    const young = getHeapSpaceStatistics().find(space => space.space_name === 'new_space').space_size;
    const before = process.memoryUsage().heapTotal;
    kept = [];
    let now = 0;
    let due;
    const clock = { now: () => now, monotonic: () => now, setTimeout: fn => { due = fn; }, clearTimeout: () => {} };
    collectWhenIdle({ clock, lastWorkAt: () => 0 });
    now = 20_000;
    due();
    console.log(JSON.stringify({ young, before, after: process.memoryUsage().heapTotal }));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  const seen = JSON.parse(stdout || `{"stderr":${JSON.stringify(stderr)}}`) as Record<string, number>;
  expect(seen).toMatchObject({ young: expect.any(Number) });
  // Some 2 MB, more when a busy machine delays a collection; 64 MB without the limit.
  expect(seen['young']).toBeLessThan(12 * MB);
  expect(seen['after']).toBeLessThan((seen['before'] ?? 0) / 2);
});
