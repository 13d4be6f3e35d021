import type { RolloutStatus } from '../api/rollout-status.ts';
import type { Action, Fact } from './decision.ts';
import { isForPerson } from './pause.ts';
import { isSameCommand } from './pending-command.ts';

/** What is read besides the two states to tell what happened. */
export interface FactContext {
  readonly actions: readonly Action[];
  /** Steps of the trial in a few words each, as status.step describes them. */
  readonly stepNames: readonly string[];
  /** ReplicaSets whose size a step explains: its own fact tells it. */
  readonly sizedBySteps: ReadonlySet<string>;
  /** Foreign writes of our weights within the last minute. */
  readonly recentConflicts: number;
}

/**
 * What happened between two stored states, as facts to tell: one transition, one fact. Because it compares states, a
 * repeated pass repeats nothing. A route conflict is told when there was none within the last minute.
 */
export function factsBetween(before: RolloutStatus | undefined, after: RolloutStatus, context: FactContext): Fact[] {
  return [
    ...revisionFacts(before, after),
    ...actionFacts(before, context),
    ...progressFacts(before, after, context.stepNames),
    ...endFacts(before, after),
    ...troubleFacts(before, after),
  ];
}

function revisionFacts(before: RolloutStatus | undefined, after: RolloutStatus): Fact[] {
  const facts: Fact[] = [];
  const hash = after.desired?.podTemplateHash;
  if (hash !== undefined && before?.desired?.podTemplateHash !== hash) {
    const from = after.desired?.source?.revision ? ` from ${after.desired.source.revision}` : '';
    const images = (after.desired?.images ?? []).join(', ');
    facts.push(normal('RevisionDetected', `revision ${after.desired?.revision ?? '?'} (${images})${from}`, 'Started'));
  }
  if (after.commandIssue !== undefined && after.commandIssue !== before?.commandIssue)
    facts.push(warning('CommandIgnored', `sluice.dev/command is ignored: ${after.commandIssue}`));
  const command = after.lastCommand;
  if (command && !isSameCommand(command, before?.lastCommand) && isHeld(before, hash) && !isHeld(after, hash))
    facts.push(
      normal(
        'RetryRequested',
        `revision ${after.desired?.revision ?? '?'} is tried again${command.by ? ` by ${command.by}` : ''}`,
      ),
    );
  return facts;
}

function isHeld(status: RolloutStatus | undefined, hash: string | undefined): boolean {
  return (status?.quarantine ?? []).some(entry => entry.podTemplateHash === hash);
}

function actionFacts(
  before: RolloutStatus | undefined,
  { actions, sizedBySteps, recentConflicts }: FactContext,
): Fact[] {
  return actions.flatMap((action): Fact[] => {
    if (action.type === 'ScaleReplicaSet' && (action.mend || !sizedBySteps.has(action.target.name))) {
      const { target, from, to, mend } = action;
      const note = `ReplicaSet ${target.name}: ${from} -> ${to} pods${mend ? ', since somebody else had scaled it' : ''}`;
      return [{ ...normal('ReplicaSetScaled', note), ofAction: action }];
    }
    if (action.type === 'CreateReplicaSet' && before?.canary?.replicaSet === action.object.metadata.name) {
      const note = `ReplicaSet ${action.object.metadata.name} was deleted; it is made again`;
      return [{ ...normal('ReplicaSetScaled', note), ofAction: action }];
    }
    if (action.type === 'RestoreTemplate') {
      const note =
        `the pod template of ReplicaSet ${action.target.name} was written by ${action.by}; it is set back to what Git declared. ` +
        'Pods that were made of it meanwhile stay until they are deleted';
      return [{ ...warning('AutomationConflict', note), ofAction: action }];
    }
    if (action.type === 'SelectRevision' && action.mend) {
      const pairs = Object.entries(action.mend).map(([key, value]) => `${key}=${value}`);
      const note =
        `the selector of Service ${action.service} asked for pods of somebody else; set back to ${pairs.join(', ')}. ` +
        'Correct it where it is declared';
      return [{ ...warning('AutomationConflict', note.slice(0, 1024)), ofAction: action }];
    }
    if (action.type === 'PatchRoute' && action.reassert && recentConflicts === 0) {
      const note =
        `somebody else wrote the weights of ${action.ref.kind} ${action.ref.name}; set back to ${action.canaryWeight}. ` +
        'Exclude .spec.rules[].backendRefs[].weight from what your GitOps tool corrects';
      return [{ ...warning('RouteConflict', note), ofAction: action }];
    }
    return [];
  });
}

function progressFacts(before: RolloutStatus | undefined, after: RolloutStatus, names: readonly string[]): Fact[] {
  const facts = [...stepFacts(before, after, names), ...weightFacts(before, after, names)];
  if (isForPerson(after) && (!(before && isForPerson(before)) || hasGateTurned(before, after)))
    facts.push(normal('Paused', after.message ?? 'paused', 'Paused'));
  if (before && isForPerson(before) && !isForPerson(after) && !after.abort)
    facts.push(normal('Resumed', 'going on', 'Resumed'));
  return facts;
}

/** What a person is waited for has become another thing: not the step, but a gate that did not give an answer. */
function hasGateTurned(before: RolloutStatus, after: RolloutStatus): boolean {
  const { reason = 'PauseStep' } = after.pause ?? {};
  return before.pause?.reason === 'PauseStep' && !['PauseStep', 'PausedBySpec', 'PausedByCommand'].includes(reason);
}

/** Steps that were passed. A timed pause that is over is told by what comes next, a manual one by its promotion. */
function stepFacts(before: RolloutStatus | undefined, after: RolloutStatus, names: readonly string[]): Fact[] {
  const { step: old } = before ?? {};
  const { step } = after;
  const sameTrial =
    before?.canary?.podTemplateHash === after.canary?.podTemplateHash && old?.stepsHash === step?.stepsHash;
  if (!old || !step || !sameTrial) return [];
  return names.slice(old.index, step.index).flatMap((name, passed) => {
    const where = `revision ${after.canary?.revision ?? '?'}: step ${old.index + passed + 1}/${old.total} ${name}`;
    if (name === '' || name.startsWith('pause') || name.startsWith('wait')) return [];
    if (/^analysis|analysis$/.test(name)) {
      const gate = before?.display?.gate;
      return [normal('GatePassed', `${where} passed${gate ? `: ${gate}` : ''}`)];
    }
    return [normal('StepCompleted', `${where} is done`)];
  });
}

/** Moves of traffic that neither a step nor the end of the story tells. */
function weightFacts(before: RolloutStatus | undefined, after: RolloutStatus, names: readonly string[]): Fact[] {
  const was = before?.weights?.actualCanary ?? 0;
  const is = after.weights?.actualCanary ?? 0;
  const { step } = after;
  const steps = step ? names.slice(before?.step?.index ?? 0, step.index + 1) : [];
  const byStep = steps.includes(`setWeight ${is}`);
  const reverted = after.abort !== undefined && is === 0;
  const promoted = after.canary === undefined && /Promoted$/.test(after.history?.[0]?.outcome ?? '');
  if (was === is || (byStep && is > was) || reverted || promoted) return [];
  return [normal('WeightChanged', `canary weight ${was} -> ${is}`)];
}

function endFacts(before: RolloutStatus | undefined, after: RolloutStatus): Fact[] {
  const facts: Fact[] = [];
  const stable = after.stable;
  if (stable && before?.stable?.podTemplateHash !== stable.podTemplateHash)
    facts.push(
      normal('Promoted', `revision ${stable.revision} is stable (${(stable.images ?? []).join(', ')})`, 'Promoted'),
    );
  const { abort } = after;
  if (abort && (before?.abort?.at !== abort.at || before.abort.podTemplateHash !== abort.podTemplateHash)) {
    const step = abort.step ? ` at step ${abort.step}` : '';
    if (abort.cause === 'AnalysisFailed' || abort.cause === 'AnalysisError')
      facts.push(warning('GateFailed', abort.message));
    facts.push(
      warning(
        'Aborted',
        `revision ${abort.revision} aborted${step}, weight ${abort.weight ?? 0}: ${abort.message}`,
        'Aborted',
      ),
      warning('Quarantined', `revision ${abort.revision} is not tried again until Git changes it, or retry is sent`),
    );
  }
  const moved = (before?.weights?.actualCanary ?? 0) > 0 && after.weights?.actualCanary === 0;
  if (abort && moved)
    facts.push(
      normal(
        'Reverted',
        `all traffic is back on revision ${after.stable?.revision ?? '?'}, away from ${abort.revision}`,
      ),
    );
  if (after.phase === 'Degraded' && before?.phase !== 'Degraded' && after.display?.reason !== 'StableLost')
    facts.push(warning('ProgressDeadlineExceeded', after.message ?? 'no progress', 'Degraded'));
  const wasServing = before?.stable !== undefined;
  if (before?.troubledSince !== undefined && wasServing && after.phase === 'Healthy')
    facts.push({
      reason: 'Resumed',
      warning: false,
      note: `healthy again on revision ${after.stable?.revision ?? '?'}`,
      notice: 'Recovered',
    });
  return facts;
}

function troubleFacts(before: RolloutStatus | undefined, after: RolloutStatus): Fact[] {
  const reason = after.display?.reason;
  if (reason === before?.display?.reason) return [];
  const message = after.message ?? '';
  switch (reason) {
    case 'NoData':
    case 'ProviderError':
      return [warning('NoData', message)];
    case 'ServiceConflict':
      return [warning('AutomationConflict', message)];
    case 'StableLost':
      return [warning('StableLost', message, 'StableLost')];
    case 'RouteNotAccepted':
    case 'RouteMissing':
    case 'RouteMalformed':
      return [warning('RouteNotAccepted', message)];
    case 'WriteRefused':
      return [warning('WriteRefused', message)];
    case 'InvalidSpec':
      return [warning('SpecInvalid', message, 'Invalid')];
    case 'ServiceMissing':
    case 'TemplateMissing':
    case 'TemplateInvalid':
    case 'ReplicaSetRejected':
      return [warning('SpecInvalid', message)];
    default:
      return [];
  }
}

function normal(reason: Fact['reason'], note: string, notice?: Fact['notice']): Fact {
  return { reason, warning: false, note: note.slice(0, 1000), ...(notice ? { notice } : {}) };
}

function warning(reason: Fact['reason'], note: string, notice?: Fact['notice']): Fact {
  return { reason, warning: true, note: note.slice(0, 1000), ...(notice ? { notice } : {}) };
}
