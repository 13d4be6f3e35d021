import { describe, expect, it } from 'vitest';
import { type BuiltInArgs, resolveRun } from '../../src/analysis/resolve-run.ts';
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
