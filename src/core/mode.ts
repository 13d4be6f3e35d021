import type { RolloutStatus } from '../api/rollout-status.ts';
import { isInRollbackWindow, isQuarantined, isStable } from './revisions.ts';
import type { World } from './world.ts';

/**
 * Which story a Rollout is in. One template, one mode:
 *
 *   stable unknown ................................ FirstDeploy   no steps, nothing to return to
 *   template = stable's ........................... Steady        also: Git went back during a trial
 *   template aborted before, or in quarantine ..... Aborted       stable serves until Git or a command changes it
 *   template verified inside the rollback window .. FastTrack     no steps, no analysis
 *   no replicas wanted ............................ Idle          nothing serves, so nothing can be measured: tried later
 *   else .......................................... Trial
 */
export type Mode = 'FirstDeploy' | 'Steady' | 'Aborted' | 'FastTrack' | 'Idle' | 'Trial';

export function modeOf(w: World, status: RolloutStatus): Mode {
  if (!w.stable) return 'FirstDeploy';
  if (isStable(w)) return 'Steady';
  if (status.abort?.podTemplateHash === w.hash || isQuarantined(w, status)) return 'Aborted';
  if (isInRollbackWindow(w)) return 'FastTrack';
  if (w.replicas === 0) return 'Idle';
  return 'Trial';
}
