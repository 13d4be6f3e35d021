import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skipUnless } from '../binaries/availability.ts';
import { controlPlaneAvailability } from '../control-plane.ts';
import { knowledgePlans, writePlans } from './learn.ts';
import { type MatrixRig, startMatrixRig } from './matrix-rig.ts';
import type { Outcome } from './outcome.ts';
import type { Plan, Variant } from './plan.ts';
import { planGaps, strikeGaps, unplannedWrites } from './plan-floor.ts';
import { failuresOf, isAskedFor, Matrix } from './run-matrix.ts';
import { WORKLOADS } from './workloads.ts';

const HOURS = 3_600_000;
/** In which order events come from different watches is for chance to decide: such a plan may find its write done already. */
const KNOWLEDGE: readonly Variant[] = ['hide', 'stale', 'travel'];
const MAY_BE_MISSED = 0.2;
/** A status that only shows may be stored together with the next, so that a run can have one less. */
const MERGED = 'patch rollouts/status shop';

const VARIANTS: Readonly<Record<Variant, string>> = {
  before: 'converges when it is killed before any of its writes',
  applied: 'converges when it is killed after any of its writes is stored and before it is told',
  told: 'converges when it is killed right after any of its writes',
  lost: 'converges when the reply to any of its writes is lost',
  reset: 'converges when any of its writes is lost',
  silent: 'converges when a write is stored and never answered',
  truncate: 'converges when the reply to a write breaks off',
  hide: 'converges when it never sees one state of an object',
  stale: 'does no harm when it starts anew on lists that are older than its last write',
  travel: 'does no harm when it starts anew on lists from the middle of a delivery that is over',
};

/** The tests of one story: every plan of the named variants, on a control plane of its own. */
export function matrixSuite(name: string, variants: readonly Variant[]): void {
  const workload = WORKLOADS[name];
  if (!workload) throw new Error(`there is no workload ${name}`);
  const asked = variants.filter(variant => isAskedFor(`${name}:${variant}`));
  describe.skipIf(asked.length === 0 || skipUnless(controlPlaneAvailability()))(`the operator, during: ${name}`, () => {
    let rig: MatrixRig;
    let matrix: Matrix;
    let references: readonly Outcome[];
    let plans: Plan[];

    beforeAll(async () => {
      rig = await startMatrixRig();
      matrix = new Matrix(rig, workload);
      references = await matrix.learn();
      const unplanned = unplannedWrites(name, references);
      if (unplanned !== undefined) console.warn(`WARNING: ${unplanned}`);
      plans = [...writePlans(name, references), ...knowledgePlans(name, references)];
    }, HOURS);

    afterAll(async () => {
      await rig?.stop();
    }, HOURS);

    for (const variant of variants)
      it.skipIf(!asked.includes(variant))(VARIANTS[variant], { timeout: HOURS }, async () => {
        const ofVariant = plans.filter(plan => plan.variant === variant);
        expect(planGaps(variant, ofVariant, references, workload.leastWrites)).toEqual([]);
        const results = await matrix.run(`${name}-${variant}`, ofVariant);
        expect(failuresOf(results)).toEqual([]);
        expect(results.length, 'SLUICE_MATRIX names no plan that there is').toBeGreaterThan(0);
        if (results.length === ofVariant.length) expect(strikeGaps(results)).toEqual([]);
        const sure = results.filter(({ plan }) => !plan.isUnsure);
        const missed = sure.filter(({ verdict }) => verdict === 'not reached').map(({ plan }) => plan);
        const told = `not reached: ${missed.map(({ id }) => id).join(' ')}`;
        if (KNOWLEDGE.includes(variant)) {
          expect(missed.length, told).toBeLessThanOrEqual(Math.ceil(MAY_BE_MISSED * sure.length));
          return;
        }
        expect(missed.filter(({ write }) => write.like !== MERGED).map(({ id }) => id)).toEqual([]);
        expect(missed.length, told).toBeLessThanOrEqual(1);
      });
  });
}
