import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProgram } from '../control-plane/child-program.ts';

const READY_MS = 30_000;

/** Waits until an address answers with 2xx. Rejects, with the program's last words, when it ends or does not get there in time. */
export async function waitUntilReady(program: ChildProgram, url: string): Promise<void> {
  const deadline = Date.now() + READY_MS;
  while (!(await answersOk(url))) {
    if (program.ended() || Date.now() > deadline)
      throw new Error(`${program.name} did not become ready at ${url}:\n${program.tail()}`);
    await sleep(30);
  }
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}
