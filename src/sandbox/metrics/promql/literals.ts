import { PromqlFailure } from './promql-failure.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

/** Milliseconds of a PromQL duration (`1h30m`) or of a number of seconds; undefined when it is neither. */
export function promDurationMs(text: string): number | undefined {
  if (/^(\d+(ms|[smhdwy]))+$/.test(text)) {
    return [...text.matchAll(/(\d+)(ms|[smhdwy])/g)].reduce(
      (sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MS[unit ?? ''] ?? 0),
      0,
    );
  }
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  return Number.isNaN(seconds) ? undefined : seconds * 1000;
}

/** The value of a number literal: decimal, hexadecimal, Inf, NaN, or a duration in seconds. @throws PromqlFailure */
export function promNumber(text: string): number {
  const unsigned = text.replace(/^[+-]/, '').replace(/_/g, '');
  const sign = text.startsWith('-') ? -1 : 1;
  if (/^inf$/i.test(unsigned)) return sign * Number.POSITIVE_INFINITY;
  if (/^nan$/i.test(unsigned)) return Number.NaN;
  const value = Number(unsigned);
  if (!Number.isNaN(value)) return sign * value;
  const ms = promDurationMs(unsigned);
  if (ms === undefined) throw new PromqlFailure('bad_data', `bad number or duration syntax: "${text}"`);
  return (sign * ms) / 1000;
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
};

/** The text of a string literal in Go's syntax: double, single or back quotes. @throws PromqlFailure */
export function promString(literal: string): string {
  const quote = literal[0] ?? '';
  if (literal.length < 2 || !literal.endsWith(quote)) throw new PromqlFailure('bad_data', 'unterminated quoted string');
  const inner = literal.slice(1, -1);
  if (quote === '`') return inner;
  return inner.replace(
    /\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)/gs,
    (_whole, sequence: string) => {
      const plain = ESCAPES[sequence];
      if (plain !== undefined) return plain;
      if (/^[xuU]/.test(sequence) && sequence.length > 1)
        return String.fromCodePoint(Number.parseInt(sequence.slice(1), 16));
      if (/^[0-7]{3}$/.test(sequence)) return String.fromCodePoint(Number.parseInt(sequence, 8));
      throw new PromqlFailure('bad_data', `unknown escape sequence "\\${sequence}" in a string`);
    },
  );
}
