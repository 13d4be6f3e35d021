// Runs on whatever Node npm was started with: installs what is locked, once, and hands over to the project's own Node.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'node_modules', '.installed');
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');
const node = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}

const installed = existsSync(stamp) && readFileSync(stamp, 'utf8') === lock && existsSync(node);
if (!installed) {
  console.error('installing dependencies (once)…');
  const started = Date.now();
  const npm = process.env.npm_execpath;
  // Not `npm ci`: it insists on lock entries of every platform's optional packages, which not every registry serves.
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  if (npm?.endsWith('.js') || npm?.endsWith('.cjs')) run(process.execPath, [npm, ...args]);
  else run('npm', args);
  // Some npm settings skip install scripts; the node package fetches its binary in one.
  if (!existsSync(node)) run('npm', ['rebuild', 'node', 'esbuild', '--ignore-scripts=false', '--foreground-scripts']);
  writeFileSync(stamp, lock);
  console.error(`dependencies installed in ${Math.round((Date.now() - started) / 1000)} s`);
}

const [script, ...rest] = process.argv.slice(2);
const child = spawnSync(node, [join(root, script), ...rest], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PATH: `${dirname(node)}:${join(root, 'node_modules', '.bin')}:${process.env.PATH ?? ''}` },
});
process.exit(child.status ?? 1);
