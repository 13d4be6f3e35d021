import { readFileSync } from 'node:fs';
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { judge } from '../../src/analysis/judge.ts';
import { renderQuery } from '../../src/analysis/render-query.ts';
import { analysisTemplateSpecSchema } from '../../src/api/analysis-template.ts';
import { readPrometheusResponse } from '../../src/providers/prometheus-response.ts';
import { labelsOf } from '../../src/sandbox/metrics/labels.ts';
import { instantData } from '../../src/sandbox/metrics/prometheus-json.ts';
import { QueryEngine } from '../../src/sandbox/metrics/query-engine.ts';
import { TimeSeriesStore } from '../../src/sandbox/metrics/time-series-store.ts';
import { SHOP_PATH, shopFiles } from '../../src/sandbox/tour/shop-manifests.ts';

/** Epoch milliseconds. */
const AT = 1_767_225_600_000;
const ARGS = new Map(
  Object.entries({
    namespace: 'shop',
    'canary-replicaset': 'shop-1abc',
    window: '2m',
    metric: 'http_requests_total',
    'code-label': 'code',
  }),
);

const file = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const firstYaml = (markdown: string) => /```yaml\n([\s\S]*?)```/.exec(markdown)?.[1] ?? '';

/** Where people find a gate to copy. */
const SHOWN: Readonly<Record<string, string>> = {
  'the example': file('examples/canary.yaml'),
  'docs/analysis.md': firstYaml(file('docs/analysis.md')),
  'the tour': shopFiles('shop:1', 'http://alerts')[`${SHOP_PATH}/gate.yaml`] ?? '',
  'the template success-rate': file('analysis-templates/success-rate.yaml'),
};

function gateIn(text: string) {
  const documents = loadAll(text) as { kind: string; spec: unknown }[];
  const template = documents.find(({ kind }) => /AnalysisTemplate$/.test(kind));
  const [metric] = analysisTemplateSpecSchema.parse(template?.spec).metrics;
  if (!metric?.provider?.prometheus) throw new Error('no metric asks Prometheus');
  return { metric, query: metric.provider.prometheus.query };
}

/** Judges the gate over a canary's pod that answered with these codes, five times a second each, for five minutes. */
function judgeGate(text: string, codes: readonly string[]) {
  const store = new TimeSeriesStore();
  for (const code of codes) {
    const labels = { __name__: 'http_requests_total', namespace: 'shop', pod: 'shop-1abc-x2x2x', code };
    for (let s = 0; s <= 300; s += 2) store.append(labelsOf(Object.entries(labels)), AT - 300_000 + s * 1000, s * 5);
  }
  const { metric, query } = gateIn(text);
  const rendered = renderQuery(query, ARGS);
  if (!rendered.ok) throw new Error(rendered.message);
  const answer = new QueryEngine(store).instant(rendered.query, AT);
  if (!answer.ok) throw new Error(answer.message);
  const body = JSON.stringify({ status: 'success', data: instantData(answer.value, AT) });
  return judge(metric, readPrometheusResponse(body, { at: AT })).phase;
}

describe.each(Object.keys(SHOWN))('the gate of %s', where => {
  const text = SHOWN[where] ?? '';

  it.each([
    ['only good answers', ['200'], 'Successful'],
    ['good and bad ones', ['200', '500'], 'Failed'],
    ['only bad ones: no series of good ones is not no data', ['500'], 'Failed'],
    ['no answer at all', [], 'NoData'],
  ])('judges a canary of %s', (_, codes, phase) => {
    expect(judgeGate(text, codes)).toBe(phase);
  });
});
