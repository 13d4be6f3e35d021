import type { Because } from './decision.ts';
import type { Draft } from './draft.ts';
import { missingPrerequisite } from './prerequisites.ts';
import type { World } from './world.ts';

/** What holds the trial holds a promotion too, which was taken for done before anybody knew. */
export function refusePromotion(d: Draft, { reason }: Because): void {
  refuse(d, `nothing moves now (${reason}); send promote again when the phase is Paused`);
}

/** A promotion was about the steps and gates that whoever sent it saw, and Git declares others by now. */
export function refuseOutdatedPromotion(d: Draft): void {
  refuse(
    d,
    'Git declares other steps or analyses by now; look at them, and send promote again when the phase is Paused',
  );
}

function refuse({ status }: Draft, why: string): void {
  if (status.lastCommand) status.lastCommand = { ...status.lastCommand, outcome: `refused: ${why}` };
}

/** What stops a trial of either strategy; undefined when nothing does. `unbuildable`: an analysis ahead has no template. */
export function trialHold(w: World, d: Draft, unbuildable: Because | undefined): Because | undefined {
  if (w.spec.paused)
    return { reason: 'PausedBySpec', message: 'spec.paused is set; progress stops until Git clears it' };
  if (d.status.pausedByCommand)
    return { reason: 'PausedByCommand', message: 'paused by command; send resume to go on' };
  return missingPrerequisite(w, d.status.promoteFull?.podTemplateHash === w.hash) ?? unbuildable;
}
