import { afterAll, beforeAll, describe, expect } from 'vitest';
import { skipUnless } from '../binaries/availability.ts';
import { type ControlPlaneOptions, controlPlaneAvailability } from '../control-plane.ts';
import { type MatrixRig, startMatrixRig } from '../matrix/matrix-rig.ts';
import { exposureOf } from '../matrix/traffic-story.ts';
import { type Fault, type FaultyRun, tellUnder } from './run-story.ts';
import type { SceneOptions } from './scene.ts';
import type { StoryName } from './stories.ts';
import { type Limits, learnStories, type StoryJudge } from './story-judge.ts';

/** Time limit of a test of a fault: seconds on a free machine, much more on a busy one. */
const FAULT_MS = 240_000;
/** Building what is missing takes minutes, once. */
const BUILD_MS = 20 * 60_000;
const STOP_MS = 120_000;

/** What the tests of such a suite have; all of it works inside of tests only. */
export interface FaultSuite {
  readonly rig: () => MatrixRig;
  /** What holds a run of a story against those without faults. */
  readonly judge: (story: StoryName) => StoryJudge;
  /** Tells a story under a fault, says how it went, and expects that it went as it does without. */
  readonly survives: (
    story: StoryName,
    namespace: string,
    fault: Fault,
    options?: SceneOptions & Limits,
  ) => Promise<FaultyRun>;
}

/** What a suite needs. */
export interface FaultSuiteOptions {
  /** Stories that are told under faults; each is told twice without any first. */
  readonly stories?: readonly StoryName[];
  readonly plane?: ControlPlaneOptions;
  /** Done once, before any operator is started. */
  readonly prepare?: (rig: MatrixRig) => Promise<void>;
}

/** A suite of faults on a control plane of its own; skipped, or failed in CI, where there is none. */
export function faultSuite(title: string, options: FaultSuiteOptions, define: (suite: FaultSuite) => void): void {
  describe.skipIf(skipUnless(controlPlaneAvailability()))(title, { timeout: FAULT_MS }, () => {
    let started: MatrixRig | undefined;
    let judges: ReadonlyMap<StoryName, StoryJudge>;
    const rig = () => {
      if (started === undefined) throw new Error('the rig is not up yet: call rig() inside of a test');
      return started;
    };
    beforeAll(async () => {
      started = await startMatrixRig(options.plane);
      await options.prepare?.(started);
      judges = await learnStories(started, options.stories ?? []);
    }, BUILD_MS);
    afterAll(async () => await started?.stop(), STOP_MS);
    const judge: FaultSuite['judge'] = story => {
      const known = judges.get(story);
      if (!known) throw new Error(`the suite does not name the story ${story}`);
      return known;
    };
    const survives: FaultSuite['survives'] = async (story, namespace, fault, limits = {}) => {
      const run = await tellUnder(rig(), story, namespace, fault, limits);
      const exposure = Math.round(exposureOf(run.traffic) / 1_000);
      console.log(
        `${namespace}: recovered ${run.recoveryMs} ms after a fault of ${run.faultMs} ms, ${exposure} percent seconds of the canary, at most ${run.busiest} requests in 10 s; ${summary(run.strikes)}`,
      );
      const findings = judge(story).findings(run, limits);
      expect(findings, findings.join('\n')).toEqual([]);
      return run;
    };
    define({ rig, judge, survives });
  });
}

/** `status x 12, every watch is reset x 5` */
function summary(strikes: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const strike of strikes) counts.set(strike, (counts.get(strike) ?? 0) + 1);
  return [...counts].map(([what, count]) => `${what} x ${count}`).join(', ') || 'nothing struck';
}
