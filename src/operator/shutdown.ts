import type { Clock } from '../kube/clock.ts';
import { sleep } from '../kube/sleep.ts';
import type { Log } from './log.ts';

/** What is ended, and how; its name is for people. */
export type Part = readonly [name: string, end: () => Promise<unknown> | undefined];

/**
 * Ends parts one after another, within `ms` together. One that fails is told and keeps no other from being ended. When time is
 * up, those that are left are ended too, but not waited for.
 */
export async function endInOrder(
  parts: readonly Part[],
  ms: number,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<void> {
  const over = new AbortController();
  const timeUp = sleep(clock, ms, over.signal).then(() => 'late' as const);
  for (const [part, end] of parts) {
    const done = Promise.resolve()
      .then(end)
      .catch(error => log.warn('stopping: a part did not end well', { part, error }));
    if ((await Promise.race([done, timeUp])) === 'late') log.warn('stopping: a part is not waited for', { part });
  }
  over.abort();
}
