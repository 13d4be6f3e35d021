import { isBadPhase } from '../api/analysis-run.ts';
import type { RolloutStatus } from '../api/rollout-status.ts';
import type { Draft } from './draft.ts';
import type { Mode } from './mode.ts';
import { modeOf } from './mode.ts';
import { answerTo } from './pending-command.ts';
import { findRun } from './run-names.ts';
import type { World } from './world.ts';

/** What a command still asks of the phase that runs in this pass. */
export interface CommandEffect {
  readonly promote: boolean;
  readonly abort: boolean;
}

const NONE: CommandEffect = { promote: false, abort: false };

/**
 * Applies the command that is not acknowledged yet to the draft and acknowledges it, once, whatever its outcome. The
 * annotation stays on the object, so an effect that a crash cut short is derived again until the status is stored.
 */
export function applyCommand(w: World, d: Draft): CommandEffect {
  const { command } = w;
  if (!command) return NONE;
  const mode = modeOf(w, d.status);
  const result = VERBS[command.verb](w, d.status, mode, command.by);
  d.status.lastCommand = answerTo(command, w.now, result.outcome);
  return { promote: result.promote ?? false, abort: result.abort ?? false };
}

interface Result {
  readonly outcome: string;
  readonly promote?: boolean;
  readonly abort?: boolean;
}
type Verb = (w: World, status: RolloutStatus, mode: Mode, by: string | undefined) => Result;

const OUTDATED: Result = {
  outcome: 'refused: Git declares another revision by now; look at it and send a new command',
};

/** The revision that was on trial when the command was sent is not the one that Git declares now. */
function isAboutAnother(w: World): boolean {
  const seen = w.stored?.canary?.podTemplateHash;
  return seen !== undefined && seen !== w.hash;
}

/** What the trial waits for has failed, which its sender may not have seen; this pass acts on it. */
function hasFailedGate(w: World, { analysis = {} }: RolloutStatus): boolean {
  return Object.values(analysis).some(name => name && isBadPhase(findRun(w, name)?.status.phase ?? ''));
}

const onTrial = (mode: Mode) => mode === 'Trial' || mode === 'FastTrack';

const VERBS: Readonly<Record<NonNullable<World['command']>['verb'], Verb>> = {
  promote: (w, status, mode) => {
    if (isAboutAnother(w)) return OUTDATED;
    if (mode === 'Aborted') return { outcome: 'refused: the revision was aborted; send retry to try it again' };
    if (!onTrial(mode)) return { outcome: 'nothing to promote: no revision is on trial' };
    if (w.spec.paused) return { outcome: 'refused: spec.paused is declared in Git; change it there' };
    if (status.pausedByCommand) return { outcome: 'refused: the rollout is paused by command; send resume' };
    if (!status.pause) return { outcome: 'nothing to promote: the rollout is not waiting for a person' };
    return { outcome: 'promoted', promote: true };
  },
  'promote-full': (w, status, mode, by) => {
    if (isAboutAnother(w)) return OUTDATED;
    if (mode === 'Aborted') return { outcome: 'refused: the revision was aborted; send retry to try it again' };
    if (!onTrial(mode)) return { outcome: 'nothing to promote: no revision is on trial' };
    if (w.spec.paused) return { outcome: 'refused: spec.paused is declared in Git; change it there' };
    if (status.pausedByCommand) return { outcome: 'refused: the rollout is paused by command; send resume' };
    if (hasFailedGate(w, status))
      return { outcome: 'refused: an analysis of this revision has failed; send retry to try it again' };
    status.promoteFull = { podTemplateHash: w.hash, ...(by ? { by: by.slice(0, 128) } : {}) };
    return { outcome: 'promoting without further steps and analysis' };
  },
  abort: (_w, _status, mode) => {
    if (onTrial(mode)) return { outcome: 'aborted', abort: true };
    if (mode === 'Aborted') return { outcome: 'already aborted' };
    if (mode === 'FirstDeploy') return { outcome: 'refused: there is no stable revision to return to' };
    return { outcome: 'nothing to abort: no revision is on trial' };
  },
  retry: (w, status, mode) => {
    if (mode !== 'Aborted') return { outcome: 'nothing to retry: the revision was not aborted' };
    release(w, status);
    return { outcome: 'trying the revision again from the first step' };
  },
  'release-quarantine': (w, status, mode) => {
    const held = (status.quarantine ?? []).some(entry => entry.podTemplateHash === w.hash);
    if (!held && mode !== 'Aborted') return { outcome: 'nothing to release: the revision is not in quarantine' };
    release(w, status);
    return { outcome: 'released; the revision is tried again from the first step' };
  },
  pause: (_w, status) => {
    if (status.pausedByCommand) return { outcome: 'already paused' };
    status.pausedByCommand = true;
    return { outcome: 'paused' };
  },
  resume: (w, status) => {
    if (!status.pausedByCommand)
      return { outcome: w.spec.paused ? 'refused: spec.paused is declared in Git; change it there' : 'not paused' };
    delete status.pausedByCommand;
    return { outcome: 'resumed' };
  },
  restart: () => ({ outcome: 'refused: restart is not supported in this version; change the pod template in Git' }),
};

/** Takes the template out of abort and quarantine; the next pass opens a new attempt. */
function release(w: World, status: RolloutStatus): void {
  if (status.abort?.podTemplateHash === w.hash) delete status.abort;
  status.quarantine = (status.quarantine ?? []).filter(entry => entry.podTemplateHash !== w.hash);
  if (status.quarantine.length === 0) delete status.quarantine;
  status.attempt = (status.attempt ?? 1) + 1;
  delete status.trialStartedAt;
  delete status.step;
  delete status.analysis;
  delete status.pause;
  delete status.promoteFull;
  delete status.switchedAt;
  delete status.progress;
}
