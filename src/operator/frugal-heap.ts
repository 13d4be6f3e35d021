import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock, TimerHandle } from '../kube/clock.ts';

/**
 * V8 is tuned for throughput: it lets the young generation grow to 48 MB, keeps its last compiler and the code of it at hand,
 * and collects an old generation late. An operator waits most of its life and does little work in between, so it gives
 * these up:
 *
 * | flag                            | costs                                           | saves at 100 Rollouts |
 * | --semi-space-growth-factor=1    | more and shorter minor collections              | 15 MB                 |
 * | --no-opt (Turbofan)             | nothing measurable: a pass is I/O and JSON      | 13 MB                 |
 *
 * Maglev, the compiler before the last, stays: without it 7 MB less, and three times the delay of the slowest first write.
 *
 * To be called before anything else is loaded: what has grown does not shrink.
 */
export function limitHeap(): void {
  for (const flag of ['--semi-space-growth-factor=1', '--no-opt']) setFlagsFromString(flag);
}

/** Input of {@link collectWhenIdle}. */
export interface IdleCollectorOptions {
  readonly clock: Clock;
  /** {@link Clock.monotonic} of the last piece of work, in milliseconds. */
  readonly lastWorkAt: () => number;
  /** For tests: bytes of memory now. */
  readonly residentBytes?: () => number;
  /** For tests: gives back everything that can be given back. */
  readonly collect?: () => void;
}

const CHECK_MS = 5_000;
const IDLE_MS = 10_000;
const MIN_SPACING_MS = 30_000;
/** A large fleet may never rest for {@link IDLE_MS}: after so long the next short gap between two pieces of work will do. */
const LONGEST_UNREST_MS = 240_000;
const GAP_MS = 50;
const GAP_CHECK_MS = 100;
/** Not worth a pause below this growth since the last collection, in bytes and as a share. */
const MIN_GROWTH_BYTES = 3 << 20;
const MIN_GROWTH_SHARE = 0.1;

/**
 * Collects all garbage after work has ended, and returns the pages to the system: V8 itself does so only while something is
 * being allocated, and compacts little then. A collection stops the process for about 15 ms, 150 ms with 5000 Rollouts; it
 * waits for rest, and where there has been none for four minutes for a moment in which no pass and no measurement ended.
 * One that gave little back is done once more in the next such moment: when V8 was in the middle of a collection of its own it only
 * ended that one, which keeps all that became garbage since it began. What the second leaves is taken for in use.
 * @returns a function that ends it
 */
export function collectWhenIdle(options: IdleCollectorOptions): () => void {
  const { clock, lastWorkAt } = options;
  // Not the size of the heap: what V8 collects by itself stays with the process, and the heap looks small.
  const residentBytes = options.residentBytes ?? process.memoryUsage.rss;
  const collect = options.collect ?? collector();
  let floor = 0;
  let restedAt = clock.monotonic();
  let collectedAt = Number.NEGATIVE_INFINITY;
  let isSecond = false;
  let timer: TimerHandle;
  const check = () => {
    const now = clock.monotonic();
    const quietMs = now - lastWorkAt();
    if (quietMs >= IDLE_MS) restedAt = now;
    const before = residentBytes();
    const worthIt = Math.max(MIN_GROWTH_BYTES, floor * MIN_GROWTH_SHARE);
    const hasGrown = before - floor >= worthIt;
    const isOverdue = hasGrown && (isSecond || now - Math.max(restedAt, collectedAt) >= LONGEST_UNREST_MS);
    const hasRested = quietMs >= IDLE_MS && now - collectedAt >= MIN_SPACING_MS;
    const isDue = hasGrown && (hasRested || (isOverdue && quietMs >= GAP_MS));
    if (isDue) {
      collect();
      collectedAt = now;
      const left = residentBytes();
      const isFruitless = before - left < MIN_GROWTH_BYTES || (floor > 0 && left - floor >= worthIt);
      isSecond = isFruitless && !isSecond;
      if (!isSecond) floor = left;
    }
    timer = clock.setTimeout(check, isOverdue && !isDue ? GAP_CHECK_MS : CHECK_MS);
  };
  timer = clock.setTimeout(check, CHECK_MS);
  return () => clock.clearTimeout(timer);
}

/** Node shows its collector only to a context that is made while the flag is set. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof gc !== 'function') return () => undefined;
  return () => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
