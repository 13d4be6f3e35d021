/** So many others are at it already; who came too early is woken when it is its turn. */
export class NotItsTurn extends Error {}

/** Work of which only so much may be under way at once. Who has to wait keeps no worker meanwhile. */
export class Turns {
  readonly #wake: (key: string) => void;
  readonly #waiting = new Set<string>();
  #free: number;

  /** @param wake told in the order in which they came; somebody else may be faster, and then it waits again */
  constructor(width: number, wake: (key: string) => void) {
    this.#free = width;
    this.#wake = wake;
  }

  /** @throws NotItsTurn when it has to wait */
  assertFree(key: string): void {
    if (this.#free > 0) return;
    this.#waiting.add(key);
    throw new NotItsTurn();
  }

  /** @throws NotItsTurn when it has to wait, and what `work` throws */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    this.assertFree(key);
    this.#waiting.delete(key);
    this.#free -= 1;
    try {
      return await work();
    } finally {
      this.#free += 1;
      this.#wakeNext();
    }
  }

  /** It wants no turn any more; one that it was woken for is another's. */
  leave(key: string): void {
    this.#waiting.delete(key);
    if (this.#free > 0) this.#wakeNext();
  }

  #wakeNext(): void {
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    this.#wake(next);
  }
}
