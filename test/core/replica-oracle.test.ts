import { describe, expect, it } from 'vitest';
import type { CanaryScale } from '../../src/api/rollout-steps.ts';
import { drainOlder } from '../../src/core/older-drain.ts';
import { NO_PODS, type PodCount, removablePods } from '../../src/core/pod-count.ts';
import { effectiveUnavailable, replicaBudget } from '../../src/core/replica-budget.ts';
import { podsForWeight, routedReplicas } from '../../src/core/routed-replicas.ts';
import { shareStep, targetSplit } from '../../src/core/share-of-replicas.ts';
import { differingRows, expectAsOracle } from './replica-oracle-differences.ts';
import { type OracleRow, oracleRows, rowsOfKind } from './replica-oracle-rows.ts';

/** Kinds with a test here, and those in replica-oracle-decisions.test.ts. */
const ARITHMETIC = [
  'basicCanary',
  'approxWeight',
  'trafficRouted',
  'weightToReplicas',
  'scaleDownContribution',
  'budgets',
  'oldReplicaSetDrain',
  'e2ePodCounts',
];
const DECISIONS = ['abortWeight', 'progressThreshold', 'availabilityGate', 'atDesired', 'blueGreenPreview'];

const budgetOf = (row: OracleRow) => {
  const budget = replicaBudget(row.replicas, row.maxSurge ?? 0, row.maxUnavailable ?? 0);
  if (!budget) throw new Error('no budget');
  return budget;
};

function scaleOf(row: OracleRow): CanaryScale | undefined {
  const scale = row.setCanaryScale;
  if (!scale || scale.matchTrafficWeight) return undefined;
  if (scale.replicas !== null) return { replicas: scale.replicas };
  return scale.weight !== null ? { weight: scale.weight } : undefined;
}

describe('replica arithmetic equals the oracle', () => {
  it.each(rowsOfKind('basicCanary'))('%s', (_, row) => {
    const weight = row.abort ? 0 : row.promoteFull ? row.maxWeight : row.setWeight;
    const split = shareStep({
      replicas: row.replicas,
      weight,
      maxWeight: row.maxWeight,
      budget: budgetOf(row),
      canary: row.canary ?? NO_PODS,
      stable: row.stableIsCanary ? undefined : (row.stable ?? undefined),
      older: (row.older as PodCount | null) ?? NO_PODS,
    });
    expect(split).toEqual(row.expected);
  });

  it.each(rowsOfKind('approxWeight'))('%s', (_, row) => {
    const surge = typeof row.maxSurge === 'number' ? row.maxSurge : 0;
    expect(targetSplit(row.replicas, row.setWeight, row.maxWeight, surge)).toEqual(row.expected);
  });

  it.each(rowsOfKind('trafficRouted'))('%s', (_, row) => {
    const split = routedReplicas({
      replicas: row.replicas,
      weight: row.abort ? 0 : row.setWeight,
      maxWeight: row.maxWeight,
      actualCanaryWeight: row.currentWeights?.canary ?? 0,
      scale: scaleOf(row),
      minPods: row.minPodsPerReplicaSet ?? 0,
      dynamicStableScale: row.dynamicStableScale,
    });
    expectAsOracle(row, { ...split });
  });

  it.each(rowsOfKind('weightToReplicas'))('%s', (_, row) => {
    expect(podsForWeight(row.replicas, row.setWeight, row.maxWeight)).toBe(row.expected['canary']);
  });

  it.each(rowsOfKind('scaleDownContribution'))('%s', (_, row) => {
    expect(removablePods(row.replicaSet ?? undefined, row.ignoreAvailability)).toBe(row.expected['count']);
  });

  it.each(rowsOfKind('budgets'))('%s', (_, row) => {
    const budget = replicaBudget(row.replicas, row.maxSurge ?? 0, row.maxUnavailable ?? 0);
    if (row.expected['error']) return expect(budget).toBeUndefined();
    if (!budget) throw new Error('no budget');
    const capped = row.id.startsWith('unavail') ? effectiveUnavailable(row.replicas, budget) : budget.unavailable;
    expect({ maxSurge: budget.surge, maxUnavailable: capped }).toMatchObject(
      Object.fromEntries(Object.entries(row.expected).filter(([key]) => key !== 'error')),
    );
  });

  it.each(rowsOfKind('oldReplicaSetDrain'))('%s', (_, row) => {
    const sets = row.older as (PodCount & { revision?: number })[];
    const older = sets.map((set, index) => ({ ...set, name: String(index), revision: set.revision ?? 1 }));
    const minAvailable = row.replicas - effectiveUnavailable(row.replicas, budgetOf(row));
    const next = drainOlder(older, (row.stable?.available ?? 0) + (row.canary?.available ?? 0), minAvailable);
    expect(older.map(set => next.get(set.name))).toEqual(row.expected['older']);
  });

  it.each(rowsOfKind('e2ePodCounts'))('%s', (_, row) => {
    let stable: PodCount = { spec: row.start?.stable ?? 0, available: row.start?.stable ?? 0 };
    let canary: PodCount = { spec: row.start?.canary ?? 0, available: 0 };
    for (const stage of row.stages ?? []) {
      const budget = replicaBudget(stage.replicas, row.maxSurge ?? 0, row.maxUnavailable ?? 0) ?? {
        surge: 0,
        unavailable: 1,
      };
      for (let pass = 0; pass < 30; pass++) {
        const { replicas, setWeight: weight } = stage;
        const next = shareStep({ replicas, weight, maxWeight: 100, budget, canary, stable, older: NO_PODS });
        stable = { spec: next.stable, available: next.stable };
        canary = { spec: next.canary, available: row.canaryPodsBecomeAvailable ? next.canary : 0 };
      }
      expect({ canary: canary.spec, stable: stable.spec }).toEqual(stage.expected);
    }
  });
});

describe('limits that are none', () => {
  it.each([
    [-1, 0],
    ['25', 0],
    ['x%', 0],
    [0, Number.NaN],
  ])('surge %s, unavailable %s', (surge, unavailable) => {
    expect(replicaBudget(10, surge, unavailable)).toBeUndefined();
  });
});

describe('the oracle', () => {
  it('has no row that no test runs, and the list of differences no row that is gone', () => {
    expect(new Set(oracleRows.map(row => row.kind))).toEqual(new Set([...ARITHMETIC, ...DECISIONS]));
    const ids = oracleRows.map(row => row.id);
    expect(differingRows.filter(id => !ids.includes(id))).toEqual([]);
  });
});
