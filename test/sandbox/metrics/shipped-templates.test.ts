import { readdirSync, readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { labelsOf } from '../../../src/sandbox/metrics/labels.ts';
import { QueryEngine } from '../../../src/sandbox/metrics/query-engine.ts';
import { TimeSeriesStore } from '../../../src/sandbox/metrics/time-series-store.ts';

interface Template {
  readonly spec: {
    readonly args?: readonly { readonly name: string; readonly value?: string }[];
    readonly metrics: readonly { readonly provider?: { readonly prometheus?: { readonly query: string } } }[];
  };
}

const FOLDER = new URL('../../../analysis-templates/', import.meta.url);
const FILES = readdirSync(FOLDER).filter(file => file.endsWith('.yaml') && file !== 'kustomization.yaml');
const NOW = 2_000_000;

function queriesOf(file: string): string[] {
  const { spec } = load(readFileSync(new URL(file, FOLDER), 'utf8')) as Template;
  const args = new Map((spec.args ?? []).map(({ name, value }) => [name, value ?? 'x']));
  for (const [name, value] of [
    ['namespace', 'shop'],
    ['canary-replicaset', 'web-b'],
    ['stable-replicaset', 'web-a'],
  ] as const) {
    args.set(name, value);
  }
  return spec.metrics.flatMap(({ provider }) => {
    const query = provider?.prometheus?.query;
    return query === undefined
      ? []
      : [query.replace(/\{\{\s*args\.([\w-]+)\s*\}\}/g, (_, name: string) => args.get(name) ?? 'x')];
  });
}

/** A canary pod that answers 90 good and 10 bad requests a scrape, half of them within 100 ms and all within 250 ms; and a stable one. */
function traffic(withErrors: boolean): TimeSeriesStore {
  const store = new TimeSeriesStore();
  const add = (pod: string, name: string, labels: Record<string, string>, t: number, value: number) =>
    store.append(labelsOf(Object.entries({ __name__: name, namespace: 'shop', pod, ...labels })), t, value);
  for (let n = 0; n <= 120; n += 1) {
    const t = NOW - (120 - n) * 1000;
    for (const pod of ['web-a-aaaaa', 'web-b-bbbbb']) {
      const bad = pod === 'web-b-bbbbb' && withErrors ? 10 : 0;
      add(pod, 'http_requests_total', { code: '200' }, t, n * (100 - bad));
      if (bad > 0) add(pod, 'http_requests_total', { code: '500' }, t, n * bad);
      for (const [le, share] of [
        ['0.1', 50],
        ['0.25', 100],
        ['+Inf', 100],
      ] as const) {
        add(pod, 'http_request_duration_seconds_bucket', { le }, t, n * share);
      }
    }
  }
  return store;
}

function number(store: TimeSeriesStore, file: string): number | undefined {
  const outcome = new QueryEngine(store).instant(queriesOf(file)[0] ?? '', NOW);
  if (!outcome.ok || outcome.value.type !== 'vector') throw new Error(JSON.stringify(outcome));
  return outcome.value.elements[0]?.value;
}

describe('the queries of the analysis templates that ship with the project', () => {
  test.each(FILES)('%s is inside the subset', file => {
    for (const query of queriesOf(file)) {
      expect(new QueryEngine(new TimeSeriesStore()).instant(query, NOW), query).toMatchObject({ ok: true });
    }
  });

  test.each([
    ['success-rate.yaml', true, 0.9],
    ['success-rate.yaml', false, 1],
    ['error-rate.yaml', true, 0.1],
    ['error-rate.yaml', false, 0],
    ['latency-p95.yaml', true, 0.1 + 0.15 * 0.9],
    ['latency-p99.yaml', true, 0.1 + 0.15 * 0.98],
  ])('%s, canary with errors: %s, gives %f', (file, withErrors, wanted) => {
    expect(number(traffic(withErrors), file)).toBeCloseTo(wanted, 9);
  });

  test('without any series a rate is nothing, which is no data', () => {
    expect(number(new TimeSeriesStore(), 'success-rate.yaml')).toBeUndefined();
  });
});
