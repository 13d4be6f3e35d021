import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HASH_LABEL, ROLLOUT_LABEL } from '../../src/api/names.ts';
import type { ApiObject } from '../../src/api/object-meta.ts';
import type { Action } from '../../src/core/decision.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { staticClusterConfig } from '../../src/kube/config.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { Transport } from '../../src/kube/transport.ts';
import { Actor } from '../../src/operator/act.ts';
import { RESOURCES } from '../../src/operator/resources.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FaultServer } from '../support/fault-server.ts';

const ROLLOUT: KubeObject = {
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: { name: 'shop', namespace: 'shop', uid: 'rollout-uid' },
};
const OWNER = {
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  name: 'shop',
  uid: 'rollout-uid',
  controller: true,
};
const LABELS = { app: 'shop', [HASH_LABEL]: 'abc', [ROLLOUT_LABEL]: 'shop' };

let api: FaultServer;
let transport: Transport;
let clock: FakeClock;
let actor: Actor;

beforeEach(async () => {
  api = await FaultServer.start([
    RESOURCES.replicaSets,
    RESOURCES.controllerRevisions,
    RESOURCES.services,
    RESOURCES.analysisRuns,
  ]);
  clock = new FakeClock();
  transport = new Transport({ config: staticClusterConfig({ server: api.url }), clock });
  actor = new Actor(new KubeClient({ transport, fieldManager: 'test' }), {
    takeSample: () => undefined,
    inspectPods: () => undefined,
    terminateRun: () => Promise.resolve(),
  });
});
afterEach(async () => {
  transport.close();
  await api.close();
});

function child(
  kind: 'ReplicaSet' | 'ControllerRevision',
  labels: Record<string, string>,
  more: object = {},
): KubeObject {
  const metadata = { name: 'shop-abc', namespace: 'shop', labels, ownerReferences: [OWNER], ...more };
  const template = { metadata: { labels: LABELS } };
  return kind === 'ReplicaSet'
    ? { apiVersion: 'apps/v1', kind, metadata, spec: { selector: { matchLabels: LABELS }, template } }
    : { apiVersion: 'apps/v1', kind, metadata, data: { template, selector: { matchLabels: { app: 'shop' } } } };
}

const wish = (kind: 'ReplicaSet' | 'ControllerRevision'): Action =>
  kind === 'ReplicaSet'
    ? { type: 'CreateReplicaSet', object: child(kind, LABELS) as unknown as ApiObject }
    : { type: 'CreateRevision', object: child(kind, LABELS) as unknown as ApiObject };

describe.each([
  ['ReplicaSet', RESOURCES.replicaSets],
  ['ControllerRevision', RESOURCES.controllerRevisions],
] as const)('a %s of ours that is to be created and exists', (kind, type) => {
  const stored = () => api.of(type).objects.get('shop/shop-abc')?.metadata;

  it('gets the labels back that it lost, and keeps those that others gave it', async () => {
    api.of(type).create(child(kind, { app: 'shop', team: 'blue' }));
    expect(await actor.perform(ROLLOUT, wish(kind))).toMatchObject({ kind: 'conflict' });
    expect(stored()?.labels).toEqual({ ...LABELS, team: 'blue' });
    const [patch] = api.seen('patch');
    expect(patch?.body).toEqual({
      metadata: {
        uid: stored()?.uid,
        resourceVersion: expect.any(String),
        labels: { [HASH_LABEL]: 'abc', [ROLLOUT_LABEL]: 'shop' },
      },
    });
  });

  it('and has all its labels, or is being deleted, which may take minutes, is left alone', async () => {
    api.of(type).create(child(kind, LABELS));
    expect(await actor.perform(ROLLOUT, wish(kind))).toMatchObject({ kind: 'conflict' });
    api.of(type).remove('shop/shop-abc');
    api.of(type).create(child(kind, {}, { deletionTimestamp: '2026-01-01T00:00:00Z' }));
    expect(await actor.perform(ROLLOUT, wish(kind))).toMatchObject({ kind: 'failed' });
    expect(api.seen('patch')).toEqual([]);
  });

  it('is not labelled when it belongs to somebody else', async () => {
    api.of(type).create(child(kind, {}, { ownerReferences: [{ ...OWNER, uid: 'another' }] }));
    expect(await actor.perform(ROLLOUT, wish(kind))).toMatchObject({ kind: 'problem', problem: { kind: 'NameTaken' } });
    expect(api.seen('patch')).toEqual([]);
  });

  it('says so when its labels may not be put back', async () => {
    api.of(type).create(child(kind, {}));
    api.inject({ verb: 'patch', action: { kind: 'status', status: 403, reason: 'Forbidden' } });
    expect(await actor.perform(ROLLOUT, wish(kind))).toMatchObject({
      kind: 'problem',
      problem: { kind: 'WriteRefused', name: 'shop-abc' },
    });
  });
});

describe('an AnalysisRun of ours that is to be created and exists', () => {
  const metadata = { name: 'shop-abc-bg', namespace: 'shop', ownerReferences: [OWNER] };
  const run = (spec: unknown) => ({ apiVersion: 'sluice.dev/v1alpha1', kind: 'AnalysisRun', metadata, spec });
  const spec = { metrics: [{ name: 'x', provider: { prometheus: { query: '1' } } }] };
  const wish: Action = {
    type: 'CreateAnalysisRun',
    kind: 'background',
    spec,
    object: run(spec) as unknown as ApiObject,
  };

  it('is a problem when it cannot be read: it would be asked for, and be there, for ever', async () => {
    api.of(RESOURCES.analysisRuns).create(run(7));
    expect(await actor.perform(ROLLOUT, wish)).toMatchObject({
      kind: 'problem',
      problem: {
        kind: 'NameTaken',
        name: 'shop-abc-bg',
        message: expect.stringContaining('cannot be read; delete it'),
      },
    });
  });

  it('is the same wish fulfilled when it can', async () => {
    api.of(RESOURCES.analysisRuns).create(run(spec));
    expect(await actor.perform(ROLLOUT, wish)).toMatchObject({ kind: 'conflict' });
  });
});

describe('a ReplicaSet whose selector is of another revision', () => {
  it('never gets the label of this one', async () => {
    const set = child('ReplicaSet', {});
    const matchLabels = { app: 'shop', [HASH_LABEL]: 'other' };
    api.of(RESOURCES.replicaSets).create({ ...set, spec: { selector: { matchLabels } } });
    expect(await actor.perform(ROLLOUT, wish('ReplicaSet'))).toMatchObject({ kind: 'conflict' });
    expect(api.seen('patch')).toEqual([]);
  });
});

describe('a write that is refused', () => {
  const target = { name: 'shop-abc', uid: 'set-uid', resourceVersion: '5' };
  const SAID = /^patch [^ ]+: \d+ \w+: /;
  const refusal = async (message: string, status = 403, reason = 'Forbidden') => {
    api.inject({ verb: 'patch', action: { kind: 'status', status, reason, message } });
    const outcome = await actor.perform(ROLLOUT, { type: 'SetMinReadySeconds', target, seconds: 30 });
    return outcome.kind === 'problem' ? outcome.problem.message.replace(SAID, '') : outcome.kind;
  };

  it('for want of a permission says so', async () => {
    const message = 'replicasets.apps "shop-abc" is forbidden: User "a" cannot patch resource "replicasets"';
    expect(await refusal(message)).toBe(`${message}; check the operator's permissions`);
  });

  it.each([
    ['a webhook', 'admission webhook "policy" denied the request: no', 403, 'Forbidden'],
    ['a quota', 'replicasets.apps "shop-abc" is forbidden: exceeded quota: team', 403, 'Forbidden'],
    ['the rules of the kind', 'ReplicaSet.apps "shop-abc" is invalid: no', 422, 'Invalid'],
  ])('by %s is told as it is', async (_, message, status, reason) => {
    expect(await refusal(message, status, reason)).toBe(message);
  });
});

it('minReadySeconds are written on the version that was looked at, and nothing else is', async () => {
  api.of(RESOURCES.replicaSets).create(child('ReplicaSet', LABELS));
  const { uid = '', resourceVersion = '' } = api.of(RESOURCES.replicaSets).objects.get('shop/shop-abc')?.metadata ?? {};
  const target = { name: 'shop-abc', uid, resourceVersion };
  expect(await actor.perform(ROLLOUT, { type: 'SetMinReadySeconds', target, seconds: 30 })).toEqual({ kind: 'done' });
  expect(api.seen('patch').map(({ body }) => body)).toEqual([
    {
      metadata: { uid, resourceVersion, annotations: { 'sluice.dev/min-ready-seconds': '30' } },
      spec: { minReadySeconds: 30 },
    },
  ]);
});

describe('a write that nobody answers', () => {
  it('is given up after 15 seconds', async () => {
    api.inject({ verb: 'create', action: { kind: 'silent' } });
    const outcome = actor.perform(ROLLOUT, wish('ReplicaSet'));
    while (api.seen('create').length === 0) await new Promise(resolve => setTimeout(resolve, 2));
    await clock.advance(14_999);
    expect(await Promise.race([outcome, new Promise(resolve => setTimeout(() => resolve('waits'), 50))])).toBe('waits');
    await clock.advance(1);
    expect(await outcome).toMatchObject({ kind: 'failed', error: { code: 'transient' } });
  });
});
