import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { KINDS } from '../../src/api/kinds.ts';
import { API_VERSION } from '../../src/api/names.ts';
import { SPEC_CORPUS } from '../support/spec-corpus.ts';
import { onEveryCluster } from './on-every-cluster.ts';
import type { Wire } from './raw-client.ts';

const CRDS = join(import.meta.dirname, '../../crds');

onEveryCluster('the definitions of our kinds', contract => {
  beforeAll(async () => {
    for (const file of readdirSync(CRDS).filter(name => name.endsWith('.yaml') && name !== 'kustomization.yaml'))
      for (const crd of loadAll(readFileSync(join(CRDS, file), 'utf8')) as Wire[])
        await contract.client.created('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd);
    for (const { plural } of KINDS)
      await contract.client.until(`/apis/${API_VERSION}/${plural}`, ({ code }) => code === 200);
  }, 60_000);

  it('let nobody change the selector of a Rollout, whose Services would leave the pods that serve', async () => {
    const path = `/apis/${API_VERSION}/namespaces/${contract.namespace}/rollouts`;
    const spec = { selector: { matchLabels: { app: 'a' } }, template: {}, strategy: { canary: {} } };
    await contract.client.created(path, { apiVersion: API_VERSION, kind: 'Rollout', metadata: { name: 'kept' }, spec });
    const patch = (more: object) => contract.client.mergePatch(`${path}/kept`, { spec: more });
    expect((await patch({ selector: { matchLabels: { app: 'a' } }, replicas: 3 })).code).toBe(200);
    expect((await patch({ selector: { matchExpressions: [] } })).code).toBe(200);
    const more = { matchExpressions: [{ key: 'app', operator: 'Exists' }] };
    for (const selector of [
      { matchLabels: { app: 'b' } },
      { matchLabels: { more: 'x' } },
      { matchLabels: null, ...more },
      more,
    ]) {
      const { code, body } = await patch({ selector });
      expect([code, body.message]).toEqual([422, expect.stringContaining('selector cannot be changed')]);
    }
  });

  it.each([
    ['several ports need a name each', [{ name: 'web', port: 80 }, { port: 81 }]],
    [
      'several ports need a name each',
      [
        { name: 'web', port: 80 },
        { name: '', port: 81 },
      ],
    ],
    [
      'two ports have one name',
      [
        { name: 'web', port: 80 },
        { name: 'web', port: 81 },
      ],
    ],
    [
      'two ports have one number and protocol',
      [
        { name: 'web', port: 80 },
        { name: 'api', port: 80, protocol: 'TCP' },
      ],
    ],
  ])('say of the ports of a Service that %s', async (said, ports) => {
    const path = `/apis/${API_VERSION}/namespaces/${contract.namespace}/rollouts?dryRun=All`;
    const strategy = { canary: { stableService: 'a', canaryService: 'b', serviceTemplate: { ports } } };
    const spec = { selector: { matchLabels: { app: 'a' } }, template: {}, strategy };
    const { code, body } = await contract.client.create(path, {
      apiVersion: API_VERSION,
      kind: 'Rollout',
      metadata: { name: 'ports' },
      spec,
    });
    expect([code, body.message]).toEqual([422, expect.stringContaining(said)]);
  });

  describe.each(KINDS)('of $kind', ({ kind, plural, scope }) => {
    const ours = SPEC_CORPUS.filter(row => row.kind === kind);
    const create = (spec: unknown) => {
      const folder = scope === 'Cluster' ? '' : `namespaces/${contract.namespace}/`;
      const object = { apiVersion: API_VERSION, kind, metadata: { name: 'one' }, spec };
      return contract.client.create(`/apis/${API_VERSION}/${folder}${plural}?dryRun=All`, object);
    };

    it.each(ours.filter(row => row.error === undefined))('accept $name', async ({ spec }) => {
      const { code, body } = await create(spec);
      expect([code, body.message]).toEqual([201, undefined]);
    });

    it.each(ours.filter(row => row.error !== undefined))('refuse $name', async ({ spec, error = '' }) => {
      const { code, body } = await create(spec);
      expect(code).toBe(422);
      if (error.includes('is not supported in this version')) expect(body.message).toContain(error);
    });
  });
});
