import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeTempFolder } from '../support/control-plane/temp-folder.ts';
import { runForeground } from '../support/run-foreground.ts';
import { BENCH_HELP, type BenchOptions, parseBenchOptions } from './options.ts';
import { runSize } from './phases/run-size.ts';
import { mergeResults } from './report/merge-results.ts';
import { replaceBlock } from './report/readme-block.ts';
import { readResult, saveResult } from './report/stored-results.ts';
import { writeReport } from './report/write-report.ts';
import type { SizeResult } from './results.ts';

/*
 * `npm run bench`: the operator on a real control plane, measured from outside: the API server's audit log and /proc.
 * Figures are of one run on one machine; read them as magnitudes.
 */
const ROOT = join(import.meta.dirname, '../..');
const README = join(ROOT, 'README.md');

async function main(args: readonly string[]): Promise<number> {
  let options: ReturnType<typeof parseBenchOptions>;
  try {
    options = parseBenchOptions(args);
    // Hours later would be a bad moment to find that there is no place for the figures.
    if (options !== 'help' && options.readme) replaceBlock(readFileSync(README, 'utf8'), '');
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${BENCH_HELP}`);
    return 2;
  }
  if (options === 'help') {
    process.stdout.write(BENCH_HELP);
    return 0;
  }
  if (options.reportOnly) return report(options) ? 0 : 1;
  if (process.env['SLUICE_NETWORK_NAMESPACE'] !== '1') return await runIsolated(args);
  return await measure(options);
}

/** Builds what is needed while there is a way out, and goes on in a network namespace of its own. */
async function runIsolated(args: readonly string[]): Promise<number> {
  for (const script of ['test/support/prepare-rig.ts', 'tools/build.ts']) {
    const { status } = spawnSync(process.execPath, [join(ROOT, script)], { stdio: ['ignore', 'ignore', 'inherit'] });
    if (status !== 0) return status ?? 1;
  }
  const inside = [join(ROOT, 'test/support/in-namespace.ts'), process.execPath, import.meta.filename, ...args];
  return await runForeground('unshare', ['--net', process.execPath, ...inside]);
}

async function measure(options: BenchOptions): Promise<number> {
  const begun = Date.now();
  // Measured is what runs in the image, the bundle; a copy, so that a build meanwhile changes nothing.
  const bundle = makeTempFolder('sluice-bench');
  cpSync(join(ROOT, 'dist'), bundle.path, { recursive: true });
  const out = resolve(ROOT, options.out);
  mkdirSync(out, { recursive: true });
  const version = versionOf(ROOT);
  let failures = 0;
  for (const size of options.sizes) {
    const say = (text: string) => {
      const elapsed = ((Date.now() - begun) / 1000).toFixed(1).padStart(7);
      console.log(`${elapsed}s  N=${size}  ${text}`);
    };
    const before = readResult(out, size);
    const save = (result: SizeResult) => saveResult(out, mergeResults(before, result, options.phases));
    try {
      const result = await runSize(size, options, { program: join(bundle.path, 'sluice.mjs'), version, say, save });
      failures += Object.keys(result.failures).length;
    } catch (error) {
      failures++;
      say(`FAILED: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
    }
    report(options);
  }
  await bundle.remove();
  console.log(`${failures === 0 ? 'all phases were measured' : `${failures} phases FAILED`}; results are in ${out}`);
  return failures === 0 ? 0 : 1;
}

/** @returns whether there was anything to report */
function report(options: BenchOptions): boolean {
  const table = writeReport(resolve(ROOT, options.out), options.readme ? README : undefined);
  console.log(table === undefined ? `there are no results in ${options.out}` : `\n${table}\n`);
  return table !== undefined;
}

/** The commit that is checked out, `-dirty` when it is not all; the version of the package where there is no Git. */
function versionOf(root: string): string {
  const { status, stdout } = spawnSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8' });
  if (status === 0) return stdout.trim();
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
}

process.exit(await main(process.argv.slice(2)));
