import { expect } from 'vitest';
import type { MatrixRig } from '../matrix/matrix-rig.ts';
import { type Fault, type FaultyRun, type Limits, type StoryJudge, type TellOptions, tellUnder } from './run-story.ts';
import type { StoryName } from './stories.ts';

/** What a file of faults has once its rig is up. */
export interface FaultSetting {
  readonly rig: MatrixRig;
  readonly judges: ReadonlyMap<StoryName, StoryJudge>;
}

/** Makes the check of such a file: a story that is told under a fault goes as it does without, and it says how fast. */
export function survivalOn(setting: () => FaultSetting) {
  return async (
    story: StoryName,
    namespace: string,
    fault: Fault,
    options: TellOptions & Limits = {},
  ): Promise<FaultyRun> => {
    const { rig, judges } = setting();
    const run = await tellUnder(rig, story, namespace, fault, options);
    console.log(
      `${namespace}: recovered ${run.recoveryMs} ms after the fault, at most ${run.busiest} requests in 10 s`,
    );
    expect(judges.get(story)?.findings(run, options)).toEqual([]);
    return run;
  };
}
