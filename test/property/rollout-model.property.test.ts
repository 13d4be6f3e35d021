import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MEASUREMENT_PHASES, type MeasurementPhase } from '../../src/api/analysis-run.ts';
import type { Decision } from '../../src/core/decision.ts';
import { blueGreenSpec, canarySpec, templateOf } from '../support/rollout-builder.ts';
import { SimCluster } from '../support/sim-cluster.ts';
import { brokenRules } from '../support/sim-invariants.ts';

/** Sequences to try: 1 000 in `npm test`, more on demand with SLUICE_SEQUENCES=100000. */
const RUNS = Number(process.env['SLUICE_SEQUENCES'] ?? 1_000);

/** One thing that happens to the world between two passes. */
type Step =
  | { readonly kind: 'pass' }
  /** The operator dies after that many writes of a pass; the next pass is a new process. */
  | { readonly kind: 'crash'; readonly after: number }
  /** Somebody changes something between decision and action, so that a write in the middle of the plan is refused. */
  | { readonly kind: 'race'; readonly on: 'set' | 'rollout' | 'route'; readonly which: number }
  /** A plan is made, and carried out later by `late`, when the world has moved on. */
  | { readonly kind: 'look' }
  | { readonly kind: 'late' }
  /** A quiet stretch, in which the world follows every pass. */
  | { readonly kind: 'run' }
  | { readonly kind: 'react' }
  /** One part of the cluster is faster than the others. */
  | { readonly kind: 'reactPods' }
  | { readonly kind: 'reactEndpoints' }
  | { readonly kind: 'reactGateway'; readonly answer: 'True' | 'False' }
  | { readonly kind: 'deleteService'; readonly service: string }
  | { readonly kind: 'steps'; readonly weight: number }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'image'; readonly tag: string }
  | { readonly kind: 'replicas'; readonly count: number }
  | { readonly kind: 'sample'; readonly outcome: MeasurementPhase }
  | { readonly kind: 'command'; readonly verb: string }
  | { readonly kind: 'pods'; readonly tag: string; readonly available: number }
  | { readonly kind: 'route'; readonly weight: number }
  | { readonly kind: 'dropSelector'; readonly service: string }
  | { readonly kind: 'deleteSet' }
  | { readonly kind: 'pauseSpec'; readonly paused: boolean };

const SERVICES = ['stable', 'canary', 'active', 'preview'];
const tags = fc.constantFrom('1', '2', '3', '4');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Step>({ kind: 'pass' }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('crash' as const), after: fc.nat(4) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('race' as const),
      on: fc.constantFrom('set' as const, 'rollout' as const, 'route' as const),
      which: fc.nat(3),
    }),
  },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: 'run' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'look' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'late' }) },
  { weight: 6, arbitrary: fc.constant<Step>({ kind: 'react' }) },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'reactPods' }) },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'reactEndpoints' }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('reactGateway' as const),
      answer: fc.constantFrom('True' as const, 'True' as const, 'False' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('deleteService' as const), service: fc.constantFrom(...SERVICES) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('steps' as const), weight: fc.integer({ min: 1, max: 100 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(1, 1_000, 31_000, 400_000) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('image' as const), tag: tags }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('replicas' as const), count: fc.integer({ min: 0, max: 6 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('sample' as const),
      outcome: fc.constantFrom(...MEASUREMENT_PHASES, 'Successful' as const, 'Successful' as const),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('command' as const),
      verb: fc.constantFrom(
        'promote',
        'promote-full',
        'abort',
        'retry',
        'pause',
        'resume',
        'release-quarantine',
        'nonsense',
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pods' as const), tag: tags, available: fc.nat(4) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('route' as const), weight: fc.integer({ min: 0, max: 100 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('dropSelector' as const), service: fc.constantFrom(...SERVICES) }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'deleteSet' }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pauseSpec' as const), paused: fc.boolean() }) },
);

const ANALYSIS = { templates: [{ templateName: 'success-rate' }] };
const STRATEGIES = {
  routed: () => canarySpec({ analysis: ANALYSIS }),
  stepAnalysis: () =>
    canarySpec({
      steps: [
        { setCanaryScale: { replicas: 1 } },
        { setWeight: 10 },
        { analysis: ANALYSIS },
        { setWeight: 50 },
        { setCanaryScale: { matchTrafficWeight: true } },
      ],
    }),
  dynamic: () => canarySpec({ canary: { dynamicStableScale: true } }),
  basic: () => canarySpec({ router: false }),
  blueGreen: () =>
    blueGreenSpec({
      prePromotionAnalysis: ANALYSIS,
      postPromotionAnalysis: ANALYSIS,
      previewReplicaCount: 1,
      autoPromotionSeconds: 5,
    }),
};

function world(strategy: keyof typeof STRATEGIES): SimCluster {
  const cluster = new SimCluster(STRATEGIES[strategy]());
  for (const name of SERVICES) cluster.addService(name);
  cluster.addRoute('shop', 'stable', 'canary');
  cluster.addTemplate('success-rate', {
    metrics: [
      { name: 'success', interval: '10s', threshold: { min: 0.95 }, provider: { prometheus: { query: 'up' } } },
    ],
  });
  cluster.settle();
  return cluster;
}

let commands = 0;

/** A plan that was made and not carried out yet, with the Rollout that it was made for. */
interface Plan {
  readonly decision: Decision;
  readonly madeFor: string;
}
const plans = new WeakMap<SimCluster, Plan>();

function plan(cluster: SimCluster): Plan {
  const decision = cluster.decide();
  const broken = brokenRules(cluster, decision);
  if (broken.length > 0) throw new Error(broken.join('; '));
  return { decision, madeFor: cluster.rolloutVersion() };
}

function carryOut(cluster: SimCluster, { decision, madeFor }: Plan, stopAfter?: number): void {
  plans.delete(cluster);
  cluster.carryOut(decision, stopAfter, madeFor);
}

function race(cluster: SimCluster, on: 'set' | 'rollout' | 'route', which: number): void {
  const made = plan(cluster);
  const set = [...cluster.replicaSets.values()][which];
  if (on === 'set' && set) cluster.touch(set);
  if (on === 'rollout') cluster.edit(() => {});
  if (on === 'route') cluster.routes.get('shop')?.['spec'].rules[0].backendRefs.reverse();
  carryOut(cluster, made);
  if (on === 'route') cluster.routes.get('shop')?.['spec'].rules[0].backendRefs.reverse();
}

function happen(cluster: SimCluster, what: Step): void {
  switch (what.kind) {
    case 'pass':
    case 'crash':
      carryOut(cluster, plan(cluster), what.kind === 'crash' ? what.after : undefined);
      return;
    case 'race':
      race(cluster, what.on, what.which);
      return;
    case 'run':
      for (let i = 0; i < 8; i++) {
        cluster.react();
        carryOut(cluster, plan(cluster));
      }
      return;
    case 'look':
      plans.set(cluster, plan(cluster));
      return;
    case 'late': {
      const made = plans.get(cluster);
      if (made) carryOut(cluster, made);
      return;
    }
    case 'react':
      cluster.react();
      return;
    case 'reactPods':
      cluster.reactPods();
      return;
    case 'reactEndpoints':
      cluster.reactEndpoints();
      return;
    case 'reactGateway':
      cluster.reactGateway(what.answer);
      return;
    case 'deleteService':
      cluster.services.delete(what.service);
      return;
    case 'steps':
      cluster.edit(spec => {
        const { canary } = spec['strategy'];
        if (canary?.trafficRouting)
          canary.steps = [
            { setCanaryScale: { replicas: 3 } },
            { setWeight: what.weight },
            { setWeight: 100 - Math.floor(what.weight / 2) },
            { pause: {} },
          ];
      });
      return;
    case 'time':
      cluster.advance(what.ms);
      return;
    case 'image':
      cluster.edit(spec => {
        spec['template'] = templateOf(what.tag);
      });
      return;
    case 'replicas':
      cluster.edit(spec => {
        spec['replicas'] = what.count;
      });
      return;
    case 'pauseSpec':
      cluster.edit(spec => {
        spec['paused'] = what.paused;
      });
      return;
    case 'sample':
      for (const [name, run] of cluster.runs)
        if (!['Successful', 'Failed', 'Inconclusive', 'Error'].includes(run['status']?.phase))
          cluster.measure(
            name,
            'success',
            what.outcome,
            name.endsWith('-pre') || name.endsWith('-post') || /-\d+$/.test(name),
          );
      return;
    case 'command':
      cluster.command(`${what.verb} id-${++commands}`);
      return;
    case 'pods':
      for (const set of cluster.replicaSets.values())
        if (JSON.stringify(set['spec'].template ?? '').includes(`shop:${what.tag}"`))
          cluster.behaviour.set(set.metadata.labels?.['sluice.dev/pod-template-hash'] ?? '', {
            available: what.available,
          });
      return;
    case 'route': {
      const route = cluster.routes.get('shop');
      if (!route) return;
      const [stable, canary] = route['spec'].rules[0].backendRefs;
      stable.weight = 100 - what.weight;
      canary.weight = what.weight;
      cluster.touch(route);
      return;
    }
    case 'dropSelector': {
      const service = cluster.services.get(what.service);
      if (service) service['spec'] = { selector: { app: 'shop' } };
      return;
    }
    case 'deleteSet': {
      const [first] = cluster.replicaSets.keys();
      if (first) cluster.replicaSets.delete(first);
      return;
    }
  }
}

/** Troubles end; what is due is measured well; a person promotes what waits for one. Then the world must come to rest. */
function converge(cluster: SimCluster): void {
  cluster.behaviour.clear();
  for (const name of SERVICES) if (!cluster.services.has(name)) cluster.addService(name);
  cluster.edit(spec => {
    delete spec['paused'];
    if (spec['replicas'] === 0) spec['replicas'] = 2;
  });
  cluster.command(`resume end-${++commands}`);
  for (let round = 0; round < 60; round++) {
    cluster.settle();
    const { phase } = cluster.status;
    if (phase === 'Healthy' || phase === 'Aborted') break;
    for (const [name, run] of cluster.runs)
      if (!['Successful', 'Failed', 'Inconclusive', 'Error'].includes(run['status']?.phase))
        cluster.measure(
          name,
          'success',
          'Successful',
          name.endsWith('-pre') || name.endsWith('-post') || /-\d+$/.test(name),
        );
    if (cluster.status['pause']) cluster.command(`promote end-${++commands}`);
    cluster.advance(10_000);
  }
  cluster.advance(120_000);
  cluster.settle();
}

describe.each(Object.keys(STRATEGIES) as (keyof typeof STRATEGIES)[])('random stories of a %s rollout', strategy => {
  it('break no rule on the way, come to rest, and serve what Git declared and was verified', {
    timeout: 600_000,
  }, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        const cluster = world(strategy);
        for (const what of steps) happen(cluster, what);
        converge(cluster);
        const { status } = cluster;
        expect(['Healthy', 'Aborted']).toContain(status['phase']);
        const replicas = cluster.rollout['spec'].replicas as number;
        expect(cluster.pods(status['stable'].podTemplateHash)).toBe(replicas);
        if (strategy !== 'blueGreen' && strategy !== 'basic') expect(cluster.canaryWeight()).toBe(0);
        // Quiet: another pass on the same world writes nothing.
        const again = cluster.decide();
        expect(again.actions).toEqual([]);
        expect(JSON.parse(JSON.stringify(again.status))).toEqual(cluster.rollout['status']);
        expect(again.facts).toEqual([]);
        // Deterministic.
        expect(cluster.decide()).toEqual(again);
      }),
      {
        numRuns: Math.ceil(RUNS / Object.keys(STRATEGIES).length),
        ...(process.env['SLUICE_SEED'] ? { seed: Number(process.env['SLUICE_SEED']) } : {}),
      },
    );
  });
});
