import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Availability } from './binaries/availability.ts';
import { cacheFolder } from './binaries/cache-folder.ts';
import { withFileLock } from './binaries/file-lock.ts';
import { findOnPath, isExecutable } from './binaries/find-on-path.ts';
import { runProgram } from './binaries/run-program.ts';

const IN_PACKAGE = 'usr/bin/prometheus';
const cached = () => join(cacheFolder(), 'prometheus');

/** Whether a Prometheus is there or can be fetched. Does not fetch. */
export function prometheusAvailability(): Availability {
  if (findOnPath('prometheus') ?? (isExecutable(join(cached(), IN_PACKAGE)) || undefined)) return { available: true };
  if (findOnPath('apt-get') && findOnPath('dpkg-deb')) return { available: true };
  return { available: false, why: 'no Prometheus: put `prometheus` on PATH (on Debian the rig fetches it by itself)' };
}

/**
 * The path of a `prometheus` program: from PATH, or Debian's package unpacked into the cache folder. The package is not
 * installed: nothing of the system changes, no service can start, and only an unknown package (`apt-get update`) needs root.
 */
export async function ensurePrometheus(): Promise<string> {
  const onPath = findOnPath('prometheus');
  if (onPath !== undefined) return onPath;
  const folder = cached();
  if (!existsSync(folder)) {
    await withFileLock(`${folder}.lock`, async () => {
      if (!existsSync(folder)) await fetchPackage(folder);
    });
  }
  return join(folder, IN_PACKAGE);
}

async function fetchPackage(folder: string): Promise<void> {
  const apt = findOnPath('apt-get');
  const dpkg = findOnPath('dpkg-deb');
  if (apt === undefined || dpkg === undefined)
    throw new Error('no `prometheus` on PATH, and no apt-get and dpkg-deb to fetch it');
  const partial = mkdtempSync(`${folder}.tmp-`);
  try {
    console.log('fetching Prometheus once (20 MB)');
    await download(apt, partial).catch(async () => {
      await runProgram(apt, ['update']);
      await download(apt, partial);
    });
    const archive = readdirSync(partial).find(name => name.endsWith('.deb'));
    if (archive === undefined) throw new Error('apt-get download prometheus left no package');
    await runProgram(dpkg, ['-x', join(partial, archive), join(partial, 'files')]);
    renameSync(join(partial, 'files'), folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

async function download(apt: string, folder: string): Promise<void> {
  await runProgram(apt, ['download', '-o', 'APT::Sandbox::User=root', 'prometheus'], { cwd: folder });
}
