import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** What the guard kills (processes) or removes (folders, routes on the loopback device) when this process ends. */
export type Guarded = `pid ${number}` | `folder ${string}` | `route ${string}`;

let guard: ChildProcess | undefined;
const held = new Set<Guarded>();

/**
 * Puts something under guard: it is cleaned up when this process ends in any way, SIGKILL included. Call it right after
 * creating the thing. The returned function releases it after an orderly clean-up; with the last one the guard ends too.
 */
export function putUnderGuard(thing: Guarded): () => Promise<void> {
  guard ??= startGuard();
  held.add(thing);
  guard.stdin?.write(`+${thing}\n`);
  return () => release(thing);
}

function startGuard(): ChildProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'guard-process.ts')], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: process.env.PATH ?? '' },
  });
  child.unref();
  child.stdin.on('error', () => {});
  (child.stdin as unknown as { unref(): void }).unref();
  return child;
}

async function release(thing: Guarded): Promise<void> {
  if (!held.delete(thing) || guard === undefined) return;
  guard.stdin?.write(`-${thing}\n`);
  if (held.size > 0) return;
  const last = guard;
  guard = undefined;
  last.ref();
  const gone = once(last, 'exit');
  last.stdin?.end();
  await gone;
}
