/**
 * Commands to a Rollout. They are annotations (`sluice.dev/command: "<verb> <id>"`) because Flux and Argo CD leave
 * foreign annotations alone, while a change of `spec` would be undone. `<id>` is any token; the operator
 * acknowledges each id once in `status.lastCommand`.
 */
export const COMMAND_VERBS = [
  'promote',
  'promote-full',
  'abort',
  'retry',
  'pause',
  'resume',
  'restart',
  'release-quarantine',
] as const;
export type CommandVerb = (typeof COMMAND_VERBS)[number];

export interface Command {
  readonly verb: CommandVerb;
  readonly id: string;
  readonly by?: string;
}

/** Reads the value of the command annotation. `undefined` when absent; an explanation when it is malformed. */
export function parseCommand(
  value: string | undefined,
  by?: string,
): Command | { readonly malformed: string } | undefined {
  if (value === undefined || value.trim() === '') return undefined;
  const [verb = '', id = '', ...rest] = value.trim().split(/\s+/, 4);
  if (!(COMMAND_VERBS as readonly string[]).includes(verb))
    return { malformed: `unknown verb "${verb.slice(0, 40)}"; use one of ${COMMAND_VERBS.join(', ')}` };
  if (id === '' || rest.length > 0 || id.length > 128)
    return { malformed: `write "<verb> <id>" with one id of at most 128 characters, for example "${verb} ${verb}-1"` };
  return { verb: verb as CommandVerb, id, ...(by ? { by } : {}) };
}
