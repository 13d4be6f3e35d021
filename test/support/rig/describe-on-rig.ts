import { afterAll, beforeAll, describe } from 'vitest';
import { skipUnless } from '../binaries/availability.ts';
import { type Rig, type RigOptions, rigAvailability, startRig } from './rig.ts';

/** Building what is missing takes minutes, once. */
const BUILD_MS = 20 * 60_000;
const STOP_MS = 120_000;

/** Time limit of one scenario: seconds on a free machine, much more on a busy one. */
export const SCENARIO_MS = 240_000;

/** A suite with one rig of its own; skipped, or failed in CI, where a rig cannot run. `rig()` works inside of tests. */
export function describeOnRig(title: string, define: (rig: () => Rig) => void, options: RigOptions = {}): void {
  describe.skipIf(skipUnless(rigAvailability()))(title, () => {
    let started: Rig | undefined;
    beforeAll(async () => {
      started = await startRig(options);
    }, BUILD_MS);
    afterAll(async () => await started?.stop(), STOP_MS);
    define(() => {
      if (started === undefined) throw new Error('the rig is not up yet: call rig() inside of a test');
      return started;
    });
  });
}
