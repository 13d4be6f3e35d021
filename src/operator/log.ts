/** Severity of a log line. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Structured fields of one line. Never put credentials, headers or bodies here. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const ORDER: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const SECRET_KEY = /pass(word)?|secret|token|authorization|credential|cookie|api.?key|signature|webhook/i;
const SECRET_TEXT = /(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}|(https?:\/\/)[^/?#\s"]+@/gi;

/** One JSON object per line. Fields whose name sounds like a secret, and credentials inside texts, are blanked out. */
export function createLog(level: LogLevel, write: (line: string) => void = line => process.stdout.write(line)): Log {
  const emit =
    (at: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (ORDER.indexOf(at) < ORDER.indexOf(level)) return;
      write(
        `${JSON.stringify({ ...redact(fields, 0), time: new Date().toISOString(), level: at, message: redactText(message) })}\n`,
      );
    };
  return { debug: emit('debug'), info: emit('info'), warn: emit('warn'), error: emit('error') };
}

function redact(fields: object, depth: number): Record<string, unknown> {
  const clean: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields))
    clean[key] = SECRET_KEY.test(key) ? '[redacted]' : redactValue(value, depth);
  return clean;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value).slice(0, 2000);
  if (value instanceof Error) return redactText(value.message).slice(0, 2000);
  if (Array.isArray(value)) return depth > 3 ? '[…]' : value.slice(0, 50).map(item => redactValue(item, depth + 1));
  if (typeof value === 'object' && value !== null) return depth > 3 ? '[…]' : redact(value, depth + 1);
  return value;
}

function redactText(text: string): string {
  return text.replace(
    SECRET_TEXT,
    (_all, scheme?: string, url?: string) => `${scheme ? `${scheme} ` : (url ?? '')}[redacted]${url ? '@' : ''}`,
  );
}

/** Whether a failure is told, when it is the n-th in a row: at once and then ever less often, since it may go on for hours. */
export function isTold(failures: number): boolean {
  return Number.isInteger(Math.log2(failures));
}
