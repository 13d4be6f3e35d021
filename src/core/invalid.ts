import { type Command, parseCommand } from '../api/commands.ts';
import { COMMAND_ANNOTATION, COMMAND_BY_ANNOTATION } from '../api/names.ts';
import type { RolloutStatus } from '../api/rollout-status.ts';
import { fromTime, toTime } from '../api/time.ts';
import { readiness } from './conditions.ts';
import type { Decision, Fact } from './decision.ts';
import { updateNotices } from './notices.ts';
import type { Snapshot } from './snapshot.ts';
import { readStatus } from './spec-reader.ts';

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
  const command = unansweredCommand(snapshot, stored);
  const status: RolloutStatus = {
    ...stored,
    ...(command ? { lastCommand: refusalOf(command, now) } : {}),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase: 'Invalid',
    message,
    conditions: [...conditions, ...kept],
    display: { ...stored?.display, reason: 'InvalidSpec' },
  };
  const isNew = stored?.display?.reason !== 'InvalidSpec' || stored.message !== message;
  const facts: Fact[] = isNew
    ? [{ reason: 'SpecInvalid', warning: true, note: message.slice(0, 1000), notice: 'Invalid' }]
    : [];
  updateNotices({ snapshot, now }, status, facts);
  return {
    actions: [],
    status: JSON.parse(JSON.stringify(status)) as RolloutStatus,
    statusMayWait: false,
    facts,
    wakeAt: undefined,
    because,
  };
}

function unansweredCommand(snapshot: Snapshot, stored: RolloutStatus | undefined): Command | undefined {
  const annotations = snapshot.rollout.metadata.annotations ?? {};
  const parsed = parseCommand(annotations[COMMAND_ANNOTATION], annotations[COMMAND_BY_ANNOTATION]);
  if (!parsed || !('verb' in parsed)) return undefined;
  const last = stored?.lastCommand;
  return parsed.id === last?.id && parsed.verb === last.verb ? undefined : parsed;
}

/** Without a spec nobody can say which route and Services a command would move. */
function refusalOf(command: Command, now: number): NonNullable<RolloutStatus['lastCommand']> {
  return {
    id: command.id,
    verb: command.verb,
    ...(command.by ? { by: command.by.slice(0, 128) } : {}),
    at: toTime(now),
    outcome: 'refused: spec cannot be read; mend it in Git, then send the command again',
  };
}
