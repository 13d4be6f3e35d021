import type { Instruction, Regex } from './regex-program.ts';
import { compileRegex } from './regex-program.ts';

/** Where a match and its groups lie: pairs of start and end, -1 for a group that took no part. */
export type Capture = readonly number[];

interface Thread {
  readonly pc: number;
  readonly saved: Capture;
}

/**
 * Regular expressions as Prometheus has them (RE2 syntax, always anchored at both ends, `.` matches a newline), run in time linear in the
 * text by a Pike machine: patterns come from templates, and JavaScript's own engine can be made to run for ever.
 */
export class LinearRegex {
  readonly #regex: Regex;

  /** @throws SyntaxError for what is not RE2, or not known here */
  constructor(source: string) {
    this.#regex = compileRegex(source);
  }

  /** Whether the whole text matches. */
  test(text: string): boolean {
    return this.match(text) !== undefined;
  }

  /** The groups of a match of the whole text, or undefined. */
  match(text: string): Capture | undefined {
    const { program, groups } = this.#regex;
    const characters = [...text];
    let threads = this.#follow([{ pc: 0, saved: new Array((groups + 1) * 2).fill(-1) }], 0, characters);
    for (const [at, character] of characters.entries()) {
      const next: Thread[] = [];
      for (const { pc, saved } of threads) {
        const instruction = program[pc];
        if (instruction?.op === 'char' && instruction.matches(character)) next.push({ pc: pc + 1, saved });
      }
      if (next.length === 0) return undefined;
      threads = this.#follow(next, at + 1, characters);
    }
    return threads.find(({ pc }) => program[pc]?.op === 'match')?.saved;
  }

  /** The text of every group, undefined for one that took no part; the first is the whole match. */
  groups(text: string): readonly (string | undefined)[] | undefined {
    const saved = this.match(text);
    if (!saved) return undefined;
    const characters = [...text];
    return Array.from({ length: this.#regex.groups + 1 }, (_, group) => {
      if (group === 0) return text;
      const [start = -1, end = -1] = saved.slice(group * 2, group * 2 + 2);
      return start < 0 || end < 0 ? undefined : characters.slice(start, end).join('');
    });
  }

  /** Number of a named group, or undefined. */
  groupNumber(name: string): number | undefined {
    return this.#regex.names.get(name);
  }

  /** Follows jumps until every thread waits for a character; the first thread to reach a place keeps it (leftmost-first). */
  #follow(from: readonly Thread[], at: number, characters: readonly string[]): Thread[] {
    const { program } = this.#regex;
    const seen = new Set<number>();
    const threads: Thread[] = [];
    const stack = [...from].reverse();
    for (let thread = stack.pop(); thread; thread = stack.pop()) {
      const { pc, saved } = thread;
      if (seen.has(pc)) continue;
      seen.add(pc);
      const instruction = program[pc] as Instruction;
      switch (instruction.op) {
        case 'jump':
          stack.push({ pc: instruction.to, saved });
          break;
        case 'split':
          stack.push({ pc: instruction.second, saved }, { pc: instruction.first, saved });
          break;
        case 'save':
          stack.push({ pc: pc + 1, saved: saved.with(instruction.slot, at) });
          break;
        case 'assert':
          if (instruction.where === 'start' ? at === 0 : at === characters.length) stack.push({ pc: pc + 1, saved });
          break;
        default:
          threads.push(thread);
      }
    }
    return threads;
  }
}
