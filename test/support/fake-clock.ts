import type { Clock, TimerHandle } from '../../src/kube/clock.ts';

interface FakeTimer {
  readonly at: number;
  readonly fn: () => void;
}

/** A clock that only moves when a test says so. Wall and monotonic time can be moved apart. */
export class FakeClock implements Clock {
  #monotonic = 0;
  #wallOffset: number;
  readonly #timers = new Set<FakeTimer>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#wallOffset = startMs;
  }

  now(): number {
    return this.#monotonic + this.#wallOffset;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  setTimeout(fn: () => void, ms: number): TimerHandle {
    const timer = { at: this.#monotonic + Math.max(0, ms), fn };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    this.#timers.delete(handle as FakeTimer);
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves only the wall clock, as an NTP step or a sleeping laptop would. */
  jumpWall(ms: number): void {
    this.#wallOffset += ms;
  }

  /** Moves time without running any timer: a frozen process or a blocked event loop. */
  freeze(ms: number): void {
    this.#monotonic += ms;
  }

  /** Moves time, fires what is due in order, and lets promises settle in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(timer => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.#monotonic = Math.max(this.#monotonic, due.at);
      due.fn();
      await settle();
    }
    this.#monotonic = Math.max(this.#monotonic, end);
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(resolve => setImmediate(resolve));
}
