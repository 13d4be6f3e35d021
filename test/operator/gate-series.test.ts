import { beforeEach, expect, it } from 'vitest';
import type { RolloutStatus } from '../../src/api/rollout-status.ts';
import { Metrics } from '../../src/operator/metrics.ts';

let metrics: Metrics;
beforeEach(() => {
  metrics = new Metrics();
});

const measure = (metric: string, run: string, value: number, bounds: { min?: number; max?: number } = { min: 0.95 }) =>
  metrics.measurement({ namespace: 'shop', name: 'shop', run, metric }, 'Failed', value, bounds);
const report = (status: Partial<RolloutStatus>) =>
  metrics.rollout('shop', 'shop', { phase: 'Progressing', ...status } as RolloutStatus, undefined);
const LABELS = 'namespace="shop",name="shop",metric';

async function series(): Promise<string[]> {
  const lines = (await metrics.registry.metrics()).split('\n');
  return lines.filter(line => /^sluice_gate_(value|threshold)\{/.test(line)).sort();
}

it('what an analysis measured stands for as long as its Rollout waits for it', async () => {
  measure('success', 'shop-1-bg', 0.8);
  report({ analysis: { background: 'shop-1-bg' } });
  expect(await series()).toEqual([
    `sluice_gate_threshold{${LABELS}="success",bound="min"} 0.95`,
    `sluice_gate_value{${LABELS}="success"} 0.8`,
  ]);
});

it.each([
  ['the trial has ended', { phase: 'Aborted' }],
  ['nobody can decide about it', { phase: 'Invalid', analysis: { background: 'shop-1-bg' } }],
] as const)('a bad value does not stand on when %s', async (_when, status) => {
  measure('success', 'shop-1-bg', 0.8);
  report(status);
  expect(await series()).toEqual([]);
});

it('the metrics of a run that is waited for stand on when another run ends', async () => {
  measure('success', 'shop-1-bg', 0.99);
  measure('latency', 'shop-1-0', 7, { max: 5 });
  report({ analysis: { background: 'shop-1-bg' } });
  expect(await series()).toHaveLength(2);
  expect((await series()).join()).not.toContain('latency');
});

it('a bound that the next run does not have ends with the run before', async () => {
  measure('success', 'shop-1-bg', 0.8);
  measure('success', 'shop-2-bg', 0.9, { max: 1 });
  report({ analysis: { background: 'shop-2-bg' } });
  expect(await series()).toEqual([
    `sluice_gate_threshold{${LABELS}="success",bound="max"} 1`,
    `sluice_gate_value{${LABELS}="success"} 0.9`,
  ]);
});

it('a Rollout that is gone leaves nothing', async () => {
  measure('success', 'shop-1-bg', 0.8);
  metrics.forget('shop', 'shop');
  expect(await series()).toEqual([]);
});
