import { describe, expect, it } from 'vitest';
import { type BuiltInArgs, resolveRun } from '../../src/analysis/resolve-run.ts';
import { analysisRunSpecSchema } from '../../src/api/analysis-run.ts';
import type { ApiObject } from '../../src/api/object-meta.ts';

const BUILT_IN: BuiltInArgs = {
  'stable-hash': 's',
  'canary-hash': 'c',
  'stable-replicaset': 'rs-s',
  'canary-replicaset': 'rs-c',
  namespace: 'shop',
  rollout: 'shop',
};
const metric = (name: string) => ({ name, interval: '1s', provider: { prometheus: { query: 'up' } } });

const many = (prefix: string, length: number) => Array.from({ length }, (_, i) => `${prefix}${i}`);

function template(spec: unknown): ApiObject {
  return { apiVersion: 'sluice.dev/v1alpha1', kind: 'AnalysisTemplate', metadata: { name: 't' }, spec };
}

function resolve(
  specs: Record<string, unknown>,
  args: { name: string; value?: string }[] = [],
  dryRun?: { metricName: string }[],
) {
  const templates = Object.entries(specs).map(([name, spec]) => ({
    name,
    object: spec === null ? null : template(spec),
  }));
  const use = { templates: templates.map(({ name }) => ({ templateName: name })), args, ...(dryRun ? { dryRun } : {}) };
  return resolveRun(use, templates, BUILT_IN);
}

describe('templates become the spec of one run', () => {
  it('merges metrics and dry runs of several templates', () => {
    const run = resolve(
      { a: { metrics: [metric('x')], dryRun: [{ metricName: 'x' }] }, b: { metrics: [metric('y')] } },
      [],
      [{ metricName: 'y' }],
    );
    expect(run).toMatchObject({
      ok: true,
      spec: { metrics: [{ name: 'x' }, { name: 'y' }], dryRun: [{ metricName: 'x' }, { metricName: 'y' }] },
    });
  });

  it("takes the Rollout's value over the template's default, and a default over a bare name", () => {
    const run = resolve(
      {
        a: { args: [{ name: 'p', value: 'default' }, { name: 'q' }], metrics: [metric('x')] },
        b: { args: [{ name: 'q', value: 'later' }, { name: 'p' }], metrics: [metric('y')] },
      },
      [{ name: 'p', value: 'mine' }],
    );
    if (!run.ok) throw new Error(run.message);
    const args = Object.fromEntries((run.spec.args ?? []).map(arg => [arg.name, arg.value]));
    expect(args).toMatchObject({ p: 'mine', q: 'later', 'canary-hash': 'c', namespace: 'shop' });
  });

  it('keeps references to Secrets as references', () => {
    const secret = { name: 'token', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } };
    expect(resolve({ a: { args: [secret], metrics: [metric('x')] } })).toMatchObject({
      ok: true,
      spec: { args: expect.arrayContaining([secret]) },
    });
  });

  it.each([
    [60, { ok: true }],
    [
      61,
      {
        ok: false,
        reason: 'TemplateInvalid',
        message: expect.stringContaining('61 metrics, and a run takes at most 60'),
      },
    ],
  ])('of templates with %i metrics together makes a run that can be stored, or says why not', (length, expected) => {
    const names = many('m', length);
    const run = resolve({
      a: { metrics: names.slice(0, 30).map(metric) },
      b: { metrics: names.slice(30, 45).map(metric) },
      c: { metrics: names.slice(45).map(metric) },
    });
    expect(run).toMatchObject(expected);
    if (run.ok) expect(analysisRunSpecSchema.safeParse(run.spec).success).toBe(true);
  });

  it('says that there are too many arguments or dry runs', () => {
    const args = many('a', 101).map(name => ({ name, value: '1' }));
    const dryRun = many('d', 61).map(metricName => ({ metricName }));
    const use = { a: { metrics: [metric('x')] } };
    expect(resolve(use, args)).toMatchObject({ ok: false, message: expect.stringContaining('107 args, and') });
    expect(resolve(use, [], dryRun)).toMatchObject({
      ok: false,
      message: expect.stringContaining('61 dryRun, and'),
    });
  });

  it.each([
    ['a template that does not exist', { gone: null }, 'TemplateMissing', 'gone does not exist'],
    ['a template that cannot be read', { a: { metrics: [] } }, 'TemplateInvalid', 'analysis template a'],
    [
      'two metrics of one name',
      { a: { metrics: [metric('x')] }, b: { metrics: [metric('x')] } },
      'TemplateInvalid',
      'define the metric "x"',
    ],
    [
      'an argument without a value',
      { a: { args: [{ name: 'p' }], metrics: [metric('x')] } },
      'TemplateInvalid',
      '"p" has no value',
    ],
  ])('says what is wrong with %s', (_, specs, reason, message) => {
    expect(resolve(specs)).toMatchObject({ ok: false, reason, message: expect.stringContaining(message) });
  });
});
