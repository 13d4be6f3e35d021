import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Availability } from './availability.ts';
import { cacheFolder } from './cache-folder.ts';
import { type DebianProgram, debianProgramAvailability, ensureDebianProgram } from './debian-program.ts';

const ALERTMANAGER: DebianProgram = {
  title: 'Alertmanager',
  // Upstream's name, then Debian's.
  names: ['alertmanager', 'prometheus-alertmanager'],
  packageName: 'prometheus-alertmanager',
  inPackage: 'usr/bin/prometheus-alertmanager',
  megabytes: 11,
  prepare: folder => readTemplatesFromWorkingFolder(join(folder, 'usr/bin/prometheus-alertmanager')),
};

/** Where Debian's program insists to find its templates, and a path of the same length that needs no installation. */
const INSTALLED = '/usr/share/prometheus';
const WORKING_FOLDER = '/proc/self/cwd'.padEnd(INSTALLED.length, '/');

/** How to run it. */
export interface AlertmanagerProgram {
  readonly path: string;
  /** Working folder that it has to have; any when absent. */
  readonly cwd?: string;
}

/** Whether an Alertmanager is there or can be fetched. Does not fetch. */
export function alertmanagerAvailability(): Availability {
  return debianProgramAvailability(ALERTMANAGER);
}

/** An Alertmanager: from PATH, or Debian's package unpacked into the cache folder. */
export async function ensureAlertmanager(): Promise<AlertmanagerProgram> {
  const path = await ensureDebianProgram(ALERTMANAGER);
  const folder = dirname(dirname(dirname(path)));
  // Only the unpacked package was made to look into its working folder.
  return path.startsWith(cacheFolder()) ? { path, cwd: join(folder, 'usr/share/prometheus') } : { path };
}

/**
 * Debian's Alertmanager reads its templates from /usr/share, upstream's carries them. As the package is not installed, the
 * path inside the program is replaced; nothing of the system changes.
 */
function readTemplatesFromWorkingFolder(program: string): void {
  const content = readFileSync(program);
  let found = 0;
  for (let at = content.indexOf(INSTALLED); at !== -1; at = content.indexOf(INSTALLED, at + 1)) {
    content.write(WORKING_FOLDER, at, 'latin1');
    found++;
  }
  if (found === 0) throw new Error(`${program} does not name ${INSTALLED} any more: look where it finds its templates`);
  writeFileSync(program, content);
}
