import type { RolloutStatus } from '../api/rollout-status.ts';
import type { Action, Fact } from './decision.ts';
import { isForPerson } from './pause.ts';

/**
 * What happened between two stored states, as facts to tell: one transition, one fact. Because it compares states, a
 * repeated pass repeats nothing. A route conflict is told when there was none within the last minute.
 */
export function factsBetween(
  before: RolloutStatus | undefined,
  after: RolloutStatus,
  actions: readonly Action[],
  recentConflicts = 0,
): Fact[] {
  return [
    ...revisionFacts(before, after),
    ...actionFacts(actions, recentConflicts === 0),
    ...progressFacts(before, after),
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
  const command = after.lastCommand;
  if (command && command.id !== before?.lastCommand?.id && isHeld(before, hash) && !isHeld(after, hash))
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

function actionFacts(actions: readonly Action[], tellConflict: boolean): Fact[] {
  return actions.flatMap(action => {
    if (action.type === 'ScaleReplicaSet')
      return [normal('ReplicaSetScaled', `ReplicaSet ${action.target.name}: ${action.from} -> ${action.to} pods`)];
    if (action.type === 'PatchRoute' && action.reassert && tellConflict)
      return [
        warning(
          'RouteConflict',
          `somebody else wrote the weights of ${action.ref.kind} ${action.ref.name}; set back to ${action.canaryWeight}. ` +
            'Exclude .spec.rules[].backendRefs[].weight from what your GitOps tool corrects',
        ),
      ];
    return [];
  });
}

function progressFacts(before: RolloutStatus | undefined, after: RolloutStatus): Fact[] {
  const facts: Fact[] = [];
  const was = before?.weights?.actualCanary ?? 0;
  const is = after.weights?.actualCanary ?? 0;
  if (was !== is) facts.push(normal('WeightChanged', `canary weight ${was} -> ${is}`));
  const old = before?.step;
  const step = after.step;
  const sameTrial =
    before?.canary?.podTemplateHash === after.canary?.podTemplateHash && old?.stepsHash === step?.stepsHash;
  if (old && step && sameTrial && step.index > old.index)
    facts.push(normal('StepCompleted', `step ${old.index + 1}/${old.total} ${old.description} is done`));
  if (isForPerson(after) && !(before && isForPerson(before)))
    facts.push(normal('Paused', after.message ?? 'paused', 'Paused'));
  if (before && isForPerson(before) && !isForPerson(after) && !after.abort) facts.push(normal('Resumed', 'going on'));
  return facts;
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
    facts.push(normal('Reverted', `all traffic is back on revision ${after.stable?.revision ?? '?'}`));
  const troubled = before?.phase === 'Aborted' || before?.phase === 'Degraded' || before?.phase === 'Invalid';
  const wasServing = before?.stable !== undefined;
  if (troubled && wasServing && after.phase === 'Healthy')
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
    case 'StableLost':
      return [warning('StableLost', message, 'StableLost')];
    case 'RouteNotAccepted':
    case 'RouteMissing':
    case 'RouteMalformed':
      return [warning('RouteNotAccepted', message)];
    case 'ServiceMissing':
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
