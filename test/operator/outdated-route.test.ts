import { beforeEach, describe, expect, it } from 'vitest';
import type { Action, Decision } from '../../src/core/decision.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { ConsistencyTracker } from '../../src/kube/consistency.ts';
import { ApiError } from '../../src/kube/errors.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import type { Actor } from '../../src/operator/act.ts';
import { type Caches, createCaches } from '../../src/operator/caches.ts';
import { Executor } from '../../src/operator/executor.ts';
import { LiveReader } from '../../src/operator/live-reader.ts';
import { createLog } from '../../src/operator/log.ts';
import { Memory } from '../../src/operator/memory.ts';
import { Metrics } from '../../src/operator/metrics.ts';
import { Reconciler } from '../../src/operator/reconciler.ts';
import type { Reporter } from '../../src/operator/report.ts';
import type { SimCluster } from '../support/sim-cluster.ts';
import { canaryOnTrial } from '../support/sim-stories.ts';

const KEY = 'demo/shop';

/** A reconciler that has just started on what a model cluster shows, its route as it was before the canary's first traffic. */
class Started {
  readonly asked: string[] = [];
  readonly acts: Action[] = [];
  readonly told: string[] = [];
  readonly stored: Record<string, unknown>[] = [];
  /** What a read of the route meets. */
  failure: ApiError | undefined;
  readonly reconciler: Reconciler;
  readonly memory = new Memory();
  readonly caches: Caches;

  constructor(cluster: SimCluster) {
    const find = async ({ plural }: { plural: string }, { name }: { name: string }) => {
      this.asked.push(`${plural}/${name}`);
      if (this.failure && plural === 'httproutes') throw this.failure;
      return plural === 'rollouts' ? cluster.rollout : cluster.routes.get(name);
    };
    const patch = async (_type: unknown, _name: unknown, { body }: { body: Record<string, unknown> }) => {
      this.stored.push(body['status'] as Record<string, unknown>);
      return cluster.rollout;
    };
    const client = { find, patch } as unknown as KubeClient;
    const caches = createCaches({ client });
    this.caches = caches;
    const all: readonly [keyof typeof caches, Iterable<unknown>][] = [
      ['rollouts', [cluster.rollout]],
      ['replicaSets', [...cluster.replicaSets.values()].map(ours)],
      ['services', cluster.services.values()],
      [
        'endpointSlices',
        Object.entries(cluster.snapshot().endpointSlices).flatMap(([name, list]) => list.map(slice(name))),
      ],
      ['httpRoutes', [...cluster.routes.values()].map(withoutTraffic)],
    ];
    for (const [cache, objects] of all) {
      const { store } = caches[cache];
      store.advance('1');
      for (const object of objects)
        store.applyEvent('ADDED', store.prepare(structuredClone(object), 'list') as KubeObject);
    }
    const actor = {
      perform: async (_: unknown, action: Action) => {
        this.acts.push(action);
        return { kind: 'done' as const };
      },
    };
    const reporter = {
      report: (_: string, __: KubeObject, { facts }: Decision) => this.told.push(...facts.map(({ reason }) => reason)),
      tell: () => undefined,
      tellDropped: () => undefined,
      forget: () => undefined,
    };
    const { memory } = this;
    const clock = { ...systemClock, now: () => cluster.now };
    const liveReader = new LiveReader(client, caches);
    const executor = new Executor({
      ...{ caches, memory, clock, liveReader },
      actor: actor as unknown as Actor,
      log: createLog('error', () => undefined),
      stepAside: async () => false,
    });
    this.reconciler = new Reconciler({
      ...{ caches, client, memory, clock, liveReader, executor },
      consistency: new ConsistencyTracker(),
      reporter: reporter as unknown as Reporter,
      metrics: new Metrics(),
      operatorNamespace: 'sluice-system',
    });
  }
}

const ours = (set: Record<string, unknown>) => {
  const owner = {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'Rollout',
    name: 'shop',
    uid: 'rollout-uid',
    controller: true,
  };
  return { ...set, metadata: { ...(set['metadata'] as object), ownerReferences: [owner] } };
};

const slice = (service: string) => (object: Record<string, unknown>) => ({
  ...object,
  metadata: {
    name: service,
    namespace: 'demo',
    uid: `slice-${service}`,
    resourceVersion: '2',
    labels: { 'kubernetes.io/service-name': service },
  },
});

const withoutTraffic = (route: Record<string, unknown>) => {
  const old = structuredClone(route) as {
    metadata: { resourceVersion: string };
    spec: { rules: { backendRefs: { name: string; weight: number }[] }[] };
  };
  old.metadata.resourceVersion = '2';
  for (const ref of old.spec.rules.flatMap(rule => rule.backendRefs)) ref.weight = ref.name === 'canary' ? 0 : 100;
  return old;
};

/** All traffic goes back to stable. */
const HOME = expect.objectContaining({ type: 'PatchRoute', canaryWeight: 0 });

const away = () => new ApiError({ code: 'transient', verb: 'get', path: '/shop', message: 'away' });

describe('an operator that starts on a route of before', () => {
  let cluster: SimCluster;
  beforeEach(() => {
    cluster = canaryOnTrial({ steps: [{ setWeight: 20 }, { pause: {} }] });
  });

  it('reads it once, and then goes on as if nothing had been', async () => {
    const started = new Started(cluster);
    await started.reconciler.pass(KEY);
    await started.reconciler.pass(KEY);
    expect(started.asked).toEqual(['httproutes/shop']);
    expect([started.acts, started.told, started.stored]).toEqual([[], [], []]);
  });

  it.each([
    ['takes the traffic away that it shows only then, when it is to abort', 20],
    ['asks for it before a verdict that finds no traffic, whatever was stored', 0],
  ])('%s', async (_, actualCanary) => {
    cluster.rollout['status'] = { ...cluster.status, weights: { canary: 20, stable: 80, actualCanary } };
    cluster.command('abort a-1');
    const started = new Started(cluster);
    await started.reconciler.pass(KEY);
    expect(started.acts).toContainEqual(HOME);
  });

  it('tells nothing while it cannot be read, and tries again after a second', async () => {
    cluster.command('abort a-1');
    const started = new Started(cluster);
    started.failure = away();
    const outcome = await started.reconciler.pass(KEY);
    expect(outcome).toMatchObject({ outcome: 'backoff', atLeastMs: 1_000 });
    expect([started.acts, started.told, started.stored]).toEqual([[], [], []]);
    started.failure = undefined;
    await started.reconciler.pass(KEY);
    expect(started.acts).toContainEqual(HOME);
  });

  it('keeps nothing that it knew of another Rollout of that name', async () => {
    const started = new Started(cluster);
    await started.reconciler.pass(KEY);
    expect([...started.memory.of(KEY).certain]).toEqual(['traffic']);
    const { metadata } = cluster.rollout;
    const other = { ...cluster.rollout, metadata: { ...metadata, uid: 'another', resourceVersion: '99999' } };
    started.caches.rollouts.store.applyEvent('ADDED', structuredClone(other) as KubeObject);
    await started.reconciler.pass(KEY);
    expect(started.memory.of(KEY)).toMatchObject({ uid: 'another', firstVersion: '99999' });
  });

  it('stores its verdict at last when it can never be read', async () => {
    cluster.command('abort a-1');
    const started = new Started(cluster);
    started.failure = away();
    for (let nth = 0; nth < 5; nth++) await started.reconciler.pass(KEY);
    expect(started.stored).toContainEqual(expect.objectContaining({ phase: 'Aborted' }));
    expect([...started.memory.of(KEY).certain]).toEqual([]);
  });
});
