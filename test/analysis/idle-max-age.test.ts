import { expect, it } from 'vitest';
import { withoutIdleMaxAge } from '../../src/analysis/idle-max-age.ts';
import { resolveRun } from '../../src/analysis/resolve-run.ts';
import { runSpecOf } from '../../src/analysis/stored-run.ts';

const metric = (prometheus: object) => ({
  name: 'm',
  interval: '10s',
  threshold: { min: 1 },
  provider: { prometheus },
});
const IDLE = { metrics: [metric({ query: 'x', maxAge: '2m' })] };
const READ = { metrics: [metric({ query: 'x' })] };
const RANGED = { metrics: [metric({ query: 'x', maxAge: '2m', rangeQuery: { lookback: '5m', step: '30s' } })] };
const BUILT_IN = {
  ...{ 'stable-hash': '', 'canary-hash': '', 'stable-replicaset': '', 'canary-replicaset': '' },
  ...{ namespace: '', rollout: '' },
};

it('a run that is stored with the maxAge of an instant query is read as before', () => {
  expect(runSpecOf({ spec: IDLE })).toEqual(READ);
  expect(runSpecOf({ spec: RANGED })).toEqual(RANGED);
});

it('and so is a template, whose run is then stored without it', () => {
  const object = { apiVersion: 'sluice.dev/v1alpha1', kind: 'AnalysisTemplate', metadata: { name: 't' }, spec: IDLE };
  const use = { templates: [{ templateName: 't' }] };
  expect(resolveRun(use, [{ name: 't', object }], BUILT_IN)).toMatchObject({ ok: true, spec: READ });
});

it.each([undefined, 7, { metrics: 7 }, { metrics: [null, 7, { provider: null }] }, READ])('%j is left alone', spec => {
  expect(withoutIdleMaxAge(spec)).toBe(spec);
});
