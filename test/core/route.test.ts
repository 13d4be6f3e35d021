import { describe, expect, it } from 'vitest';
import { HASH_LABEL } from '../../src/api/names.ts';
import { canarySpec } from '../support/rollout-builder.ts';
import { SimCluster } from '../support/sim-cluster.ts';
import {
  canaryNow,
  canaryOnTrial,
  emptyCluster,
  hashOf,
  push,
  send,
  settledCanary,
  stateOf,
  wait,
  weightsOf,
} from '../support/sim-stories.ts';

const routeTemplate = {
  metadata: { labels: { team: 'a' } },
  spec: {
    rules: [
      {
        backendRefs: [
          { name: 'stable', port: 80 },
          { name: 'canary', port: 80 },
        ],
      },
    ],
  },
};

function foreignWeight(cluster: SimCluster, canary: number): void {
  const route = cluster.routes.get('shop');
  if (!route) throw new Error('no route');
  const [stableRef, canaryRef] = route['spec'].rules[0].backendRefs;
  stableRef.weight = 100 - canary;
  canaryRef.weight = canary;
}

const canaryService = (cluster: SimCluster) => cluster.services.get('canary')?.['spec'].selector[HASH_LABEL];

describe('the route', () => {
  it('that is missing stops everything before anything moves', () => {
    const cluster = settledCanary();
    cluster.routes.clear();
    push(cluster, '2');
    cluster.settle();
    expect([stateOf(cluster), cluster.pods(hashOf('2'))]).toEqual(['Progressing RouteMissing', 0]);
    expect(cluster.status['message']).toContain('HTTPRoute shop does not exist; create it, or give routeTemplate');
    cluster.addRoute('shop', 'stable', 'canary');
    cluster.settle();
    expect(canaryNow(cluster)).toBe('1 pods, 20 %');
  });

  it('is created and owned where routeTemplate is given, with all weight on stable', () => {
    const cluster = new SimCluster(
      canarySpec({ canary: { trafficRouting: { gatewayAPI: { httpRoute: 'shop', routeTemplate } } } }),
    );
    for (const name of ['stable', 'canary']) cluster.addService(name);
    cluster.settle();
    const route = cluster.routes.get('shop');
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Healthy Healthy', 0]);
    expect(route?.metadata).toMatchObject({
      labels: { team: 'a' },
      ownerReferences: [{ kind: 'Rollout', name: 'shop' }],
    });
  });

  it('that cannot carry weights is malformed, and says why', () => {
    const cluster = emptyCluster(canarySpec());
    const route = cluster.routes.get('shop');
    if (route) route['spec'].rules[0].backendRefs.pop();
    cluster.settle();
    expect([stateOf(cluster), cluster.status['message']]).toEqual([
      'Progressing RouteMalformed',
      'HTTPRoute shop: no rule has both backendRefs stable and canary; add the missing one with weight 0',
    ]);
  });

  it('keeps the step waiting until the gateway has accepted the new weight', () => {
    const cluster = settledCanary();
    push(cluster, '2');
    for (let i = 0; i < 12; i++) {
      cluster.reactPods();
      cluster.reactEndpoints();
      cluster.pass();
    }
    expect([stateOf(cluster), cluster.canaryWeight(), cluster.status['step'].index]).toEqual([
      'Progressing ShiftingTraffic',
      20,
      0,
    ]);
    cluster.settle();
    expect(cluster.status['step'].index).toBe(1);
  });

  it('that the gateway rejects is said with its words, and the deadline ends it', () => {
    const cluster = settledCanary();
    push(cluster, '2');
    for (let i = 0; i < 12; i++) {
      cluster.reactPods();
      cluster.reactEndpoints();
      cluster.reactGateway('False');
      cluster.pass();
    }
    expect(stateOf(cluster)).toBe('Progressing RouteNotAccepted');
    expect(cluster.status['message']).toContain(
      'the gateway reports Accepted=False on HTTPRoute shop: no such Gateway',
    );
    cluster.advance(601_000);
    cluster.pass();
    expect(stateOf(cluster)).toBe('Aborted ProgressDeadlineExceeded');
  });

  it.each([
    ['a promotion', 'promote', '2', 100],
    ['an abort', 'abort', '1', 20],
  ])(
    'takes the canary Service to no revision on trial before the gateway has taken up %s',
    (_, verb, stable, weight) => {
      const cluster = canaryOnTrial({ steps: [{ setWeight: 20 }, { pause: {} }] });
      cluster.command(`${verb} now`);
      // As far as the operator gets before the gateway's controller goes away.
      for (let i = 0; i < 12 && cluster.canaryWeight() !== 0; i++) {
        cluster.pass();
        if (cluster.canaryWeight() !== 0) cluster.react();
      }
      push(cluster, '3');
      for (let i = 0; i < 12; i++) {
        cluster.reactPods();
        cluster.reactEndpoints();
        cluster.pass();
      }
      expect([weightsOf(cluster).at(-2), cluster.status['stable'].podTemplateHash]).toEqual([weight, hashOf(stable)]);
      expect([cluster.canaryWeight(), canaryService(cluster), stateOf(cluster)]).toEqual([
        0,
        hashOf(stable),
        'Progressing ShiftingTraffic',
      ]);
      cluster.settle();
      expect([canaryNow(cluster, '3'), canaryService(cluster)]).toEqual(['1 pods, 20 %', hashOf('3')]);
    },
  );

  it('that the gateway has not taken up does not keep an abort from taking the canary Service to stable', () => {
    const cluster = canaryOnTrial();
    cluster.gatewayAway = true;
    send(cluster, 'abort');
    expect([cluster.canaryWeight(), canaryService(cluster), cluster.pods(hashOf('2'))]).toEqual([0, hashOf('1'), 1]);
    cluster.gatewayAway = false;
    cluster.settle();
    wait(cluster, 31);
    expect([stateOf(cluster), cluster.pods(hashOf('2'))]).toEqual(['Aborted AbortedByCommand', 0]);
  });

  it('that the gateway has not taken up does not keep a canary Service that is empty', () => {
    const cluster = canaryOnTrial();
    cluster.gatewayAway = true;
    push(cluster, '3');
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    cluster.settle();
    expect([cluster.canaryWeight(), canaryService(cluster)]).toEqual([0, hashOf('1')]);
    cluster.gatewayAway = false;
    cluster.settle();
    expect(canaryService(cluster)).toBe(hashOf('3'));
  });

  it('that the gateway has not taken up lets no analysis begin before the canary Service shows the revision', () => {
    const steps = [
      { setCanaryScale: { replicas: 1 } },
      { analysis: { templates: [{ templateName: 'smoke' }] } },
      { setWeight: 20 },
      { pause: {} },
    ];
    const cluster = canaryOnTrial({ steps: [{ setWeight: 20 }, { pause: {} }] });
    cluster.addTemplate('smoke', { metrics: [{ name: 'ok', provider: { prometheus: { query: 'up' } } }] });
    cluster.gatewayAway = true;
    cluster.edit(spec => Object.assign(spec['strategy'].canary, { steps }));
    push(cluster, '3');
    cluster.settle();
    expect([cluster.pods(hashOf('3')), cluster.runs.size, stateOf(cluster)]).toEqual([
      1,
      0,
      'Progressing ShiftingTraffic',
    ]);
    cluster.gatewayAway = false;
    cluster.settle();
    expect([canaryService(cluster), cluster.runs.size]).toEqual([hashOf('3'), 1]);
  });

  it('at rest is Healthy only when the gateway has taken it up', () => {
    const cluster = canaryOnTrial();
    push(cluster, '1');
    cluster.pass();
    cluster.pass();
    expect([stateOf(cluster), cluster.status['message']]).toEqual([
      'Progressing ShiftingTraffic',
      'the gateway has not yet taken up the last change of HTTPRoute shop',
    ]);
    cluster.settle();
    expect(stateOf(cluster)).toBe('Healthy Healthy');
  });

  it('that is rejected at rest is said too', () => {
    const cluster = settledCanary();
    cluster.reactGateway('False');
    cluster.pass();
    expect(stateOf(cluster)).toBe('Progressing RouteNotAccepted');
  });

  it('never gives weight to a Service without ready endpoints, and takes it away when they go', () => {
    const cluster = settledCanary();
    push(cluster, '2');
    for (let i = 0; i < 12; i++) {
      cluster.reactPods();
      cluster.reactGateway();
      cluster.pass();
    }
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Progressing WaitingForEndpoints', 0]);
    cluster.settle();
    expect(cluster.canaryWeight()).toBe(20);
    cluster.behaviour.set(hashOf('2'), { available: 0 });
    cluster.settle();
    expect(cluster.canaryWeight()).toBe(0);
  });

  it('honours maxTrafficWeight', () => {
    const cluster = canaryOnTrial({
      replicas: 10,
      steps: [{ setWeight: 250 }, { pause: {} }],
      canary: { trafficRouting: { gatewayAPI: { httpRoute: 'shop' }, maxTrafficWeight: 1000 } },
    });
    expect([cluster.canaryWeight(), cluster.pods(hashOf('2')), cluster.status['display'].weight]).toEqual([
      250,
      3,
      '25%',
    ]);
    send(cluster, 'promote');
    expect(cluster.status['history'][0].weightReached).toBe(1000);
  });
});

describe('somebody else who writes our weights', () => {
  it.each([
    [settledCanary, 50, 0],
    [canaryOnTrial, 0, 20],
    [canaryOnTrial, 90, 20],
  ] as const)('is set right at once, and told once', (story, foreign, ours) => {
    const cluster = story();
    foreignWeight(cluster, foreign);
    const decision = cluster.pass();
    expect([cluster.canaryWeight(), decision.facts.filter(f => f.reason === 'RouteConflict').length]).toEqual([
      ours,
      1,
    ]);
    cluster.settle();
    foreignWeight(cluster, foreign);
    cluster.routeConflicts = 1;
    const again = cluster.pass();
    expect([cluster.canaryWeight(), again.facts.filter(f => f.reason === 'RouteConflict').length]).toEqual([ours, 0]);
  });

  describe('while a person is waited for', () => {
    const cluster = () =>
      canaryOnTrial({ steps: [{ setWeight: 20 }, { pause: {} }, { setWeight: 60 }, { pause: {} }] });

    it('is told, and the wait is not told anew', () => {
      const fought = cluster();
      const waiting = fought.status['pause'];
      const told: string[] = [];
      for (let fight = 0; fight < 3; fight++) {
        foreignWeight(fought, 0);
        told.push(...fought.pass().facts.map(({ reason }) => reason));
        expect(fought.status['phase']).toBe('Progressing');
        for (let rest = 0; rest < 4; rest++) {
          fought.react();
          told.push(...fought.pass().facts.map(({ reason }) => reason));
        }
        expect([stateOf(fought), fought.status['pause']]).toEqual(['Paused PauseStep', waiting]);
      }
      expect(told).toContain('RouteConflict');
      expect(told.filter(reason => reason === 'Paused' || reason === 'Resumed')).toEqual([]);
    });

    it('does not keep a promotion from being done', () => {
      const fought = cluster();
      foreignWeight(fought, 0);
      fought.pass();
      expect(fought.status['phase']).toBe('Progressing');
      expect(send(fought, 'promote')).toBe('promoted');
      expect(fought.canaryWeight()).toBe(60);
    });
  });

  it('and takes the route away holds a promotion too, and that is said', () => {
    const cluster = canaryOnTrial({ steps: [{ setWeight: 20 }, { pause: {} }, { setWeight: 60 }, { pause: {} }] });
    const routes = new Map(cluster.routes);
    cluster.routes.clear();
    cluster.pass();
    expect(send(cluster, 'promote')).toMatch(/^refused: nothing moves now \(\w+\); send promote again when/);
    for (const [name, route] of routes) cluster.routes.set(name, route);
    cluster.settle();
    expect([stateOf(cluster), cluster.canaryWeight()]).toEqual(['Paused PauseStep', 20]);
    expect(send(cluster, 'promote')).toBe('promoted');
  });

  it('again and again is left alone for a while when we would raise the weight, and said', () => {
    const cluster = canaryOnTrial();
    cluster.routeConflicts = 5;
    foreignWeight(cluster, 0);
    for (let i = 0; i < 3; i++) {
      expect(cluster.pass().wakeAt).toBeLessThanOrEqual(cluster.now + 10_000);
      expect([cluster.canaryWeight(), cluster.status['display'].reason]).toEqual([0, 'RouteConflict']);
    }
    cluster.routeConflicts = 4;
    cluster.settle();
    expect(cluster.canaryWeight()).toBe(20);
  });

  it('is resisted longer when traffic is to leave the canary', () => {
    const cluster = settledCanary();
    foreignWeight(cluster, 50);
    cluster.routeConflicts = 9;
    cluster.pass();
    expect(cluster.canaryWeight()).toBe(0);
    foreignWeight(cluster, 50);
    cluster.routeConflicts = 10;
    cluster.pass();
    expect(cluster.canaryWeight()).toBe(50);
  });

  it('does not hold up an abort', () => {
    const cluster = canaryOnTrial();
    cluster.routeConflicts = 10;
    cluster.command('abort now');
    cluster.pass();
    expect(cluster.canaryWeight()).toBe(0);
  });
});
