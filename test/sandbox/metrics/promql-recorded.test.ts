import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { instantData } from '../../../src/sandbox/metrics/prometheus-json.ts';
import { QueryEngine } from '../../../src/sandbox/metrics/query-engine.ts';
import { recordedSeries } from './recorded-series.ts';

interface Answer {
  readonly query: string;
  readonly at: number;
  readonly errorType?: string;
  readonly resultType?: string;
  readonly result?: unknown;
}

interface Row {
  readonly metric: Record<string, string>;
  readonly value?: [number, string];
  readonly values?: [number, string][];
}

const text = readFileSync(new URL('./prometheus-answers.jsonl', import.meta.url), 'utf8');
const answers = text
  .trim()
  .split('\n')
  .map(line => JSON.parse(line) as Answer);
const engine = new QueryEngine(recordedSeries());

/** Values as numbers, rows in the order of their labels: what two right evaluators agree on. */
function comparable(resultType: string | undefined, result: unknown): unknown {
  if (resultType === 'scalar') return number((result as [number, string])[1]);
  if (resultType === 'string') return (result as [number, string])[1];
  const rows = (result as Row[]).map(({ metric, value, values }) => ({
    metric: JSON.stringify(Object.entries(metric).sort()),
    values: (values ?? (value ? [value] : [])).map(([at, one]) => [at, number(one)]),
  }));
  return rows.sort((a, b) => a.metric.localeCompare(b.metric));
}

/** To 9 digits; sums may run in another order. */
function number(value: string): string {
  const parsed =
    value === '+Inf' ? Number.POSITIVE_INFINITY : value === '-Inf' ? Number.NEGATIVE_INFINITY : Number(value);
  return (Math.abs(parsed) < 1e-12 ? 0 : parsed).toPrecision(9);
}

describe('the evaluator answers as Prometheus did', () => {
  test.each(answers)('$query at $at', ({ query, at, errorType, resultType, result }) => {
    const outcome = engine.instant(query, at * 1000);
    if (!outcome.ok) {
      expect(outcome.errorType, outcome.message).toBe(errorType);
      return;
    }
    const data = instantData(outcome.value, at * 1000);
    expect(data.resultType).toBe(resultType);
    expect(comparable(data.resultType, data.result)).toEqual(comparable(resultType, result));
  });
});
