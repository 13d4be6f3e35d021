import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RESOURCES } from '../../src/operator/resources.ts';
import { eventually } from '../support/eventually.ts';
import { ROLLOUT, SamplerWorld } from '../support/sampler-world.ts';

const NAMESPACE = 'shop';
const SECRET = 's3cr3t["tenant-token';

let world: SamplerWorld;
beforeEach(async () => {
  world = await SamplerWorld.open();
  world.rolloutWaitsFor();
});
afterEach(() => world.close());
const answers = (status: number, body: object) => Object.assign(world.answer, { status, body });

/** Takes one measurement and waits until its Rollout is to be looked at. */
async function measure(query: string, args: object[] = []): Promise<void> {
  world.createRun({ provider: { prometheus: { query } } }, args);
  world.take();
  await eventually('it is measured', () => world.enqueued.length > 0);
}

describe('of a secret argument', () => {
  const args = [{ name: 'token', valueFrom: { secretKeyRef: { name: 'tokens', key: 't' } } }];
  const QUERY = 'up{t=~"{{args.token}}"}';
  beforeEach(() => {
    world.api.of(RESOURCES.secrets).create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'tokens', namespace: NAMESPACE },
      data: { t: Buffer.from(SECRET).toString('base64') },
    });
  });
  const shown = () => JSON.stringify([world.status(), world.logged]);

  it.each([
    ['a fragment of it', SECRET.slice(6)],
    ['it as it is', SECRET],
    ['it as the query holds it', SECRET.replaceAll('"', '\\"')],
    ['it quoted once more', JSON.stringify(SECRET.replaceAll('"', '\\"'))],
  ])('nothing is shown when the provider, refusing the query, quotes %s', async (_what, quoted) => {
    const error = `invalid parameter "query": parse error: error parsing regexp: missing closing ]: ${quoted}`;
    answers(400, { status: 'error', errorType: 'bad_data', error });
    await measure(QUERY, args);
    // The provider did get it.
    expect(new URL(world.prometheus.received[0]?.path ?? '', 'http://x').searchParams.get('query')).toBe(
      'up{t=~"s3cr3t[\\"tenant-token"}',
    );
    expect(shown()).not.toMatch(/s3cr3t|tenant|token"\S/);
    expect(shown()).toContain('bad_data: what the provider says is not shown');
    expect(world.status().metricResults?.[0]).toMatchObject({ error: 1 });
  });

  it('nothing is shown when the provider quotes it in a warning', async () => {
    const data = { resultType: 'vector', result: [] };
    answers(200, { status: 'success', data, warnings: [`no store for ${SECRET.slice(2)}`] });
    await measure(QUERY, args);
    expect(shown()).not.toMatch(/cr3t|tenant/);
    expect(shown()).toContain('a warning of the provider is not shown');
  });

  it('that a query does not use, nothing is hidden', async () => {
    answers(400, { status: 'error', errorType: 'bad_data', error: 'unexpected end of input' });
    await measure('sum(up', args);
    expect(shown()).toContain('unexpected end of input');
  });
});

describe('the series of a measurement', () => {
  const series = async () =>
    (await world.metrics.registry.metrics()).split('\n').filter(line => /^sluice_gate_\w+\{/.test(line));

  it('are there while its Rollout is', async () => {
    await measure('up');
    expect(await series()).toHaveLength(3);
  });

  it.each([
    ['is deleted', []],
    ['is deleted and another has its name', [{ ...ROLLOUT.metadata, uid: 'another', resourceVersion: '3' }]],
  ])('are not made again when its Rollout %s meanwhile', async (_what, then) => {
    world.caches.rollouts.store.applyEvent('DELETED', {
      ...ROLLOUT,
      metadata: { ...ROLLOUT.metadata, resourceVersion: '2' },
    });
    for (const metadata of then) world.caches.rollouts.store.applyEvent('ADDED', { ...ROLLOUT, metadata });
    await measure('up');
    expect(world.status().metricResults?.[0]).toMatchObject({ count: 1 });
    expect(await series()).toEqual([]);
  });
});
