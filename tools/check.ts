import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { filesAskedFor } from './files-asked-for.ts';
import { readTestReport, type TestReport } from './test-report.ts';

/*
 * All checks, tier by tier: one line each, details only of what failed, and a last line that counts.
 * `npm test -- unit e2e` runs the named tiers only.
 */

const root = join(import.meta.dirname, '..');
/** How often a tier that takes long says where it is. */
const PROGRESS_MS = 60_000;
/** Where a missing tool is a failure. */
const isCI = process.env['CI'] === 'true';
const bin = (name: string) => join(root, 'node_modules', '.bin', name);

interface Run extends TestReport {
  readonly output: string;
}

const NONE = { passed: 0, failed: 0, skipped: 0 };

/** A run that came to nothing. */
const failedRun = (output: string): Run => ({ counts: { ...NONE, failed: 1 }, failures: [], output });

interface Tier {
  readonly name: string;
  readonly what: string;
  readonly run: () => Promise<Run>;
}

interface Finished {
  readonly code: number;
  readonly output: string;
}

function execute(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  return new Promise(resolve => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-200_000);
    };
    const begun = Date.now();
    const progress = setInterval(() => {
      const last = output.split('\n').findLast(line => line.trim() !== '') ?? '';
      console.log(`        … ${Math.round((Date.now() - begun) / 1000)} s: ${last.trim().slice(0, 140)}`);
    }, PROGRESS_MS);
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', error => {
      clearInterval(progress);
      resolve({ code: 127, output: `${output}\n${error.message}` });
    });
    child.on('close', code => {
      clearInterval(progress);
      resolve({ code: code ?? 1, output });
    });
  });
}

/** A tool that either passes or fails as one. */
function tool(name: string, what: string, command: string, args: readonly string[]): Tier {
  return {
    name,
    what,
    run: async () => {
      const { code, output } = await execute(command, args);
      return code === 0 ? { counts: { ...NONE, passed: 1 }, failures: [], output } : failedRun(output);
    },
  };
}

/** Test files below some folders. */
function tests(name: string, what: string, folders: readonly string[], extra: readonly string[] = []): Tier {
  return { name, what, run: () => runVitest(name, folders, extra) };
}

/** Whether tests can have a network of their own: Linux, root, and the two programs. */
function canIsolate(): boolean {
  const has = (name: string) => ['/usr/bin', '/usr/sbin', '/bin', '/sbin'].some(at => existsSync(join(at, name)));
  return process.platform === 'linux' && process.getuid?.() === 0 && has('unshare') && has('ip');
}

/**
 * Test files that use a real control plane: what they need is built first, then they run in a network namespace. `lanes`:
 * so many files at once, each in a namespace of its own, for tests that mostly wait.
 */
function clusterTests(name: string, what: string, folders: readonly string[], lanes = 1): Tier {
  return {
    name,
    what,
    run: async () => {
      const prepared = await execute(process.execPath, ['test/support/prepare-rig.ts']);
      if (prepared.code !== 0) return failedRun(prepared.output);
      const isolate = canIsolate();
      if (!isolate && isCI) return failedRun('no network namespace: root, unshare and ip are needed');
      // A cluster that is there already, for the end-to-end tests alone: the contract suite needs a fresh one.
      const given = name === 'e2e' ? process.env['SLUICE_E2E_KUBECONFIG'] : undefined;
      const prefix = [
        ...(given ? [process.execPath, 'test/support/given-cluster/lend-cluster.ts', given] : []),
        ...(isolate ? ['unshare', '--net', process.execPath, 'test/support/in-namespace.ts'] : []),
      ];
      // The rig's own tests are about the control plane that it starts.
      const extra = ['--no-file-parallelism', ...(given ? ['--exclude', 'test/e2e/rig*.test.ts'] : [])];
      const env = { SLUICE_REAL_CLUSTER: '1' };
      // One story again is not the time for all else that the matrix does.
      const plans = name === 'matrix' ? (process.env['SLUICE_MATRIX'] ?? '') : '';
      const files = filesAskedFor(testFiles(folders), plans);
      if (files.length === 0) return failedRun(`no file in ${folders.join(', ')} tells a story of ${plans}`);
      if (lanes === 1 || !isolate) return runVitest(name, files, extra, prefix, env);
      return inLanes(lanes, files, file =>
        runVitest(`${name}-${basename(file, '.test.ts')}`, [file], extra, prefix, env),
      );
    },
  };
}

function testFiles(folders: readonly string[]): string[] {
  return folders.flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter(file => file.endsWith('.test.ts'))
      .map(file => `${folder}/${file}`),
  );
}

/** Runs files as lanes get free, and makes one result of theirs; of the output, what failed is kept. */
async function inLanes(lanes: number, files: readonly string[], run: (file: string) => Promise<Run>): Promise<Run> {
  const waiting = [...files];
  const runs: Run[] = [];
  const lane = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) runs.push(await run(file));
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  if (runs.length === 0) return failedRun('there is no test file');
  const sum = (of: (counts: TestReport['counts']) => number) =>
    runs.reduce((total, { counts }) => total + of(counts), 0);
  const told = runs.some(({ counts }) => counts.failed > 0) ? runs.filter(({ counts }) => counts.failed > 0) : runs;
  return {
    counts: { passed: sum(one => one.passed), failed: sum(one => one.failed), skipped: sum(one => one.skipped) },
    failures: runs.flatMap(({ failures }) => failures),
    output: told.map(({ output }) => output).join('\n'),
  };
}

async function runVitest(
  name: string,
  folders: readonly string[],
  extra: readonly string[],
  prefix: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Run> {
  const report = join(root, 'tmp', `report-${name}.json`);
  mkdirSync(join(root, 'tmp'), { recursive: true });
  rmSync(report, { force: true });
  const existing = folders.filter(folder => existsSync(join(root, folder)));
  const args = ['run', ...existing, '--reporter=json', `--outputFile.json=${report}`, '--reporter=default', ...extra];
  const [command = bin('vitest'), ...rest] = [...prefix, bin('vitest'), ...args];
  const { code, output } = await execute(command, rest, env);
  return { ...readTestReport(report, code, root, isCI), output };
}

const TIERS: readonly Tier[] = [
  tool('generated', 'files made from src/api are up to date', process.execPath, ['tools/gen/generate.ts', '--check']),
  tool('types', 'TypeScript, strict', bin('tsc'), ['-p', '.']),
  tool('lint', 'Biome: format, lint, import boundaries', bin('biome'), ['check', '--error-on-warnings', '.']),
  tool('unused', 'knip: unused files, exports, dependencies', bin('knip'), ['--no-progress']),
  tool('size', 'files and rooms keep their size', process.execPath, ['tools/check-size.ts']),
  tests(
    'unit',
    'pure rooms and their tables, with coverage',
    ['test/core', 'test/traffic', 'test/analysis', 'test/api'],
    ['--coverage'],
  ),
  tests('property', 'properties and model-based sequences', ['test/property']),
  tests('component', 'rooms with I/O against local servers', [
    'test/kube',
    'test/providers',
    'test/notifiers',
    'test/operator',
    'test/sandbox',
    'test/git',
    'test/tools',
    'test/bench',
  ]),
  clusterTests('contract', 'the embedded and the real API server, same assertions', ['test/contract']),
  clusterTests('e2e', 'the operator on a real control plane', ['test/e2e']),
  clusterTests('scenarios', 'stories on the whole rig, with users at the gateway', ['test/scenarios']),
  clusterTests('matrix', 'the operator killed, cut off and misled at every write', ['test/matrix'], 2),
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter(name => !TIERS.some(tier => tier.name === name));
if (unknown.length > 0) {
  console.error(`no tier named ${unknown.join(', ')}; there are ${TIERS.map(tier => tier.name).join(', ')}`);
  process.exit(2);
}

const total = { ...NONE };
const started = Date.now();
for (const tier of TIERS) {
  if (wanted.length > 0 && !wanted.includes(tier.name)) continue;
  const begun = Date.now();
  const { counts, failures, output } = await tier.run();
  const seconds = ((Date.now() - begun) / 1000).toFixed(1);
  const verdict = counts.failed > 0 ? 'FAILED' : counts.passed > 0 ? 'ok' : 'SKIPPED';
  const skips = counts.skipped > 0 ? `, ${counts.skipped} SKIPPED` : '';
  console.log(
    `${verdict.padEnd(7)} ${tier.name.padEnd(10)} ${String(counts.passed).padStart(5)} passed${skips} in ${seconds} s - ${tier.what}`,
  );
  for (const failure of failures) console.log(`     ✗ ${failure}`);
  if (counts.failed > 0) console.log(output.split('\n').slice(-400).join('\n'));
  else {
    const lines = output.split('\n').map(line => line.trim());
    for (const line of new Set(lines.filter(text => /^(SKIPPED|WARNING):/.test(text)))) console.log(`        ${line}`);
  }
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
}
console.log(`all checks took ${Math.round((Date.now() - started) / 1000)} s`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;
