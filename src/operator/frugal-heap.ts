import { getHeapStatistics, setFlagsFromString } from 'node:v8';
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
  /** For tests: bytes of heap now. */
  readonly heapBytes?: () => number;
  /** For tests: gives back everything that can be given back. */
  readonly collect?: () => void;
}

const CHECK_MS = 5_000;
const IDLE_MS = 10_000;
const MIN_SPACING_MS = 30_000;
/** Not worth a pause below this growth since the last collection, in bytes and as a share. */
const MIN_GROWTH_BYTES = 3 << 20;
const MIN_GROWTH_SHARE = 0.1;

/**
 * Collects all garbage after work has ended, and returns the pages to the system: V8 itself does so only while something is
 * being allocated. A collection stops the process for about 15 ms, 150 ms with 5000 Rollouts; it never runs while passes or
 * measurements do. @returns a function that ends it
 */
export function collectWhenIdle(options: IdleCollectorOptions): () => void {
  const { clock, lastWorkAt } = options;
  const heapBytes = options.heapBytes ?? committedBytes;
  const collect = options.collect ?? collector();
  let floor = 0;
  let collectedAt = Number.NEGATIVE_INFINITY;
  let timer: TimerHandle;
  const check = () => {
    const now = clock.monotonic();
    const rested = now - lastWorkAt() >= IDLE_MS && now - collectedAt >= MIN_SPACING_MS;
    if (rested && heapBytes() - floor >= Math.max(MIN_GROWTH_BYTES, floor * MIN_GROWTH_SHARE)) {
      collect();
      floor = heapBytes();
      collectedAt = now;
    }
    timer = clock.setTimeout(check, CHECK_MS);
  };
  timer = clock.setTimeout(check, CHECK_MS);
  return () => clock.clearTimeout(timer);
}

function committedBytes(): number {
  const { total_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

/** Node shows its collector only to a context that is made while the flag is set. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof gc !== 'function') return () => undefined;
  return () => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
