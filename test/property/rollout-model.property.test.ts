import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MeasurementPhase } from '../../src/api/analysis-run.ts';
import type { Decision } from '../../src/core/decision.ts';
import { blueGreenSpec, canarySpec, templateOf } from '../support/rollout-builder.ts';
import { SimCluster } from '../support/sim-cluster.ts';
import { brokenRules } from '../support/sim-invariants.ts';
import { ungatedShares } from '../support/sim-passage.ts';
import { SERVICES, type Step, step } from './story-steps.ts';

/** Sequences to try: 1 000 in `npm test`, more on demand with SLUICE_SEQUENCES=100000. */
const RUNS = Number(process.env['SLUICE_SEQUENCES'] ?? 1_000);

const ANALYSIS = { templates: [{ templateName: 'success-rate' }] };
const STRATEGIES = {
  routed: () => canarySpec({ analysis: ANALYSIS }),
  stepAnalysis: () =>
    canarySpec({
      steps: [
        { setCanaryScale: { replicas: 1 } },
        { setWeight: 10 },
        { analysis: ANALYSIS },
        { pause: {} },
        { setWeight: 50 },
        { setCanaryScale: { matchTrafficWeight: true } },
      ],
    }),
  dynamic: () => canarySpec({ canary: { dynamicStableScale: true } }),
  basic: () => canarySpec({ router: false }),
  basicAnalysis: () => canarySpec({ router: false, analysis: ANALYSIS }),
  blueGreen: () =>
    blueGreenSpec({
      prePromotionAnalysis: ANALYSIS,
      postPromotionAnalysis: ANALYSIS,
      previewReplicaCount: 1,
      autoPromotionSeconds: 5,
    }),
};

const TEMPLATE = {
  metrics: [{ name: 'success', interval: '10s', threshold: { min: 0.95 }, provider: { prometheus: { query: 'up' } } }],
};

function world(strategy: keyof typeof STRATEGIES): SimCluster {
  const cluster = new SimCluster(STRATEGIES[strategy]());
  for (const name of SERVICES) cluster.addService(name);
  cluster.addRoute('shop', 'stable', 'canary');
  cluster.addTemplate('success-rate', TEMPLATE);
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

const ENDED = ['Successful', 'Failed', 'Inconclusive', 'Error'];

/** Measures every run that goes on; those that gate a moment end with it. */
function sample(cluster: SimCluster, outcome: MeasurementPhase): void {
  for (const [name, run] of cluster.runs)
    if (!ENDED.includes(run['status']?.phase))
      cluster.measure(name, 'success', outcome, name.endsWith('-pre') || name.endsWith('-post') || /-\d+$/.test(name));
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
    case 'gateway':
      cluster.gatewayAway = what.away;
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
      sample(cluster, what.outcome);
      return;
    case 'deliver':
      happen(cluster, { kind: 'template', state: what.template });
      happen(cluster, { kind: 'image', tag: what.tag });
      for (let round = 0; round < what.rounds; round++) {
        happen(cluster, { kind: 'run' });
        if (what.outcome !== 'none') sample(cluster, what.outcome);
        if (what.verb !== 'none') happen(cluster, { kind: 'command', verb: what.verb });
        happen(cluster, { kind: 'run' });
        cluster.advance(31_000);
      }
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
      route.metadata = { ...route.metadata, generation: (route.metadata.generation ?? 0) + 1 };
      cluster.touch(route);
      return;
    }
    case 'dropSelector': {
      const service = cluster.services.get(what.service);
      if (service) service['spec'] = { selector: { app: 'shop' } };
      return;
    }
    case 'template':
      if (what.state === 'gone') cluster.templates.clear();
      else cluster.addTemplate('success-rate', what.state === 'good' ? TEMPLATE : { metrics: [{ name: 'success' }] });
      return;
    case 'deleteSet': {
      const [first] = cluster.replicaSets.keys();
      if (first) cluster.replicaSets.delete(first);
      return;
    }
  }
}

/** Troubles end; what is due is measured well; a person promotes what waits for one. Then the world must come to rest. */
function converge(cluster: SimCluster): void {
  cluster.gatewayAway = false;
  cluster.behaviour.clear();
  cluster.addTemplate('success-rate', TEMPLATE);
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
    sample(cluster, 'Successful');
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
      fc.property(fc.array(step, { maxLength: 40 }), fc.constantFrom(0, 0, 3, 20), (steps, patience) => {
        const cluster = world(strategy);
        cluster.patience = patience;
        for (const what of steps) happen(cluster, what);
        converge(cluster);
        const { status } = cluster;
        expect(['Healthy', 'Aborted']).toContain(status['phase']);
        const replicas = cluster.rollout['spec'].replicas as number;
        expect(cluster.pods(status['stable'].podTemplateHash)).toBe(replicas);
        if (cluster.rollout['spec'].strategy.canary?.trafficRouting) expect(cluster.canaryWeight()).toBe(0);
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

it('a canary without a router gets no pods while a template of its analyses is missing', () => {
  const cluster = world('basicAnalysis');
  happen(cluster, { kind: 'template', state: 'gone' });
  happen(cluster, { kind: 'image', tag: '2' });
  for (let i = 0; i < 8; i++) {
    cluster.react();
    const made = plan(cluster);
    expect(ungatedShares(cluster, made.decision)).toEqual([]);
    carryOut(cluster, made);
  }
});
