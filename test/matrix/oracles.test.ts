import { describe, expect, it } from 'vitest';
import { HASH_LABEL } from '../../src/api/names.ts';
import type { KubeObject } from '../support/control-plane/api-client.ts';
import type { ProxiedRequest } from '../support/fault-proxy/proxied-request.ts';
import { Trace } from '../support/fault-proxy/trace.ts';
import { type Followed, NamespaceHistory } from '../support/matrix/cluster-history.ts';
import { deedsOf } from '../support/matrix/deeds.ts';
import { differences, endStateOf, maskOf } from '../support/matrix/end-state.ts';
import { Judge } from '../support/matrix/judge-run.ts';
import type { Outcome } from '../support/matrix/outcome.ts';
import { exposureOf, trafficOf } from '../support/matrix/traffic-story.ts';
import type { Workload } from '../support/matrix/workloads.ts';

/** Writes a history by hand; each entry gets the next resourceVersion. */
class Chronicle {
  readonly history = new NamespaceHistory();
  #version = 100;

  note(plural: Followed, name: string, rest: object, uid = `uid-${name}`): this {
    this.#version += 1;
    const { metadata = {}, ...fields } = rest as { metadata?: object };
    const object = { metadata: { name, uid, resourceVersion: String(this.#version), ...metadata }, ...fields };
    this.history.note(plural, object as KubeObject, false);
    return this;
  }

  gone(plural: Followed, name: string, uid = `uid-${name}`): this {
    this.#version += 1;
    const metadata = { name, uid, resourceVersion: String(this.#version) };
    this.history.note(plural, { metadata } as KubeObject, true);
    return this;
  }

  route(canary: number): this {
    const backendRefs = [
      { name: 'shop-stable', weight: 100 - canary },
      { name: 'shop-canary', weight: canary },
    ];
    return this.note('httproutes', 'shop', { spec: { rules: [{ backendRefs }] } });
  }

  slice(service: string, ready: number): this {
    const endpoints = Array.from({ length: ready }, () => ({ conditions: { ready: true } }));
    const labels = { 'kubernetes.io/service-name': service };
    return this.note('endpointslices', `${service}-abc`, { metadata: { labels }, endpoints });
  }

  /** A Service that selects the pods of this set. */
  selects(service: string, set: string): this {
    return this.note('services', service, { spec: { selector: { [HASH_LABEL]: set } } });
  }

  readyPod(name: string, set: string, isReady = true): this {
    const conditions = [{ type: 'Ready', status: isReady ? 'True' : 'False' }];
    return this.note('pods', name, { metadata: { labels: { [HASH_LABEL]: set } }, status: { conditions } });
  }

  set(name: string, replicas: number): this {
    return this.note('replicasets', name, { spec: { replicas } });
  }

  pod(name: string, set: string): this {
    return this.note('pods', name, { metadata: { ownerReferences: [{ name: set }] } });
  }
}

describe('the oracles of the matrices', () => {
  it('see a backend with weight and without endpoints, except before the first pods ever', () => {
    const chronicle = new Chronicle().route(0).slice('shop-stable', 0).slice('shop-stable', 2);
    expect(trafficOf(chronicle.history.changes()).voids).toEqual([]);
    chronicle.route(20);
    expect(trafficOf(chronicle.history.changes()).voids).toEqual([
      expect.stringContaining('shop-canary had weight 20'),
    ]);
    const lost = new Chronicle().route(0).slice('shop-stable', 2).slice('shop-stable', 0);
    expect(trafficOf(lost.history.changes()).voids).toEqual([expect.stringContaining('shop-stable had weight 100')]);
  });

  it('see a weight that is raised once it is stored that what it is for has failed, however soon it is put back', () => {
    const failed = { metadata: { generation: 2 }, status: { phase: 'Failed' } };
    const begun = () =>
      new Chronicle().note('rollouts', 'shop', { metadata: { generation: 2 } }).slice('shop-stable', 2);
    const tried = () => begun().slice('shop-canary', 1).route(0).route(20).route(60);
    const found = (chronicle: Chronicle) => trafficOf(chronicle.history.changes()).voids;
    expect(found(tried().route(0).route(60).route(0))).toEqual([]);
    const raised = [expect.stringMatching(/^weight 60 after 0, its failure being stored, at version \d+$/)];
    expect(found(tried().note('analysisruns', 'bad', failed).route(0).route(60).route(0))).toEqual(raised);
    const aborted = tried()
      .route(0)
      .note('rollouts', 'shop', { metadata: { generation: 2 }, status: { abort: {} } });
    expect(found(aborted.route(60).route(0))).toEqual(raised);
    // The run of the version before says nothing about the next one, also when it is told again.
    const next = tried().note('analysisruns', 'bad', failed).route(0).note('rollouts', 'shop', {});
    expect(found(next.note('analysisruns', 'bad', failed).route(20))).toEqual([]);
  });

  it('see an active Service that is switched to pods that are not ready, or have not all come, or have left', () => {
    const strategy = { blueGreen: { activeService: 'shop-active' } };
    const deployed = () =>
      new Chronicle()
        .note('rollouts', 'shop', { spec: { replicas: 2, strategy } })
        .selects('shop-active', 'old')
        .readyPod('old-a', 'old')
        .readyPod('old-b', 'old')
        .slice('shop-active', 2);
    const told = (chronicle: Chronicle) => trafficOf(chronicle.history.changes());
    const good = deployed().readyPod('new-a', 'new').readyPod('new-b', 'new').selects('shop-active', 'new');
    expect(told(good).voids).toEqual([]);
    expect(told(good.selects('shop-active', 'old')).dwells.map(({ weight }) => weight)).toEqual([0, 100, 0]);
    const early = deployed().readyPod('new-a', 'new').readyPod('new-b', 'new', false).selects('shop-active', 'new');
    expect(told(early).voids).toEqual([expect.stringContaining('switched to new, of which 1 pods were ready')]);
    const blind = deployed().readyPod('new-a', 'new', false).selects('shop-active', 'new');
    expect(told(blind).voids[0]).toContain('shop-active selected no ready pod');
    const left = deployed().gone('pods', 'old-a').gone('pods', 'old-b');
    expect(told(left).voids).toEqual([expect.stringContaining('shop-active selected no ready pod')]);
    expect(told(deployed().slice('shop-active', 0)).voids).toEqual([
      expect.stringContaining('shop-active had no ready endpoint'),
    ]);
  });

  it('know how long a weight lasted, by when the operator asked and was answered, however late it was heard of', () => {
    const { history } = new Chronicle().route(0).route(20).route(0);
    const changes = history.changes().map((change, nth) => ({ ...change, at: 1_000 + 1_000 * nth }));
    const trace = new Trace();
    for (const [nth, asked] of [1_300, 1_700].entries()) {
      const request = { plural: 'httproutes', at: asked } as ProxiedRequest;
      const resourceVersion = String(changes[nth + 1]?.version);
      trace.entries.push({ request, relayed: true, changed: true, resourceVersion, answeredAt: asked + 100 });
    }
    expect(trafficOf(changes, trace).dwells[1]).toEqual({ weight: 20, mostMs: 500, leastMs: 300 });
    expect(exposureOf(trafficOf(changes, trace))).toBe(6_000);
    expect(trafficOf(changes).dwells[1]).toEqual({ weight: 20, mostMs: 1_000, leastMs: 1_000 });
  });

  it('see a weight that was too short or lasted too long, an event that is missing, and what nothing allows to differ', () => {
    const run = (
      weights: readonly (readonly [number, number])[],
      events: Outcome['events'],
      endState: object = { 'rollouts/shop.kind': 'Rollout' },
    ) => {
      const dwells = weights.map(([weight, ms]) => ({ weight, mostMs: ms, leastMs: ms }));
      return {
        died: false,
        endState,
        deeds: {},
        traffic: { dwells, voids: [] },
        events,
      } as unknown as Outcome;
    };
    const workload = { leastDwellMs: { 20: 400 } } as unknown as Workload;
    const usual = run(
      [
        [0, 0],
        [20, 500],
        [0, 9_000],
      ],
      { Aborted: 1 },
    );
    const judge = new Judge(workload, [usual, usual]);
    expect(judge.findings(usual, { tellsAll: true })).toEqual([]);
    const long = run(
      [
        [0, 0],
        [20, 8_000],
        [0, 0],
      ],
      { Aborted: 1 },
    );
    expect(judge.late(long, { lateMs: 7_000 })).toEqual([]);
    expect(judge.late({ ...long, awayMs: 1_000 }, { lateMs: 6_000 })).toEqual([]);
    expect(judge.late(long, { lateMs: 6_000 })).toEqual([
      'weights: 160 percent seconds (fault-free: 10, allowed: 140)',
    ]);
    judge.pace(
      run(
        [
          [20, 1_000],
          [0, 0],
        ],
        {},
      ),
    );
    expect(judge.late(long, { lateMs: 6_000 })).toEqual([]);
    const held = run(
      [
        [0, 0],
        [20, 9_000],
      ],
      {},
    );
    const dipped = run(
      [
        [0, 0],
        [20, 2_000],
        [0, 20],
        [20, 9_000],
      ],
      {},
    );
    const ofHeld = new Judge(workload, [held, held]);
    // What is put back is part of the weight that stays, and that one lasts for ever.
    expect(ofHeld.late(dipped, { lateMs: 1_000, mayDip: true })).toEqual([]);
    expect(ofHeld.late(dipped, { lateMs: 1_000 })).toHaveLength(1);
    const short = run(
      [
        [0, 0],
        [20, 300],
        [0, 0],
      ],
      {},
    );
    expect(judge.findings(short)).toEqual(['weights: at most 300 ms at 20, 400 ms are declared']);
    expect(judge.findings(short, { tellsAll: true })[1]).toBe('events: Aborted was told 0 times (fault-free: 1 and 1)');
    const dip = run(
      [
        [0, 0],
        [20, 200],
        [0, 100],
        [20, 300],
        [0, 0],
      ],
      { Aborted: 1, WeightChanged: 2 },
    );
    expect(judge.findings(dip, { mayDip: true })).toEqual([]);
    expect(judge.findings(dip)).toHaveLength(4);
    const skipped = run(
      [
        [0, 0],
        [20, 350],
        [0, 100],
        [60, 300],
        [0, 0],
      ],
      { Aborted: 1 },
    );
    expect(judge.findings(skipped, { mayDip: true })).toEqual([expect.stringMatching(/^weights: 0 20 60 0 /)]);
    const down = run(
      [
        [0, 0],
        [20, 400],
        [10, 50],
        [0, 0],
      ],
      { Aborted: 1, WeightChanged: 1 },
    );
    expect(judge.findings(down, { mayDip: true })).toEqual([]);
    expect(judge.findings(down)).toHaveLength(1);
    const odd = ['1', '2'].map(phase => run([], {}, { 'rollouts/shop.status.phase': phase }));
    expect(new Judge(workload, odd).unexplained).toEqual(['rollouts/shop.status.phase']);
  });

  it('hold nothing against anybody after the Rollout is deleted', () => {
    const chronicle = new Chronicle().note('rollouts', 'shop', {}).route(0).slice('shop-stable', 2);
    chronicle.gone('rollouts', 'shop').slice('shop-stable', 0);
    expect(trafficOf(chronicle.history.changes()).voids).toEqual([]);
  });

  it('let users be sent home after the Rollout is deleted, and nothing else be done to the route', () => {
    const told = (...weights: readonly number[]) => {
      const chronicle = new Chronicle().note('rollouts', 'shop', {}).slice('shop-canary', 1).route(0).route(20);
      chronicle.gone('rollouts', 'shop');
      for (const weight of weights) chronicle.route(weight);
      const changes = chronicle.history.changes();
      const endState = endStateOf(chronicle.history, 'delete-1');
      return { died: false, endState, deeds: {}, traffic: trafficOf(changes), events: {} } as unknown as Outcome;
    };
    const workload = { leastDwellMs: {} } as unknown as Workload;
    const judge = new Judge(workload, [told(), told()]);
    for (const calm of [judge, new Judge(workload, [told(0), told()]), new Judge(workload, [told(0), told(0)])]) {
      expect(calm.unexplained).toEqual([]);
      expect(calm.findings(told())).toEqual([]);
      expect(calm.findings(told(0))).toEqual([]);
      expect(calm.findings(told(10, 0))).toEqual([]);
    }
    expect(judge.findings(told(60))).toContain('weights: 0 20 60 (fault-free: 0 20)');
    expect(judge.findings(told(0, 20))).toContain('weights: 0 20 20 (fault-free: 0 20)');
    const renamed = { ...told(0), endState: { ...told(0).endState, 'httproutes/shop.spec.hostnames.0': 'other' } };
    expect(judge.findings(renamed)).toHaveLength(1);
  });

  it('see a route that loses shares after the Rollout is deleted', () => {
    const chronicle = new Chronicle().note('rollouts', 'shop', {}).slice('shop-stable', 2).route(0);
    chronicle.gone('rollouts', 'shop');
    const backendRefs = [
      { name: 'shop-stable', weight: 0 },
      { name: 'shop-canary', weight: 0 },
    ];
    chronicle.note('httproutes', 'shop', { spec: { rules: [{ backendRefs }] } });
    expect(trafficOf(chronicle.history.changes()).voids).toEqual([
      expect.stringContaining('the weights of the route are 0 in all'),
    ]);
  });

  it('go on when another Rollout is deleted, or the same one is made anew', () => {
    const chronicle = new Chronicle().note('rollouts', 'shop', {}).slice('shop-canary', 1).route(0).route(20);
    chronicle.note('rollouts', 'giant', {}).gone('rollouts', 'giant').route(0).gone('rollouts', 'shop');
    chronicle.note('rollouts', 'shop', {}).route(20).route(0);
    const { dwells } = trafficOf(chronicle.history.changes());
    expect(dwells.map(({ weight }) => weight)).toEqual([0, 20, 0, 20, 0]);
  });

  it('tell the weights in the order of the API server, not in that in which they were heard of', () => {
    const chronicle = new Chronicle().route(0).route(20).route(60);
    const late = chronicle.history.changes().toReversed();
    const history = new NamespaceHistory();
    for (const { object } of late) if (object) history.note('httproutes', object, false);
    expect(trafficOf(history.changes()).dwells.map(({ weight }) => weight)).toEqual([0, 20, 60]);
  });

  it('see what was made twice, deleted, and scaled there and back, although the end is the same', () => {
    const quiet = new Chronicle().set('shop-1', 2).pod('shop-1-a', 'shop-1').pod('shop-1-b', 'shop-1');
    const outage = new Chronicle().set('shop-1', 2).pod('shop-1-a', 'shop-1').set('shop-1', 0).gone('pods', 'shop-1-a');
    outage.set('shop-1', 2).pod('shop-1-c', 'shop-1').pod('shop-1-d', 'shop-1');
    const [before, after] = [quiet, outage].map(({ history }) => endStateOf(history, 'ns'));
    expect(differences(before ?? {}, after ?? {}, new Set())).toEqual([]);
    const deeds = differences(deedsOf(quiet.history.changes()), deedsOf(outage.history.changes()), new Set());
    expect(deeds).toEqual([
      'pods of shop-1: created 3, deleted 1 (fault-free: created 2, deleted 0)',
      'replicas of replicasets/shop-1: 2 0 2 (fault-free: 2)',
    ]);
    const again = new Chronicle().set('shop-1', 2).gone('replicasets', 'shop-1');
    again.note('replicasets', 'shop-1', { spec: { replicas: 2 } }, 'another-uid');
    expect(deedsOf(again.history.changes())['replicasets/shop-1']).toBe('created 2, deleted 1');
  });

  it('compare end states without times, uids and names of namespaces, and without what never agrees', () => {
    const status = (ns: string, at: string, count: number) => ({ message: `${ns} at ${at}`, count, phase: 'Healthy' });
    const tell = (ns: string, at: string, count: number) => {
      const { history } = new Chronicle().note('rollouts', 'shop', { status: status(ns, at, count) }, `uid-of-${ns}`);
      return endStateOf(history, ns);
    };
    const one = tell('ns-1', '2026-01-01T00:00:00Z', 7);
    const two = tell('ns-2', '2026-02-02T11:11:11.5Z', 8);
    expect(differences(one, two, new Set())).toEqual(['rollouts/shop.status.count: 8 (fault-free: 7)']);
    expect([...maskOf([one, two])]).toEqual(['rollouts/shop.status.count']);
    expect(differences(one, two, maskOf([one, two]))).toEqual([]);
    expect(differences(one, {}, new Set())).toEqual(['rollouts/shop is not there']);
    expect(differences({}, one, new Set())).toEqual(['rollouts/shop is there, without faults it is not']);
  });
});
