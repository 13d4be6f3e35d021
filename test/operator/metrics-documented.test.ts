import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Metrics } from '../../src/operator/metrics.ts';

const README = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');

it('documents every metric of its own, and none that there is not', async () => {
  const metrics = await new Metrics().registry.getMetricsAsJSON();
  const served = metrics.map(({ name }) => name).filter(name => name.startsWith('sluice_'));
  const documented = [...README.matchAll(/`(sluice_\w+)`/g)].map(match => match[1]);
  expect(documented.toSorted()).toEqual(served.toSorted());
});
