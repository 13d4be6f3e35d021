import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { effectiveUnavailable, replicaBudget } from '../../src/core/replica-budget.ts';
import { canarySpec, templateOf } from '../support/rollout-builder.ts';
import { SimCluster } from '../support/sim-cluster.ts';
import { availablePods, wantedPods } from '../support/sim-invariants.ts';

const RUNS = Math.ceil(Number(process.env['SLUICE_SEQUENCES'] ?? 1_000) / 5);

const limit = fc.constantFrom<number | string>(0, 1, 2, 5, '0%', '25%', '50%', '100%');
const event = fc.oneof(
  { weight: 3, arbitrary: fc.record({ image: fc.constantFrom('1', '2', '3') }) },
  { weight: 4, arbitrary: fc.record({ verb: fc.constantFrom('promote', 'promote-full', 'abort', 'retry') }) },
  { weight: 6, arbitrary: fc.record({ passes: fc.integer({ min: 1, max: 4 }) }) },
);
let sent = 0;

it('a canary without a router keeps the pods inside surge and unavailable at every single write', {
  timeout: 600_000,
}, () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      limit,
      limit,
      fc.integer({ min: 1, max: 99 }),
      fc.array(event, { maxLength: 20 }),
      (replicas, maxSurge, maxUnavailable, weight, events) => {
        const steps = [{ setWeight: weight }, { pause: {} }, { setWeight: 100 - weight }, { pause: {} }];
        const cluster = new SimCluster(
          canarySpec({ replicas, router: false, steps, canary: { maxSurge, maxUnavailable } }),
        );
        cluster.settle();
        const budget = replicaBudget(replicas, maxSurge, maxUnavailable) ?? { surge: 0, unavailable: 0 };
        const check = () => {
          expect(wantedPods(cluster)).toBeLessThanOrEqual(replicas + budget.surge);
          expect(availablePods(cluster)).toBeGreaterThanOrEqual(replicas - effectiveUnavailable(replicas, budget));
        };
        const pass = () => {
          const decision = cluster.decide();
          for (const action of decision.actions) {
            cluster.act(action);
            check();
          }
          cluster.storeStatus(decision);
          cluster.react();
        };
        for (const what of events) {
          if ('image' in what) cluster.edit(spec => Object.assign(spec, { template: templateOf(what.image) }));
          else if ('verb' in what) cluster.command(`${what.verb} b-${++sent}`);
          else for (let i = 0; i < what.passes; i++) pass();
        }
        for (let i = 0; i < 60; i++) pass();
        expect(wantedPods(cluster)).toBeLessThanOrEqual(replicas + 1);
      },
    ),
    { numRuns: RUNS },
  );
});
