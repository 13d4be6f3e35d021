type Test = (character: string) => boolean;

const within = (ranges: string): Test => {
  const pairs = ranges.match(/.{2}/gs) ?? [];
  return character => pairs.some(([low = '', high = '']) => character >= low && character <= high);
};

const DIGIT = within('09');
const WORD = within('09AZaz__');
const SPACE = within('\t\t\n\n\f\f\r\r  ');
const not =
  (test: Test): Test =>
  character =>
    !test(character);

const ESCAPED: Readonly<Record<string, Test>> = {
  d: DIGIT,
  D: not(DIGIT),
  w: WORD,
  W: not(WORD),
  s: SPACE,
  S: not(SPACE),
};
const NAMED: Readonly<Record<string, Test>> = {
  alnum: within('09AZaz'),
  alpha: within('AZaz'),
  digit: DIGIT,
  lower: within('az'),
  upper: within('AZ'),
  space: within('\t\r  '),
  word: WORD,
  xdigit: within('09AFaf'),
  punct: within('!/:@[`{~'),
};
const CONTROL: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f', v: '\v', a: '\x07' };

/** The class of `\d`, `\W` and the like; undefined when the character is no class. */
export function escapedClass(character: string): Test | undefined {
  return Object.hasOwn(ESCAPED, character) ? ESCAPED[character] : undefined;
}

/** The character that an escape such as `\.` or `\n` stands for. @throws SyntaxError for other letters and digits */
export function escapedLiteral(character: string): string {
  const control = Object.hasOwn(CONTROL, character) ? CONTROL[character] : undefined;
  if (control !== undefined) return control;
  if (/[A-Za-z0-9]/.test(character)) throw new SyntaxError(`\\${character} is not supported`);
  return character;
}

/** Reads a class after its `[`. @returns its test and how many characters it took, `]` included. @throws SyntaxError */
export function characterClass(characters: readonly string[]): { matches: Test; length: number } {
  const tests: Test[] = [];
  let at = characters[0] === '^' ? 1 : 0;
  const negated = at === 1;
  const first = at;
  while (characters[at] !== ']' || at === first) {
    if (at >= characters.length) throw new SyntaxError('missing closing ]');
    const named = /^\[:(\^?)([a-z]+):\]/.exec(characters.slice(at, at + 12).join(''));
    if (named) {
      const test = Object.hasOwn(NAMED, named[2] ?? '') ? NAMED[named[2] ?? ''] : undefined;
      if (!test) throw new SyntaxError(`no class ${named[0]}`);
      tests.push(named[1] ? not(test) : test);
      at += named[0].length;
      continue;
    }
    const escaped = characters[at] === '\\' ? escapedClass(characters[at + 1] ?? '') : undefined;
    if (escaped) {
      tests.push(escaped);
      at += 2;
      continue;
    }
    const low = single(characters, at);
    at += low.length;
    if (characters[at] !== '-' || characters[at + 1] === ']' || characters[at + 1] === undefined) {
      tests.push(character => character === low.character);
      continue;
    }
    const high = single(characters, at + 1);
    at += 1 + high.length;
    if (high.character < low.character) throw new SyntaxError(`bad range ${low.character}-${high.character}`);
    tests.push(character => character >= low.character && character <= high.character);
  }
  const any: Test = character => tests.some(test => test(character));
  return { matches: negated ? not(any) : any, length: at + 1 };
}

function single(characters: readonly string[], at: number): { character: string; length: number } {
  const character = characters[at] ?? '';
  if (character !== '\\') return { character, length: 1 };
  return { character: escapedLiteral(characters[at + 1] ?? ''), length: 2 };
}
