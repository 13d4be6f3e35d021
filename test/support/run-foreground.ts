import { spawn } from 'node:child_process';

const PARENT_CHECK_MS = 1_000;

/**
 * Runs a program in the foreground, which ends with this process and with its parent, whichever way that ends: nobody would
 * be there to end it. @returns its exit code. Rejects when it cannot be started
 */
export function runForeground(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  const end = () => void child.kill('SIGTERM');
  // Ctrl-C reaches the whole group by itself.
  const ignore = () => {};
  process.on('SIGINT', ignore);
  process.on('SIGTERM', end);
  const parent = process.ppid;
  const watch = setInterval(() => process.ppid !== parent && end(), PARENT_CHECK_MS);
  return new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', code => resolve(code ?? 1));
  }).finally(() => {
    clearInterval(watch);
    process.off('SIGINT', ignore);
    process.off('SIGTERM', end);
  });
}
