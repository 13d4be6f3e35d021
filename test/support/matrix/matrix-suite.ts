import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skipUnless } from '../binaries/availability.ts';
import { controlPlaneAvailability } from '../control-plane.ts';
import { knowledgePlans, writePlans } from './learn.ts';
import { type MatrixRig, startMatrixRig } from './matrix-rig.ts';
import type { Plan, Variant } from './plan.ts';
import { failuresOf, isAskedFor, Matrix } from './run-matrix.ts';
import { WORKLOADS } from './workloads.ts';

const HOURS = 3_600_000;

const VARIANTS: Readonly<Record<Variant, string>> = {
  before: 'converges when it is killed before any of its writes',
  applied: 'converges when it is killed after any of its writes is stored and before it is told',
  told: 'converges when it is killed right after any of its writes',
  lost: 'converges when the reply to any of its writes is lost',
  reset: 'converges when any of its writes is lost',
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
    let plans: Plan[];

    beforeAll(async () => {
      rig = await startMatrixRig();
      matrix = new Matrix(rig, workload);
      const references = await matrix.learn();
      plans = [...writePlans(name, references), ...knowledgePlans(name, references)];
    }, HOURS);

    afterAll(async () => {
      await rig?.stop();
    }, HOURS);

    for (const variant of variants)
      it.skipIf(!asked.includes(variant))(VARIANTS[variant], { timeout: HOURS }, async () => {
        const results = await matrix.run(
          `${name}-${variant}`,
          plans.filter(plan => plan.variant === variant),
        );
        expect(failuresOf(results)).toEqual([]);
        // What a plan waits for may not come in a run that goes another way; a suite in which nothing comes proves nothing.
        expect(results.filter(({ verdict }) => verdict === 'not reached').length).toBeLessThanOrEqual(
          results.length / 2,
        );
      });
  });
}
