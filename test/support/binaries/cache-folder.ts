import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * The folder, outside the source tree, that keeps what is slow to build or fetch. `SLUICE_CACHE` names its parent;
 * otherwise `XDG_CACHE_HOME`, otherwise `~/.cache`. Created when absent.
 */
export function cacheFolder(...parts: string[]): string {
  const parent = process.env.SLUICE_CACHE ?? process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const folder = join(parent, 'sluice', ...parts);
  mkdirSync(folder, { recursive: true });
  return folder;
}
