import { describe, expect, it } from 'vitest';
import type { SimCluster } from '../support/sim-cluster.ts';
import { canaryOnTrial, hashOf, push, send, settledBlueGreen, settledCanary, stateOf } from '../support/sim-stories.ts';

const KEY = 'sluice.dev/pod-template-hash';
const selects = (cluster: SimCluster, name: string) => cluster.services.get(name)?.['spec'].selector[KEY];
const strategy = (cluster: SimCluster, value: unknown) => {
  cluster.edit(spec => Object.assign(spec, { strategy: value }));
};

describe('what a strategy no longer names comes to rest', () => {
  it('the Services of a blue-green that becomes a canary without Services select all pods again', () => {
    const cluster = settledBlueGreen();
    strategy(cluster, { canary: { steps: [{ setWeight: 50 }] } });
    cluster.settle();
    expect([selects(cluster, 'active'), selects(cluster, 'preview'), stateOf(cluster)]).toEqual([
      undefined,
      undefined,
      'Healthy Healthy',
    ]);
    expect(cluster.status['steered']).toBeUndefined();
    push(cluster, '2');
    cluster.settle();
    expect(cluster.services.get('active')?.['endpoints']).not.toEqual([]);
  });

  it('a Service that was renamed in spec lets go before any pod leaves', () => {
    const cluster = settledBlueGreen();
    cluster.addService('shop');
    strategy(cluster, { blueGreen: { activeService: 'shop', previewService: 'preview' } });
    push(cluster, '2');
    cluster.settle();
    expect([selects(cluster, 'active'), selects(cluster, 'shop')]).toEqual([undefined, hashOf('2')]);
  });

  it('the route of a canary that becomes blue-green goes back to 0 first of all', () => {
    const cluster = canaryOnTrial();
    strategy(cluster, {
      blueGreen: { activeService: 'active', previewService: 'preview', autoPromotionEnabled: false },
    });
    const [first] = cluster.decide().actions;
    expect(first).toMatchObject({ type: 'PatchRoute', canaryWeight: 0 });
    cluster.settle();
    expect(cluster.canaryWeight()).toBe(0);
    expect([selects(cluster, 'stable'), selects(cluster, 'canary')]).toEqual([hashOf('1'), hashOf('1')]);
    send(cluster, 'abort');
    expect(selects(cluster, 'active')).toBe(hashOf('1'));
    push(cluster, '1');
    cluster.settle();
    expect([selects(cluster, 'stable'), selects(cluster, 'canary')]).toEqual([undefined, undefined]);
  });

  it('a route that was renamed in the middle of a trial', () => {
    const cluster = canaryOnTrial();
    cluster.addRoute('other', 'stable', 'canary');
    cluster.edit(spec => {
      spec['strategy'].canary.trafficRouting = { gatewayAPI: { httpRoute: 'other' } };
    });
    cluster.settle();
    expect([cluster.canaryWeight('shop'), cluster.canaryWeight('other')]).toEqual([0, 20]);
  });

  it('a route with another sum of weights keeps it, beside what others have of the rule', () => {
    const cluster = canaryOnTrial({
      canary: { trafficRouting: { maxTrafficWeight: 1000, gatewayAPI: { httpRoute: 'shop' } } },
    });
    const weights = () => cluster.routes.get('shop')?.['spec'].rules[0].backendRefs.map((ref: any) => ref.weight);
    expect(weights()).toEqual([980, 20]);
    cluster.addRoute('other', 'stable', 'canary');
    cluster.edit(spec => Object.assign(spec['strategy'].canary.trafficRouting.gatewayAPI, { httpRoute: 'other' }));
    cluster.settle();
    expect(weights()).toEqual([1000, 0]);
  });

  it('a route gives stable no more users at once than it can carry', () => {
    const cluster = canaryOnTrial({ replicas: 10, canary: { dynamicStableScale: true } });
    send(cluster, 'promote');
    cluster.behaviour.set(hashOf('1'), { available: 5 });
    strategy(cluster, { blueGreen: { activeService: 'active', autoPromotionEnabled: false } });
    cluster.settle();
    expect([cluster.canaryWeight(), cluster.pods(hashOf('1'))]).toEqual([50, 10]);
    cluster.behaviour.clear();
    cluster.settle();
    expect([cluster.canaryWeight(), cluster.status['steered'].route]).toEqual([0, undefined]);
  });

  it('a Service that is renamed in the middle of a trial shows nobody the preview', () => {
    const cluster = settledBlueGreen({ autoPromotionEnabled: false });
    push(cluster, '2');
    cluster.settle();
    cluster.addService('shop');
    cluster.edit(spec => Object.assign(spec['strategy'].blueGreen, { activeService: 'shop' }));
    cluster.settle();
    expect([selects(cluster, 'active'), selects(cluster, 'shop')]).toEqual([hashOf('1'), hashOf('1')]);
    send(cluster, 'promote');
    expect([selects(cluster, 'active'), selects(cluster, 'shop')]).toEqual([undefined, hashOf('2')]);
    expect(cluster.status['steered'].services).toEqual(['shop', 'preview']);
  });

  it('but not a Service that another Rollout has taken over meanwhile', () => {
    const cluster = settledBlueGreen();
    strategy(cluster, { canary: { steps: [{ setWeight: 50 }] } });
    cluster.services.get('active')!['spec'].selector = { app: 'cart', [KEY]: 'theirs' };
    cluster.settle();
    expect(selects(cluster, 'active')).toBe('theirs');
    expect(cluster.status['steered']).toBeUndefined();
  });

  it('what is still named is kept in status', () => {
    expect(settledCanary().status['steered']).toEqual({
      services: ['stable', 'canary'],
      route: { name: 'shop', stable: 'stable', canary: 'canary' },
    });
  });
});
