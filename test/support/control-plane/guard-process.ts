import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * The process that outlives a test process and cleans up after it. Its standard input is a pipe from the test process:
 * however that one ends, SIGKILL included, the pipe closes and everything still listed here is killed and removed.
 * Each line is `+pid N`, `+folder PATH` or `+route CIDR`, and the same with `-` when it was released in good order.
 */
const held = { pid: new Set<string>(), folder: new Set<string>(), route: new Set<string>() };

function note(line: string): void {
  const match = /^([+-])(pid|folder|route) (.+)$/.exec(line);
  if (match === null) return;
  const kind = match[2] as keyof typeof held;
  const name = match[3] as string;
  if (match[1] === '+') held[kind].add(name);
  else held[kind].delete(name);
}

function signal(pid: string, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(Number(pid), name);
  } catch {
    return false;
  }
}

async function cleanUp(): Promise<void> {
  for (const pid of held.pid) signal(pid, 'SIGKILL');
  for (let tries = 0; tries < 50 && [...held.pid].some(pid => signal(pid, 0)); tries++) await sleep(50);
  for (const folder of held.folder) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  for (const cidr of held.route) {
    try {
      execFileSync('ip', ['route', 'del', 'local', cidr, 'dev', 'lo'], { stdio: 'ignore' });
    } catch {
      // Gone already, which is what was wanted.
    }
  }
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => {});
for await (const line of createInterface({ input: process.stdin })) note(line);
await cleanUp();
