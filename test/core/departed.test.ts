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
    expect([selects(cluster, 'stable'), selects(cluster, 'canary')]).toEqual([undefined, undefined]);
    send(cluster, 'abort');
    expect(selects(cluster, 'active')).toBe(hashOf('1'));
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
