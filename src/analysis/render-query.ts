/** A query with its arguments filled in, or why it cannot be. */
export type RenderedQuery =
  | { readonly ok: true; readonly query: string }
  | { readonly ok: false; readonly code: RenderErrorCode; readonly message: string };

/** Why a query cannot be rendered. */
export type RenderErrorCode = 'ArgumentMissing' | 'ArgumentUnsafe' | 'PlaceholderInvalid' | 'QueryTooLong';

const MAX_QUERY_LENGTH = 16_384;
const NAME = /^args\.([A-Za-z0-9_][A-Za-z0-9_.-]{0,62})$/;
/** Outside quotes: a number, a duration, or a metric or label name. No operator fits in, so no value is an expression. */
const BARE =
  /^(?:-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|(?:[0-9]+(?:ms|[smhdwy]))+|[A-Za-z_][A-Za-z0-9_]*(?::[A-Za-z0-9_]+)*)$/;
/** Names that are syntax. */
const KEYWORDS: ReadonlySet<string> = new Set(
  'and or unless atan2 by without on ignoring group_left group_right bool offset start end'.split(' '),
);

type Quote = '"' | "'" | '`';

/** Where in PromQL the scanner is. */
interface Scanner {
  quote: Quote | undefined;
  comment: boolean;
}

/**
 * Replaces `{{args.name}}` in PromQL so that an argument can only ever be a value, never syntax:
 * - inside "..." or '...' the value is escaped (backslash, quotes); on the right side of =~ it is a regular
 *   expression, as in Argo Rollouts;
 * - inside `...`, which knows no escapes, backquotes are refused;
 * - elsewhere only names, numbers and durations are allowed.
 * Control characters, newlines among them, are refused everywhere.
 */
export function renderQuery(template: string, args: ReadonlyMap<string, string>): RenderedQuery {
  const scanner: Scanner = { quote: undefined, comment: false };
  let out = '';
  let at = 0;
  while (at < template.length) {
    if (!template.startsWith('{{', at)) {
      const length = scanner.quote !== undefined && scanner.quote !== '`' && template[at] === '\\' ? 2 : 1;
      if (length === 1) step(scanner, template, at);
      out += template.slice(at, at + length);
      at += length;
      continue;
    }
    const end = template.indexOf('}}', at);
    const inner = end < 0 ? '' : template.slice(at + 2, end).trim();
    const name = NAME.exec(inner)?.[1];
    if (name === undefined)
      return refuse('PlaceholderInvalid', `"${template.slice(at, at + 40)}" is no argument; write {{args.name}}`);
    const value = args.get(name);
    if (value === undefined)
      return refuse('ArgumentMissing', `argument "${name}" has no value; give it in the Rollout`);
    const safe = escapeFor(scanner, value);
    if (safe === undefined) return refuse('ArgumentUnsafe', unsafeText(name, scanner));
    out += safe;
    at = end + 2;
    if (out.length > MAX_QUERY_LENGTH) break;
  }
  if (out.length > MAX_QUERY_LENGTH)
    return refuse('QueryTooLong', `the query is longer than ${MAX_QUERY_LENGTH} characters with its arguments`);
  return { ok: true, query: out };
}

/* Follows the scanner over one character of the template. */
function step(scanner: Scanner, template: string, at: number): void {
  const char = template[at];
  if (scanner.comment) {
    if (char === '\n') scanner.comment = false;
    return;
  }
  if (scanner.quote !== undefined) {
    if (char === scanner.quote) scanner.quote = undefined;
    return;
  }
  if (char === '#') scanner.comment = true;
  if (char !== '"' && char !== "'" && char !== '`') return;
  scanner.quote = char;
}

function escapeFor({ quote, comment }: Scanner, value: string): string | undefined {
  if (comment || [...value].some(isControl)) return undefined;
  if (quote === undefined) return BARE.test(value) && !KEYWORDS.has(value.toLowerCase()) ? value : undefined;
  if (quote === '`') return value.includes('`') ? undefined : value;
  return value.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`);
}

/* C0, DEL and C1, and the two line separators that look like nothing. */
function isControl(char: string): boolean {
  const code = char.codePointAt(0) ?? 0;
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0x2028 || code === 0x2029;
}

function unsafeText(name: string, { quote, comment }: Scanner): string {
  if (comment) return `argument "${name}" stands in a comment; take it out of the query's comment`;
  const where =
    quote === undefined
      ? 'outside quotes only names, numbers and durations are allowed'
      : 'control characters and backquotes are not allowed';
  return `the value of argument "${name}" cannot stand there: ${where}`;
}

function refuse(code: RenderErrorCode, message: string): RenderedQuery {
  return { ok: false, code, message };
}
