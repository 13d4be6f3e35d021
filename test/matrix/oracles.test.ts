import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../support/control-plane/api-client.ts';
import { type Followed, NamespaceHistory } from '../support/matrix/cluster-history.ts';
import { deedsOf } from '../support/matrix/deeds.ts';
import { differences, endStateOf, maskOf } from '../support/matrix/end-state.ts';
import { trafficOf } from '../support/matrix/traffic-story.ts';

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

  it('hold nothing against anybody after the Rollout is deleted', () => {
    const chronicle = new Chronicle().note('rollouts', 'shop', {}).route(0).slice('shop-stable', 2);
    chronicle.gone('rollouts', 'shop').slice('shop-stable', 0);
    expect(trafficOf(chronicle.history.changes()).voids).toEqual([]);
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
