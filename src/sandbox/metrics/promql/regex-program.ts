import type { RegexNode } from './regex-syntax.ts';
import { parseRegex } from './regex-syntax.ts';

/** One step of the machine that runs a regular expression. */
export type Instruction =
  | { readonly op: 'char'; readonly matches: (character: string) => boolean }
  | { readonly op: 'split'; readonly first: number; readonly second: number }
  | { readonly op: 'jump'; readonly to: number }
  | { readonly op: 'save'; readonly slot: number }
  | { readonly op: 'assert'; readonly where: 'start' | 'end' }
  | { readonly op: 'match' };

/** A compiled regular expression. */
export interface Regex {
  readonly program: readonly Instruction[];
  readonly groups: number;
  readonly names: ReadonlyMap<string, number>;
}

/** Nested counted repetitions multiply; a program may not grow beyond this. */
const LONGEST_PROGRAM = 20_000;

/** Compiles RE2 syntax. @throws SyntaxError */
export function compileRegex(source: string): Regex {
  const { root, groups, names } = parseRegex(source);
  const program: Instruction[] = [];
  emit(root, program);
  program.push({ op: 'match' });
  return { program, groups, names };
}

function emit(node: RegexNode, program: Instruction[]): void {
  if (program.length > LONGEST_PROGRAM) throw new SyntaxError('the regular expression is too large');
  switch (node.kind) {
    case 'char':
      program.push({ op: 'char', matches: node.matches });
      break;
    case 'assert':
      program.push({ op: 'assert', where: node.where });
      break;
    case 'sequence':
      for (const part of node.parts) emit(part, program);
      break;
    case 'group':
      program.push({ op: 'save', slot: node.number * 2 });
      emit(node.body, program);
      program.push({ op: 'save', slot: node.number * 2 + 1 });
      break;
    case 'choice':
      emitChoice(node.options, program);
      break;
    case 'repeat':
      emitRepeat(node, program);
  }
}

function emitChoice(options: readonly RegexNode[], program: Instruction[]): void {
  const ends: number[] = [];
  for (const [index, option] of options.entries()) {
    const at = program.length;
    const last = index === options.length - 1;
    if (!last) program.push({ op: 'jump', to: 0 });
    emit(option, program);
    if (last) break;
    ends.push(program.length);
    program.push({ op: 'jump', to: 0 });
    program[at] = { op: 'split', first: at + 1, second: program.length };
  }
  for (const end of ends) program[end] = { op: 'jump', to: program.length };
}

function emitRepeat(node: Extract<RegexNode, { kind: 'repeat' }>, program: Instruction[]): void {
  const { body, min, max, greedy } = node;
  const split = (inside: number, outside: number): Instruction =>
    greedy ? { op: 'split', first: inside, second: outside } : { op: 'split', first: outside, second: inside };
  for (let n = 0; n < min; n += 1) emit(body, program);
  if (max === Number.POSITIVE_INFINITY) {
    const at = program.length;
    program.push({ op: 'jump', to: 0 });
    emit(body, program);
    program.push({ op: 'jump', to: at });
    program[at] = split(at + 1, program.length);
    return;
  }
  const splits: number[] = [];
  for (let n = min; n < max; n += 1) {
    splits.push(program.length);
    program.push({ op: 'jump', to: 0 });
    emit(body, program);
  }
  for (const at of splits) program[at] = split(at + 1, program.length);
}
