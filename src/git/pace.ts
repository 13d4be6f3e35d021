/** Nothing else waits longer than this for its turn. */
const TURN_MS = 20;

/** Work took longer than it may. */
export class TookTooLong extends Error {}

/** Long work in small pieces: an abort does not wait for somebody's repository, and no repository is read for ever. */
export class Pace {
  readonly #end: number;
  #turned = performance.now();

  constructor(maxMs: number) {
    this.#end = this.#turned + maxMs;
  }

  /** To be called between two pieces. @throws TookTooLong */
  async turn(): Promise<void> {
    const now = performance.now();
    if (now > this.#end) throw new TookTooLong();
    if (now - this.#turned < TURN_MS) return;
    await new Promise(resolve => setImmediate(resolve));
    this.#turned = performance.now();
  }
}
