import type { ConditionClaim } from '../api/conditions.ts';
import type { RolloutReason } from '../api/reasons.ts';
import type { RolloutStatus } from '../api/rollout-status.ts';
import { actualWeight } from './actual-weight.ts';
import type { Because } from './decision.ts';
import type { Mode } from './mode.ts';
import { isForPerson } from './pause.ts';
import type { World } from './world.ts';

/**
 * Conditions as kstatus, Flux and `kubectl wait` read them: at most one of Reconciling and Stalled is True, and a
 * condition that is not True of the abnormal kind is left out.
 */
export function claims(w: World, status: RolloutStatus, mode: Mode, because: Because): ConditionClaim[] {
  const { reason } = because;
  const message = because.message.slice(0, 4096);
  return [
    ...readiness(status, reason, message),
    {
      type: 'Progressing',
      status: status.phase === 'Progressing' ? 'True' : 'False',
      reason,
      message,
    },
    {
      type: 'Paused',
      status: isForPerson(status) ? 'True' : 'False',
      reason: status.pause?.reason ?? reason,
      message: isForPerson(status) ? message : 'not paused',
    },
    {
      type: 'Aborted',
      status: mode === 'Aborted' ? 'True' : 'False',
      reason,
      message: mode === 'Aborted' ? message : 'not aborted',
    },
    serving(w, status),
  ];
}

/** Ready, Reconciling and Stalled for each phase. */
export function readiness(
  status: Pick<RolloutStatus, 'phase'>,
  reason: RolloutReason,
  message: string,
): ConditionClaim[] {
  switch (status.phase) {
    case 'Healthy':
      return [{ type: 'Ready', status: 'True', reason, message }];
    case 'Aborted':
    case 'Degraded':
    case 'Invalid':
      return [
        { type: 'Ready', status: 'False', reason, message },
        { type: 'Stalled', status: 'True', reason, message },
      ];
    default:
      return [
        { type: 'Ready', status: 'Unknown', reason, message },
        { type: 'Reconciling', status: 'True', reason, message },
      ];
  }
}

/** What users get, whatever is on trial. It stays True after an abort: aborted does not mean down. */
function serving(w: World, status: RolloutStatus): ConditionClaim {
  const { blueGreen } = w.spec.strategy;
  if (blueGreen && w.newSet && actualWeight(w) > 0)
    return {
      type: 'Serving',
      status: w.newSet.ready > 0 ? 'True' : 'False',
      reason: w.newSet.ready > 0 ? 'NewRevisionServes' : 'NoReadyPods',
      message: `revision ${status.desired?.revision ?? '?'}, ${w.newSet.ready}/${w.replicas} pods ready`,
    };
  const home = status.stable ? w.sets.find(set => set.hash === status.stable?.podTemplateHash) : w.newSet;
  const ready = home?.ready ?? 0;
  const revision = status.stable?.revision ?? status.desired?.revision ?? '?';
  const ok = ready > 0 || w.replicas === 0;
  return {
    type: 'Serving',
    status: ok ? 'True' : 'False',
    reason: ok ? 'StableServes' : 'NoReadyPods',
    message: `revision ${revision}, ${ready}/${w.replicas} pods ready`,
  };
}
