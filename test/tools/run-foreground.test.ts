import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

const MODULE = join(import.meta.dirname, '../support/run-foreground.ts');
const RUNNER = `import { runForeground } from ${JSON.stringify(MODULE)};
process.exit(await runForeground(process.execPath, process.argv.slice(1)));`;
const PROGRAM = 'console.log(process.pid); setInterval(() => {}, 1000)';
const run = (code: string) => ['--input-type=module', '-e', RUNNER, '--', '-e', code];

/** Starts the runner, with a parent of its own in between when told so, and tells the process of the program that it runs. */
async function start(parent: boolean) {
  const between = `require('node:child_process').spawn(process.execPath, ${JSON.stringify(run(PROGRAM))}, { stdio: 'inherit' })`;
  const args = parent ? ['-e', between] : run(PROGRAM);
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, program: Number(chunk.toString()) };
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<boolean> {
  for (const deadline = Date.now() + 20_000; lives(pid) && Date.now() < deadline; ) await sleep(50);
  return !lives(pid);
}

describe('a program in the foreground', () => {
  it('hands on its exit code', async () => {
    const child = spawn(process.execPath, run('process.exit(7)'), { stdio: 'ignore' });
    expect(await once(child, 'exit')).toEqual([7, null]);
  });

  it('ends when what runs it is told to end', async () => {
    const { child, program } = await start(false);
    child.kill('SIGTERM');
    expect(await untilGone(program)).toBe(true);
  }, 30_000);

  it('ends when the parent of what runs it was killed and could tell nobody', async () => {
    const { child, program } = await start(true);
    child.kill('SIGKILL');
    expect(await untilGone(program)).toBe(true);
  }, 30_000);
});
