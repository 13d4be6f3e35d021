import { describe, expect, test } from 'vitest';
import type { QueueObservation, WorkOutcome, WorkQueueOptions } from '../../src/kube/work-queue.ts';
import { WorkQueue } from '../../src/kube/work-queue.ts';
import { FakeClock } from '../support/fake-clock.ts';

const DONE: WorkOutcome = { outcome: 'done' };

/** A queue whose runs end when the test says so. */
function manual(options: Partial<WorkQueueOptions> = {}) {
  const clock = new FakeClock();
  const started: string[] = [];
  const ends = new Map<string, (outcome: WorkOutcome) => void>();
  const reports: QueueObservation[] = [];
  const queue = new WorkQueue({
    concurrency: 2,
    clock,
    random: () => 1,
    observe: report => reports.push(report),
    handler: key => {
      if (ends.has(key)) throw new Error(`"${key}" runs twice at once`);
      started.push(key);
      return new Promise(resolve => ends.set(key, resolve));
    },
    ...options,
  });
  const end = async (key: string, outcome: WorkOutcome = DONE) => {
    const resolve = ends.get(key);
    if (!resolve) throw new Error(`"${key}" is not running`);
    ends.delete(key);
    resolve(outcome);
    await clock.advance(0);
  };
  queue.start();
  return { queue, clock, started, end, reports };
}

describe('a key', () => {
  test('added many times while it waits runs once', async () => {
    const { queue, started, end } = manual({ concurrency: 1 });
    queue.add('x');
    for (let n = 0; n < 10; n += 1) queue.add('a');
    await end('x');
    await end('a');
    expect(started).toEqual(['x', 'a']);
  });

  test('added during its run runs exactly once more, and never twice at once', async () => {
    const { queue, started, end } = manual();
    queue.add('a');
    for (let n = 0; n < 5; n += 1) queue.add('a');
    expect(started).toEqual(['a']);
    await end('a');
    expect(started).toEqual(['a', 'a']);
    await end('a');
    expect(started).toEqual(['a', 'a']);
  });

  test('added during a run that fails is not lost either', async () => {
    const { queue, clock, started, end } = manual({ baseDelayMs: 10_000 });
    queue.add('a');
    queue.add('a');
    await end('a', { outcome: 'backoff', cause: 'x' });
    expect(started).toEqual(['a', 'a']);
    queue.add('a');
    await end('a', { outcome: 'backoff', cause: 'x', atLeastMs: 60_000 });
    expect(started).toEqual(['a', 'a']);
    await clock.advance(60_001);
    expect(started).toEqual(['a', 'a', 'a']);
  });

  test('no more keys run at once than there are workers', async () => {
    const { queue, started, end } = manual({ concurrency: 2 });
    for (const key of ['a', 'b', 'c']) queue.add(key);
    expect(started).toEqual(['a', 'b']);
    await end('b');
    expect(started).toEqual(['a', 'b', 'c']);
  });
});

describe('the urgent lane', () => {
  test('is lent the worker of a run that steps aside, which goes on before normal keys do', async () => {
    const { queue, clock, started, end } = manual({ concurrency: 1, urgentWorkers: 0 });
    queue.add('x', 'urgent');
    expect(await queue.stepAside()).toBe(false);
    queue.add('n');
    queue.add('u', 'urgent');
    let wentOn: boolean | undefined;
    void queue.stepAside().then(hadToWait => {
      wentOn = hadToWait;
    });
    queue.add('x');
    expect(started).toEqual(['x', 'u']);
    await clock.advance(1);
    expect(wentOn).toBeUndefined();
    await end('u');
    expect([started, wentOn]).toEqual([['x', 'u'], true]);
    await end('x');
    expect(started).toEqual(['x', 'u', 'n']);
    await end('n');
    expect(started).toEqual(['x', 'u', 'n', 'x']);
  });

  test('keeps nobody aside for longer than five seconds, and nobody when the queue ends', async () => {
    const { queue, clock } = manual({ concurrency: 1, urgentWorkers: 0 });
    const wentOn: string[] = [];
    for (const key of ['x', 'u', 'v']) queue.add(key, 'urgent');
    void queue.stepAside().then(() => wentOn.push('x'));
    await clock.advance(4_999);
    expect(wentOn).toEqual([]);
    await clock.advance(1);
    expect(wentOn).toEqual(['x']);
    void queue.stepAside().then(() => wentOn.push('u'));
    void queue.drain(60_000);
    await clock.advance(0);
    expect(wentOn).toEqual(['x', 'u']);
  });

  test('goes first, and a waiting key can be moved to it', async () => {
    const { queue, started, end } = manual({ concurrency: 1, urgentWorkers: 0 });
    queue.add('x');
    for (const key of ['a', 'b', 'c']) queue.add(key);
    queue.add('u', 'urgent');
    queue.add('c', 'urgent');
    queue.add('c');
    for (const key of ['x', 'u', 'c', 'a', 'b']) await end(key);
    expect(started).toEqual(['x', 'u', 'c', 'a', 'b']);
  });

  test('has sixteen workers of its own when slow keys hold all others', async () => {
    const { queue, started, end } = manual({ concurrency: 16 });
    const slow = Array.from({ length: 16 }, (_, n) => `slow-${n}`);
    for (const key of [...slow, 'late']) queue.add(key);
    const urgent = Array.from({ length: 17 }, (_, n) => `u${n}`);
    for (const key of urgent) queue.add(key, 'urgent');
    expect(started).toEqual([...slow, ...urgent.slice(0, 16)]);
    await end('u2');
    expect(started.at(-1)).toBe('u16');
    for (const key of urgent) if (key !== 'u2') await end(key);
    expect(started).not.toContain('late');
    await end('slow-0');
    expect(started.at(-1)).toBe('late');
  });

  test('is kept by an urgent key that failed, so that its next try waits for nobody either', async () => {
    const { queue, clock, started, end } = manual({ concurrency: 1 });
    queue.add('slow');
    queue.add('u', 'urgent');
    await end('u', { outcome: 'backoff', cause: 'conflict' });
    await clock.advance(1);
    expect(started).toEqual(['slow', 'u', 'u']);
    await end('u');
    queue.add('u');
    expect(started).toEqual(['slow', 'u', 'u']);
  });

  test('is kept by an urgent key that came too soon', async () => {
    const { queue, clock, started, end } = manual({ concurrency: 1, urgentWorkers: 0 });
    queue.start();
    queue.add('u', 'urgent');
    await end('u', { outcome: 'tooSoon', ms: 20 });
    for (const key of ['a', 'b']) queue.add(key);
    await clock.advance(20);
    await end('a');
    expect(started).toEqual(['u', 'a', 'u']);
  });

  test('is kept by a key added as urgent during its run', async () => {
    const { queue, started, end } = manual({ concurrency: 1 });
    queue.add('a');
    queue.add('b');
    queue.add('a', 'urgent');
    queue.add('a');
    await end('a');
    await end('a');
    await end('b');
    expect(started).toEqual(['a', 'a', 'b']);
  });
});

describe('later', () => {
  test('the earliest of several times counts, once', async () => {
    const { queue, clock, started, end } = manual();
    queue.addAfter('a', 500);
    queue.addAfter('a', 200);
    queue.addAfter('a', 900);
    await clock.advance(199);
    expect(started).toEqual([]);
    await clock.advance(1);
    await end('a');
    await clock.advance(5000);
    expect(started).toEqual(['a']);
  });

  test('a later but urgent time moves the key to the urgent lane and keeps the earlier time', async () => {
    const { queue, clock, end, reports } = manual();
    queue.addAfter('a', 100);
    queue.addAfter('a', 500, 'urgent');
    await clock.advance(100);
    await end('a');
    await clock.advance(1000);
    expect(reports.filter(report => report.kind === 'started')).toEqual([
      { kind: 'started', key: 'a', lane: 'urgent', waitedMs: 0 },
    ]);
  });

  test('a wake-up is not an error', async () => {
    const { queue, clock, started, end, reports } = manual();
    queue.add('a');
    await end('a', { outcome: 'wakeAfter', ms: 1000 });
    expect(queue.failures('a')).toBe(0);
    await clock.advance(1000);
    expect(started).toEqual(['a', 'a']);
    expect(reports.filter(report => report.kind === 'retry')).toEqual([]);
  });
});

describe('errors', () => {
  test('back off 1 ms times two to the n, up to 10 s, and start over after a success', async () => {
    let fail = true;
    const delays: number[] = [];
    const clock = new FakeClock();
    const queue = new WorkQueue({
      concurrency: 1,
      clock,
      random: () => 1,
      observe: report => report.kind === 'retry' && delays.push(report.delayMs),
      handler: () => (fail ? Promise.reject(new Error('no')) : Promise.resolve(DONE)),
    });
    queue.start();
    queue.add('a');
    await clock.advance(60_000);
    expect(delays.slice(0, 5)).toEqual([1, 2, 4, 8, 16]);
    expect(Math.max(...delays)).toBe(10_000);
    expect(delays.length).toBeLessThan(22);
    fail = false;
    await clock.advance(10_000);
    expect(queue.failures('a')).toBe(0);
    fail = true;
    delays.length = 0;
    queue.add('a');
    await clock.advance(3);
    expect(delays).toEqual([1, 2, 4]);
  });

  test('of one key do not slow down another, and jitter spreads them', async () => {
    const { queue, clock, started, end } = manual({ random: () => 0 });
    queue.add('a');
    await end('a', { outcome: 'backoff', cause: 'x', atLeastMs: 30_000 });
    queue.add('b');
    await end('b', { outcome: 'backoff', cause: 'x' });
    await clock.advance(0.5);
    expect(started).toEqual(['a', 'b', 'b']);
    await clock.advance(30_000);
    expect(started.filter(key => key === 'a')).toHaveLength(2);
  });

  test('of a handler that throws before its first await are caught', async () => {
    const clock = new FakeClock();
    const queue = new WorkQueue({
      concurrency: 1,
      clock,
      handler: () => {
        throw new Error('bug');
      },
    });
    queue.start();
    queue.add('a');
    await clock.advance(1);
    expect(queue.failures('a')).toBeGreaterThan(0);
  });
});

describe('a drain', () => {
  test('lets runs finish and starts nothing new', async () => {
    const { queue, clock, started, end } = manual({ concurrency: 1 });
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    const drained = queue.drain(30_000);
    queue.add('d');
    await clock.advance(100);
    await end('a', { outcome: 'wakeAfter', ms: 1 });
    expect(await drained).toBe(true);
    await clock.advance(1000);
    expect(started).toEqual(['a']);
    expect(queue.depth()).toEqual({ urgent: 0, normal: 0, running: 0, delayed: 0 });
  });

  test('that runs out of time says so and fires the signal', async () => {
    const clock = new FakeClock();
    let aborted = false;
    const queue = new WorkQueue({
      concurrency: 1,
      clock,
      handler: (_key, signal) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            aborted = true;
          });
        }),
    });
    queue.start();
    queue.add('a');
    const drained = queue.drain(100);
    await clock.advance(100);
    expect(await drained).toBe(false);
    expect(aborted).toBe(true);
  });
});

test('metrics hooks report waiting, running and retries', async () => {
  const { queue, clock, end, reports } = manual({ concurrency: 1 });
  queue.add('x');
  queue.add('a');
  await clock.advance(50);
  await end('x');
  await clock.advance(20);
  await end('a', { outcome: 'backoff', cause: 'why' });
  expect(reports).toContainEqual({ kind: 'started', key: 'a', lane: 'normal', waitedMs: 50 });
  expect(reports).toContainEqual({ kind: 'finished', key: 'a', tookMs: 20 });
  expect(reports).toContainEqual({ kind: 'retry', key: 'a', failures: 1, delayMs: 1, cause: 'why' });
});

test('what was added before the start has waited since the start', async () => {
  const clock = new FakeClock();
  const waited: number[] = [];
  const queue = new WorkQueue({
    handler: async () => DONE,
    concurrency: 2,
    clock,
    observe: report => {
      if (report.kind === 'started') waited.push(report.waitedMs);
    },
  });
  queue.add('a');
  queue.add('b', 'urgent');
  await clock.advance(3_600_000);
  queue.start();
  await clock.advance(0);
  expect(waited).toEqual([0, 0]);
});

test('under a random storm no wake-up is lost and no key runs twice at once', async () => {
  const running = new Set<string>();
  const seen = new Map<string, number>();
  const wanted = new Map<string, number>();
  const queue = new WorkQueue({
    concurrency: 4,
    baseDelayMs: 1,
    maxDelayMs: 2,
    handler: async key => {
      if (running.has(key)) throw new Error(`${key} runs twice`);
      running.add(key);
      const version = wanted.get(key) ?? 0;
      await new Promise(resolve => setTimeout(resolve, Math.random() * 2));
      running.delete(key);
      if (Math.random() < 0.2) throw new Error('transient');
      seen.set(key, version);
      return DONE;
    },
  });
  queue.start();
  for (let n = 0; n < 2000; n += 1) {
    const key = `k${n % 17}`;
    wanted.set(key, n);
    queue.add(key, Math.random() < 0.1 ? 'urgent' : 'normal');
    if (n % 50 === 0) await new Promise(resolve => setTimeout(resolve, 1));
  }
  const idle = () => Object.values(queue.depth()).every(count => count === 0);
  while (!idle()) await new Promise(resolve => setTimeout(resolve, 5));
  expect(seen).toEqual(wanted);
});

describe('while the server has asked to wait', () => {
  test('neither an older timer nor news makes a key run, urgent news does', async () => {
    const { queue, clock, started, end } = manual({ concurrency: 1 });
    queue.add('a');
    queue.addAfter('a', 900);
    await end('a', { outcome: 'backoff', cause: 'too many requests', atLeastMs: 3_000 });
    queue.add('a');
    await clock.advance(2_900);
    expect(started).toEqual(['a']);
    await clock.advance(200);
    expect(started).toEqual(['a', 'a']);
    await end('a', { outcome: 'backoff', cause: 'too many requests', atLeastMs: 3_000 });
    queue.add('a', 'urgent');
    expect(started).toEqual(['a', 'a', 'a']);
    await end('a');
    queue.add('a');
    expect(started).toHaveLength(4);
  });
});
