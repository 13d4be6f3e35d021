import { cpSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchOnce } from './fetch-once.ts';
import { findOnPath } from './find-on-path.ts';
import { runProgram } from './run-program.ts';

/** A folder of a Go module, pinned by version and by the `h1:` sum that Go computes over the module's zip. */
export interface GoModuleFolder {
  readonly module: string;
  readonly version: string;
  readonly sum: string;
  readonly folder: string;
}

/** Fetches one folder of a module through the ordinary Go client, once, and returns its path in the cache folder. */
export async function ensureGoModuleFolder(wanted: GoModuleFolder): Promise<string> {
  const name = `${wanted.module}@${wanted.version}/${wanted.folder}`.replaceAll('/', '_');
  return await fetchOnce(join('modules', name), async partial => {
    const files = join(partial, 'files');
    cpSync(join(await download(wanted), wanted.folder), files, { recursive: true });
    return files;
  });
}

async function download({ module, version, sum }: GoModuleFolder): Promise<string> {
  const go = findOnPath('go');
  if (go === undefined) throw new Error(`fetching ${module} ${version} needs Go on PATH`);
  const answer: unknown = JSON.parse(
    await runProgram(go, ['mod', 'download', '-json', `${module}@${version}`], { cwd: tmpdir() }),
  );
  const { Dir, Sum } = answer as { Dir?: string; Sum?: string };
  if (Dir === undefined || Sum !== sum)
    throw new Error(`${module} ${version} has sum ${Sum}, expected ${sum}: do not use it`);
  return Dir;
}
