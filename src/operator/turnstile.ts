/** Lets a few pieces of work through at once. Who is urgent goes before those who came first. */
export class Turnstile {
  #free: number;
  readonly #urgent: (() => void)[] = [];
  readonly #others: (() => void)[] = [];

  /** @param width how many at once */
  constructor(width: number) {
    this.#free = width;
  }

  /** Runs `work` when it is its turn. @throws what `work` throws */
  async run<T>(urgent: boolean, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>(resolve => (urgent ? this.#urgent : this.#others).push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#urgent.shift() ?? this.#others.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
