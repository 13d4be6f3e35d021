import { readdirSync, readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';
import { load } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { compileCondition } from '../../src/analysis/condition.ts';
import { judge } from '../../src/analysis/judge.ts';
import { renderQuery } from '../../src/analysis/render-query.ts';
import { resolveRun } from '../../src/analysis/resolve-run.ts';
import { type AnalysisTemplateSpec, analysisTemplateSpecSchema } from '../../src/api/analysis-template.ts';
import { durationMs } from '../../src/api/duration.ts';
import { API_VERSION } from '../../src/api/names.ts';

const folder = new URL('../../analysis-templates/', import.meta.url);
const files = readdirSync(folder).filter(name => name.endsWith('.yaml'));
const documentSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('ClusterAnalysisTemplate'),
  metadata: z.strictObject({ name: z.string() }),
  spec: z.record(z.string(), z.unknown()),
});

const BUILT_IN = {
  'stable-hash': '5d4',
  'canary-hash': '7f9',
  'stable-replicaset': 'checkout-5d4',
  'canary-replicaset': 'checkout-7f9',
  namespace: 'shop',
  rollout: 'checkout',
};

function syntaxErrors(query: string): number {
  let errors = 0;
  parser.parse(query).iterate({
    enter: node => {
      if (node.type.isError) errors += 1;
    },
  });
  return errors;
}

test('the check for syntax errors finds one', () => {
  expect(syntaxErrors('sum(rate(x[1m])) / sum(rate(x[1m]))')).toBe(0);
  expect(syntaxErrors('sum(rate(x[1m]) / ')).toBeGreaterThan(0);
});

test('the folder has templates', () => {
  expect(files.length).toBeGreaterThanOrEqual(8);
});

describe.each(files)('%s', file => {
  const text = readFileSync(new URL(file, folder), 'utf8');
  const document = documentSchema.parse(load(text));
  const spec: AnalysisTemplateSpec = analysisTemplateSpecSchema.parse(document.spec);

  test('is named like its file and says what it is for', () => {
    expect(document.metadata.name).toBe(file.replace('.yaml', ''));
    expect(text.startsWith('# ')).toBe(true);
  });

  test('has no field that the contract does not know', () => {
    expect(spec).toEqual(document.spec);
  });

  test('renders to PromQL without syntax errors, with the arguments that a Rollout gives', () => {
    const given = (spec.args ?? [])
      .filter(arg => arg.value === undefined)
      .map(({ name }) => ({ name, value: 'checkout-canary' }));
    const object = { ...document, metadata: { name: document.metadata.name } };
    const run = resolveRun(
      { templates: [{ templateName: document.metadata.name }], args: given },
      [{ name: document.metadata.name, object }],
      BUILT_IN,
    );
    if (!run.ok) throw new Error(run.message);
    const args = new Map(
      (run.spec.args ?? []).flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const])),
    );
    for (const metric of run.spec.metrics) {
      const rendered = renderQuery(metric.provider?.prometheus?.query ?? '', args);
      if (!rendered.ok) throw new Error(rendered.message);
      expect(rendered.query).not.toContain('{{');
      expect(rendered.query).toMatch(/shop/);
      expect(syntaxErrors(rendered.query)).toBe(0);
    }
  });

  test('is judged, with conditions that compile, and holds where there is no data', () => {
    for (const metric of spec.metrics) {
      for (const condition of [metric.successCondition, metric.failureCondition])
        if (condition !== undefined) expect(compileCondition(condition)).toMatchObject({ ok: true });
      expect(metric.threshold ?? metric.successCondition ?? metric.failureCondition).toBeDefined();
      expect(metric.onNoData).toBe('Hold');
      expect(metric.noDataDeadline).toBeDefined();
      for (const sample of [{ kind: 'NoSeries' }, { kind: 'NotANumber' }] as const)
        expect(judge(metric, sample).phase).toBe('NoData');
      const verdicts = [0, 1, 1e6].map(value => judge(metric, { kind: 'Value', result: [value] }).phase);
      expect(verdicts).toContain('Successful');
      expect(verdicts).toContain('Failed');
    }
  });

  test('ends as a step, unless it is for the background', () => {
    for (const metric of spec.metrics) {
      expect(durationMs(metric.interval)).toBeGreaterThan(0);
      if (file.endsWith('-background.yaml')) expect(metric.count).toBeUndefined();
      else expect(metric.count).toBeGreaterThan(1);
    }
  });
});
