/** A repeat within this time may wait together with the first, and then arrives with it: one event whose count is 2. */
const TOGETHER_MS = 10_000;

/** Counts the events that an operator says it told, by its log: one line with a reason each. */
export class ToldEvents {
  /** By `namespace/name`. */
  readonly byRollout = new Map<string, number>();
  readonly #last = new Map<string, number>();

  /** Takes in a line. A runtime that dies writes lines that are no JSON. */
  read(line: string): void {
    if (!line.startsWith('{')) return;
    const { time, message, reason, rollout } = JSON.parse(line) as Partial<Record<string, string>>;
    if (time === undefined || reason === undefined || rollout === undefined) return;
    const what = `${rollout} ${reason} ${message}`;
    const at = Date.parse(time);
    const isRepeat = at - (this.#last.get(what) ?? Number.NEGATIVE_INFINITY) < TOGETHER_MS;
    this.#last.set(what, at);
    if (!isRepeat) this.byRollout.set(rollout, (this.byRollout.get(rollout) ?? 0) + 1);
  }
}
