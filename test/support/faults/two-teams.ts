import { expect } from 'vitest';
import type { MatrixRig } from '../matrix/matrix-rig.ts';
import { Stage } from '../matrix/stage.ts';
import { busiestOf, unhandled } from './run-story.ts';
import { Scene } from './scene.ts';
import { deployStable } from './stories.ts';

const TEAMS_MS = 180_000;

/** One operator for all namespaces, and two teams with a healthy Rollout each; things go wrong for one of them. */
export interface TwoTeams {
  readonly scene: Scene;
  readonly hurt: Stage;
  readonly unhurt: Stage;
  /** Ends everything, and expects that the operator lived, hit no bug and did not ask like mad. */
  end(): Promise<void>;
}

/** @param strategy of the team that is hurt */
export async function twoTeams(rig: MatrixRig, name: string, strategy?: unknown): Promise<TwoTeams> {
  const scene = await Scene.open(rig, `${name}-a`, { flags: ['--no-leader-election'], longestMs: TEAMS_MS });
  const other = `${name}-b`;
  await rig.plane.client.create('/api/v1/namespaces', { metadata: { name: other } });
  const unhurt = new Stage(other, rig.history.of(other), rig.plane.client, TEAMS_MS);
  await Promise.all([deployStable(scene.stage, strategy), deployStable(unhurt)]);
  const from = scene.proxy.trace.entries.length;
  const end = async () => {
    const busiest = busiestOf(scene.proxy.trace, from);
    if (unhurt.rollout) await unhurt.deleteRollout();
    await scene.close();
    console.log(`${name}: at most ${busiest} requests in 10 s`);
    expect(busiest).toBeLessThan(250);
    expect(scene.died).toBe(false);
    expect(unhandled(scene.log())).toEqual([]);
  };
  return { scene, hurt: scene.stage, unhurt, end };
}
