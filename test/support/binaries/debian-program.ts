import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Availability } from './availability.ts';
import { cacheFolder } from './cache-folder.ts';
import { fetchOnce } from './fetch-once.ts';
import { findOnPath, isExecutable } from './find-on-path.ts';
import { runProgram } from './run-program.ts';

/** A program that is on PATH under one of some names, or else comes from a Debian package. */
export interface DebianProgram {
  /** As people call it, for messages. */
  readonly title: string;
  /** Names to look for on PATH, the best first. */
  readonly names: readonly string[];
  /** The package, and the folder's name in the cache. Which version it is, Debian's release says. */
  readonly packageName: string;
  readonly inPackage: string;
  /** Roughly how much is fetched, megabytes. */
  readonly megabytes: number;
  /** Called with the unpacked package before it is kept. */
  readonly prepare?: (folder: string) => void;
}

/** Whether the program is there or can be fetched. Does not fetch. */
export function debianProgramAvailability(program: DebianProgram): Availability {
  if (onPath(program) !== undefined) return { available: true };
  if (isExecutable(join(cacheFolder(), program.packageName, program.inPackage))) return { available: true };
  if (findOnPath('apt-get') && findOnPath('dpkg-deb')) return { available: true };
  return {
    available: false,
    why: `no ${program.title}: put \`${program.names[0]}\` on PATH (on Debian the rig fetches it by itself)`,
  };
}

/**
 * The path of the program: from PATH, or Debian's package unpacked into the cache folder. The package is not
 * installed: nothing of the system changes, no service can start, and only an unknown package (`apt-get update`) needs root.
 */
export async function ensureDebianProgram(program: DebianProgram): Promise<string> {
  const found = onPath(program);
  if (found !== undefined) return found;
  const folder = await fetchOnce(program.packageName, partial => fetchPackage(program, partial));
  return join(folder, program.inPackage);
}

const onPath = ({ names }: DebianProgram) => names.map(findOnPath).find(path => path !== undefined);

async function fetchPackage(wanted: DebianProgram, folder: string): Promise<string> {
  const { title, names, packageName, megabytes, prepare } = wanted;
  const apt = findOnPath('apt-get');
  const dpkg = findOnPath('dpkg-deb');
  if (apt === undefined || dpkg === undefined)
    throw new Error(`no \`${names[0]}\` on PATH, and no apt-get and dpkg-deb to fetch it`);
  const download = () => runProgram(apt, ['download', '-o', 'APT::Sandbox::User=root', packageName], { cwd: folder });
  console.log(`fetching ${title} once (${megabytes} MB)`);
  await download().catch(async () => {
    await runProgram(apt, ['update']);
    await download();
  });
  const archive = readdirSync(folder).find(name => name.endsWith('.deb'));
  if (archive === undefined) throw new Error(`apt-get download ${packageName} left no package`);
  const files = join(folder, 'files');
  await runProgram(dpkg, ['-x', join(folder, archive), files]);
  prepare?.(files);
  return files;
}
