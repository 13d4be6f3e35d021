import { characterClass, escapedClass, escapedLiteral } from './regex-class.ts';

/** A parsed regular expression. */
export type RegexNode =
  | { readonly kind: 'char'; readonly matches: (character: string) => boolean }
  | { readonly kind: 'assert'; readonly where: 'start' | 'end' }
  | { readonly kind: 'sequence'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly options: readonly RegexNode[] }
  | { readonly kind: 'group'; readonly number: number; readonly body: RegexNode }
  | {
      readonly kind: 'repeat';
      readonly body: RegexNode;
      readonly min: number;
      readonly max: number;
      readonly greedy: boolean;
    };

/** A parsed regular expression with its capture groups. */
export interface RegexSyntax {
  readonly root: RegexNode;
  readonly groups: number;
  readonly names: ReadonlyMap<string, number>;
}

const LONGEST_SOURCE = 2000;
const MOST_REPEATS = 1000;
const DEEPEST = 100;

/**
 * Parses RE2 syntax: literals, `.`, classes (`[a-z]`, `\d`, `\w`, `\s`, `[[:alpha:]]`), `* + ? {n,m}` and their lazy forms, `|`,
 * groups (also named and non-capturing), `^`, `$`, `(?i)` at the start. Word boundaries, Unicode classes and other flags are refused.
 * @throws SyntaxError
 */
export function parseRegex(source: string): RegexSyntax {
  if (source.length > LONGEST_SOURCE) throw new SyntaxError(`longer than ${LONGEST_SOURCE} characters`);
  return new Parser(source).parse();
}

class Parser {
  readonly #ignoreCase: boolean;
  readonly #characters: readonly string[];
  readonly #names = new Map<string, number>();
  #at = 0;
  #groups = 0;
  #depth = 0;

  constructor(source: string) {
    this.#ignoreCase = source.startsWith('(?i)');
    this.#characters = [...(this.#ignoreCase ? source.slice(4) : source)];
  }

  parse(): RegexSyntax {
    const root = this.#choice();
    if (this.#at < this.#characters.length) throw new SyntaxError('unexpected )');
    return { root, groups: this.#groups, names: this.#names };
  }

  #choice(): RegexNode {
    this.#depth += 1;
    if (this.#depth > DEEPEST) throw new SyntaxError('groups are nested too deeply');
    const options = [this.#sequence()];
    while (this.#take('|')) options.push(this.#sequence());
    this.#depth -= 1;
    return options.length === 1 && options[0] ? options[0] : { kind: 'choice', options };
  }

  #sequence(): RegexNode {
    const parts: RegexNode[] = [];
    while (this.#at < this.#characters.length && this.#peek() !== '|' && this.#peek() !== ')') {
      parts.push(this.#repeated(this.#atom()));
    }
    return { kind: 'sequence', parts };
  }

  #repeated(body: RegexNode): RegexNode {
    const bounds = this.#bounds();
    if (!bounds) return body;
    const [min, max] = bounds;
    if (min > MOST_REPEATS || (Number.isFinite(max) && max > MOST_REPEATS) || max < min) {
      throw new SyntaxError(`bad repetition {${min},${max}}`);
    }
    const greedy = !this.#take('?');
    if (['*', '+', '?'].includes(this.#peek() ?? '')) throw new SyntaxError('a repetition is repeated');
    return { kind: 'repeat', body, min, max, greedy };
  }

  #bounds(): readonly [number, number] | undefined {
    if (this.#take('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#take('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#take('?')) return [0, 1];
    if (this.#peek() !== '{') return undefined;
    const rest = this.#characters.slice(this.#at, this.#at + 12).join('');
    const counts = /^\{(\d+)(,(\d*))?\}/.exec(rest);
    if (!counts) return undefined;
    this.#at += counts[0].length;
    const min = Number(counts[1]);
    if (counts[2] === undefined) return [min, min];
    return [min, counts[3] ? Number(counts[3]) : Number.POSITIVE_INFINITY];
  }

  #atom(): RegexNode {
    const character = this.#next();
    switch (character) {
      case '(':
        return this.#group();
      case '[':
        return this.#class();
      case '.':
        return { kind: 'char', matches: () => true };
      case '^':
        return { kind: 'assert', where: 'start' };
      case '$':
        return { kind: 'assert', where: 'end' };
      case '*':
      case '+':
      case '?':
        throw new SyntaxError(`missing argument to repetition operator ${character}`);
      case '\\':
        return this.#escape();
      default:
        return this.#literal(character);
    }
  }

  #group(): RegexNode {
    let number: number | undefined;
    if (this.#take('?')) {
      if (this.#take('P')) number = this.#namedGroup();
      else if (this.#peek() === '<') number = this.#namedGroup();
      else if (!this.#take(':')) throw new SyntaxError(`(?${this.#peek() ?? ''} is not supported`);
    } else {
      this.#groups += 1;
      number = this.#groups;
    }
    const body = this.#choice();
    if (!this.#take(')')) throw new SyntaxError('missing closing )');
    return number === undefined ? body : { kind: 'group', number, body };
  }

  #namedGroup(): number {
    const rest = this.#characters.slice(this.#at).join('');
    const name = /^<([A-Za-z_]\w*)>/.exec(rest);
    if (!name?.[1] || this.#names.has(name[1])) throw new SyntaxError('bad or repeated group name');
    this.#at += name[0].length;
    this.#groups += 1;
    this.#names.set(name[1], this.#groups);
    return this.#groups;
  }

  #class(): RegexNode {
    const { matches, length } = characterClass(this.#characters.slice(this.#at));
    this.#at += length;
    return { kind: 'char', matches: this.#foldCase(matches) };
  }

  #escape(): RegexNode {
    const character = this.#next();
    if (character === 'A') return { kind: 'assert', where: 'start' };
    if (character === 'z') return { kind: 'assert', where: 'end' };
    const matches = escapedClass(character);
    if (matches) return { kind: 'char', matches };
    return this.#literal(escapedLiteral(character));
  }

  #literal(character: string): RegexNode {
    return { kind: 'char', matches: this.#foldCase(one => one === character) };
  }

  #foldCase(matches: (character: string) => boolean): (character: string) => boolean {
    if (!this.#ignoreCase) return matches;
    return character => matches(character) || matches(character.toLowerCase()) || matches(character.toUpperCase());
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at += 1;
    return true;
  }

  #next(): string {
    const character = this.#peek();
    if (character === undefined) throw new SyntaxError('the expression ends too early');
    this.#at += 1;
    return character;
  }
}
