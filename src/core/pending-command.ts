import { type Command, parseCommand } from '../api/commands.ts';
import { COMMAND_ANNOTATION, COMMAND_BY_ANNOTATION } from '../api/names.ts';
import type { RolloutStatus } from '../api/rollout-status.ts';
import { toTime } from '../api/time.ts';

type Answer = NonNullable<RolloutStatus['lastCommand']>;

/** The command that is not answered yet, or why the annotation is none. Both are absent when there is nothing new. */
export interface PendingCommand {
  readonly command?: Command;
  readonly malformed?: string;
}

/** Reads the command annotation against the last answer, as it is stored. */
export function pendingCommand(
  annotations: Readonly<Record<string, string>> | undefined,
  last: { readonly id?: unknown; readonly verb?: unknown } | undefined,
): PendingCommand {
  const parsed = parseCommand(annotations?.[COMMAND_ANNOTATION], annotations?.[COMMAND_BY_ANNOTATION]);
  if (!parsed) return {};
  if ('malformed' in parsed) return parsed;
  return isSameCommand(parsed, last) ? {} : { command: parsed };
}

/** A command is its verb and its id: two people may choose the same id in one second. */
export function isSameCommand(
  a: Pick<Command, 'id' | 'verb'>,
  b: { readonly id?: unknown; readonly verb?: unknown } | undefined,
): boolean {
  return a.id === b?.id && a.verb === b.verb;
}

/** The acknowledgement of a command, once, whatever its outcome. */
export function answerTo(command: Command, now: number, outcome: string): Answer {
  return {
    id: command.id,
    verb: command.verb,
    ...(command.by ? { by: command.by.slice(0, 128) } : {}),
    at: toTime(now),
    outcome,
  };
}
