import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { putUnderGuard } from './guard.ts';

/** A program running in the background of a test, under guard. */
export interface ChildProgram {
  readonly name: string;
  readonly pid: number;
  /** Whether the program has ended by itself or by {@link stop}. */
  ended(): boolean;
  /** The last lines of the program's output, for error messages. */
  tail(): string;
  /** SIGKILL: the data is thrown away, and a polite API server waits seconds for its watches to end. */
  stop(): Promise<void>;
}

/** What a program is started with besides its arguments. */
export interface ProgramSetting {
  readonly cwd?: string;
  /** Added to PATH and HOME, which is all that it has otherwise. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a program without a shell, its output going to `logFile`. Rejects when it cannot be executed. */
export async function startChildProgram(
  file: string,
  args: readonly string[],
  logFile: string,
  { cwd, env }: ProgramSetting = {},
): Promise<ChildProgram> {
  const log = openSync(logFile, 'a');
  const child = spawn(file, args, {
    stdio: ['ignore', log, log],
    env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', ...env },
    ...(cwd !== undefined && { cwd }),
  });
  closeSync(log);
  let ended = false;
  const exit = once(child, 'exit').then(() => {
    ended = true;
  });
  exit.catch(() => {});
  const pid = child.pid;
  if (pid === undefined) {
    await once(child, 'spawn');
    throw new Error(`${file} did not start`);
  }
  const release = putUnderGuard(`pid ${pid}`);
  return {
    name: file,
    pid,
    ended: () => ended,
    tail: () => readFileSync(logFile, 'utf8').split('\n').slice(-20).join('\n'),
    stop: async () => {
      if (!ended) {
        child.kill('SIGKILL');
        await exit;
      }
      await release();
    },
  };
}
