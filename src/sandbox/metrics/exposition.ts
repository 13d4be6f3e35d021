import { METRIC_NAME } from './labels.ts';

/** One line of an exposition. */
export interface ExposedSample {
  /** The metric name is among them. */
  readonly labels: readonly (readonly [string, string])[];
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)\s*(\{.*\})?\s+(\S+)(?:\s+-?\d+)?\s*$/;
const LABEL = /\s*([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|(?=\}))/y;

/**
 * Parses the Prometheus text format 0.0.4. Comments are skipped, and timestamps too: what is scraped here is from now.
 * @returns undefined when a line is malformed: then Prometheus takes nothing of the scrape either
 */
export function parseExposition(text: string): ExposedSample[] | undefined {
  const samples: ExposedSample[] = [];
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, name, braces, number] = LINE.exec(line) ?? [];
    const labels = parseLabels(braces ?? '{}');
    const value = number === undefined ? undefined : parseValue(number);
    if (name === undefined || labels === undefined || value === undefined) return undefined;
    samples.push({ labels: [[METRIC_NAME, name], ...labels], value });
  }
  return samples;
}

function parseLabels(braces: string): [string, string][] | undefined {
  const labels: [string, string][] = [];
  LABEL.lastIndex = 1;
  while (braces[LABEL.lastIndex] !== '}') {
    const before = LABEL.lastIndex;
    const [, name, value] = LABEL.exec(braces) ?? [];
    if (name === undefined || value === undefined) return /^\s*\}$/.test(braces.slice(before)) ? labels : undefined;
    labels.push([name, value.replace(/\\(.)/g, (_whole, escaped: string) => (escaped === 'n' ? '\n' : escaped))]);
  }
  return labels;
}

function parseValue(text: string): number | undefined {
  if (/^[+-]?inf$/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^nan$/i.test(text)) return Number.NaN;
  const value = Number(text);
  return Number.isNaN(value) ? undefined : value;
}
