import type { Because } from './decision.ts';
import type { Draft } from './draft.ts';
import { missingPrerequisite } from './prerequisites.ts';
import type { World } from './world.ts';

/** What stops a trial of either strategy; undefined when nothing does. `unbuildable`: an analysis ahead has no template. */
export function trialHold(w: World, d: Draft, unbuildable: Because | undefined): Because | undefined {
  if (w.spec.paused)
    return { reason: 'PausedBySpec', message: 'spec.paused is set; progress stops until Git clears it' };
  if (d.status.pausedByCommand)
    return { reason: 'PausedByCommand', message: 'paused by command; send resume to go on' };
  return missingPrerequisite(w, d.status.promoteFull?.podTemplateHash === w.hash) ?? unbuildable;
}
