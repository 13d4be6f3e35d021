import type { RolloutStatus } from '../api/rollout-status.ts';
import { fromTime, toTime } from '../api/time.ts';
import { readiness } from './conditions.ts';
import type { Decision, Fact } from './decision.ts';
import { updateNotices } from './notices.ts';
import { answerTo, pendingCommand } from './pending-command.ts';
import { copyJson } from './same-json.ts';
import type { Snapshot } from './snapshot.ts';
import { readStatus } from './spec-reader.ts';
import { trackTrouble } from './trouble.ts';

/** Without a spec nobody can say which route and Services a command would move. */
const REFUSAL = 'refused: spec cannot be read; mend it in Git, then send the command again';

/** A spec that cannot be acted on: says what is wrong, and leaves the world as it is. What serves goes on serving. */
export function invalidDecision(snapshot: Snapshot, issues: readonly string[], now: number): Decision {
  const stored = readStatus(snapshot.rollout);
  const message = issues.join('; ').slice(0, 2000);
  const because = { reason: 'InvalidSpec', message } as const;
  const { generation } = snapshot.rollout.metadata;
  const kept = (stored?.conditions ?? []).filter(
    c => !['Ready', 'Reconciling', 'Stalled', 'Progressing'].includes(c.type),
  );
  const conditions = readiness({ phase: 'Invalid' }, 'InvalidSpec', message).map(claim => {
    const old = stored?.conditions?.find(c => c.type === claim.type);
    const same = old?.status === claim.status && fromTime(old.lastTransitionTime) !== undefined;
    return {
      ...claim,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      lastTransitionTime: same && old ? old.lastTransitionTime : toTime(now),
    };
  });
  const { command } = pendingCommand(snapshot.rollout.metadata.annotations, stored?.lastCommand);
  const status: RolloutStatus = {
    ...stored,
    ...(command ? { lastCommand: answerTo(command, now, REFUSAL) } : {}),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase: 'Invalid',
    message,
    conditions: [...conditions, ...kept],
    display: { ...stored?.display, reason: 'InvalidSpec' },
  };
  trackTrouble(status, now);
  const isNew = stored?.display?.reason !== 'InvalidSpec' || stored.message !== message;
  const facts: Fact[] = isNew
    ? [{ reason: 'SpecInvalid', warning: true, note: message.slice(0, 1000), notice: 'Invalid' }]
    : [];
  updateNotices({ snapshot, now }, status, facts);
  return {
    actions: [],
    status: copyJson(status),
    statusWaitMs: 0,
    facts,
    wakeAt: undefined,
    because,
  };
}
