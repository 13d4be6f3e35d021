import type { TracedEvent } from './trace.ts';

/** Which event of which watch is held back. */
export interface HiddenEvent {
  readonly when: (event: TracedEvent) => boolean;
  /** The n-th that fits, counted from 1. Default 1. */
  readonly nth?: number;
  /** Told late, alone, when no later event of the object has come by then; milliseconds. Default 3 s. */
  readonly longestMs?: number;
}

/** What became of a hidden event. */
export interface Hiding {
  /** `waiting` for the event, `held`, `hidden` for good because a later state was told instead, or told `late`. */
  readonly state: 'waiting' | 'held' | 'hidden' | 'late';
}

interface Held {
  readonly event: TracedEvent;
  readonly line: string;
  readonly write: (line: string) => void;
  readonly timer: NodeJS.Timeout;
}

/** Holds one event back until a later one of the same object takes its place: the watcher sees only the last state. */
export class EventHider implements Hiding {
  state: Hiding['state'] = 'waiting';
  readonly #rule: HiddenEvent;
  #seen = 0;
  #held: Held | undefined;

  constructor(rule: HiddenEvent) {
    this.#rule = rule;
  }

  /** Takes a line on its way to the watcher and returns what to tell instead; undefined: nothing now. */
  pass(event: TracedEvent, line: string, write: (line: string) => void): string | undefined {
    if (this.#held && isSame(this.#held.event, event)) return this.#replace(this.#held, event, line);
    if (this.state !== 'waiting' || event.type === 'DELETED' || !this.#rule.when(event)) return line;
    this.#seen += 1;
    if (this.#seen < (this.#rule.nth ?? 1)) return line;
    this.state = 'held';
    const timer = setTimeout(() => this.release(), this.#rule.longestMs ?? 3_000);
    this.#held = { event, line, write, timer };
    return undefined;
  }

  /** Tells what is held back. */
  release(): void {
    const held = this.#held;
    if (!held) return;
    clearTimeout(held.timer);
    this.#held = undefined;
    this.state = 'late';
    held.event.fate = 'late';
    held.write(held.line);
  }

  #replace(held: Held, event: TracedEvent, line: string): string | undefined {
    clearTimeout(held.timer);
    this.#held = undefined;
    this.state = 'hidden';
    held.event.fate = 'hidden';
    if (held.event.type !== 'ADDED') return line;
    // Of what came and went unseen a new list says nothing.
    if (event.type === 'DELETED') return undefined;
    return JSON.stringify({ ...(JSON.parse(line) as object), type: 'ADDED' });
  }
}

function isSame(a: TracedEvent, b: TracedEvent): boolean {
  const [one, other] = [a.object.metadata, b.object.metadata];
  return a.plural === b.plural && one.namespace === other.namespace && one.name === other.name;
}
