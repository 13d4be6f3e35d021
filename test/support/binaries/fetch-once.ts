import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from './cache-folder.ts';
import { withFileLock } from './file-lock.ts';

/**
 * The folder of that name in the cache, filled by `fetch` when it is not there yet. `fetch` gets an empty folder to work in and returns
 * the folder below it that is to be kept; the rename makes the target whole or absent. Processes wait for each other.
 */
export async function fetchOnce(name: string, fetch: (workFolder: string) => Promise<string>): Promise<string> {
  const target = join(cacheFolder(), name);
  if (existsSync(target)) return target;
  mkdirSync(dirname(target), { recursive: true });
  await withFileLock(`${target}.lock`, async () => {
    if (existsSync(target)) return;
    const partial = mkdtempSync(`${target}.tmp-`);
    try {
      renameSync(await fetch(partial), target);
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
  });
  return target;
}
