import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Availability } from './availability.ts';
import { cacheFolder } from './cache-folder.ts';
import { withFileLock } from './file-lock.ts';
import { findOnPath, isExecutable } from './find-on-path.ts';
import { runProgram } from './run-program.ts';

/** Absolute paths of the programs of a control plane. Upstream's test archive may lack the controller manager. */
export interface ControlPlaneBinaries {
  readonly etcd: string;
  readonly apiserver: string;
  readonly controllerManager: string | undefined;
  readonly kubectl: string;
}

const SOURCE = join(import.meta.dirname, '../control-plane/go');
const VERSION_PACKAGES = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'];
const VERSION = { gitVersion: 'v1.36.3', gitMajor: '1', gitMinor: '36' };
const LINKER_FLAGS = [
  '-s -w',
  ...VERSION_PACKAGES.flatMap(name => Object.entries(VERSION).map(([key, value]) => `-X ${name}.${key}=${value}`)),
].join(' ');
const BUILD_FLAGS = ['-mod=readonly', '-trimpath', '-buildvcs=false', `-ldflags=${LINKER_FLAGS}`];
const PROGRAMS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const PROGRESS_MS = 15_000;

/** Whether the programs are there or can be built. Does not build. */
export function controlPlaneBinariesAvailability(): Availability {
  const assets = process.env.KUBEBUILDER_ASSETS;
  if (assets !== undefined) {
    const missing = ['etcd', 'kube-apiserver', 'kubectl'].filter(name => !isExecutable(join(assets, name)));
    if (missing.length === 0) return { available: true };
    return { available: false, why: `KUBEBUILDER_ASSETS=${assets} has no ${missing.join(', ')}: unset or complete it` };
  }
  if (isExecutable(join(builtFolder(), 'controlplane')) || findOnPath('go') !== undefined) return { available: true };
  return {
    available: false,
    why: 'no control plane: install Go 1.26 or newer, or set KUBEBUILDER_ASSETS to a folder with kube-apiserver, etcd and kubectl',
  };
}

/**
 * The control plane's programs, from `KUBEBUILDER_ASSETS` or built once from test/support/control-plane/go into the
 * cache folder (about 5 minutes on 2 cores, 2.2 GB of memory to link, 125 MB kept).
 */
export async function ensureControlPlaneBinaries(): Promise<ControlPlaneBinaries> {
  const assets = process.env.KUBEBUILDER_ASSETS;
  const folder = assets ?? (await ensureBuilt());
  const controllerManager = join(folder, 'kube-controller-manager');
  return {
    etcd: join(folder, 'etcd'),
    apiserver: join(folder, 'kube-apiserver'),
    controllerManager: isExecutable(controllerManager) ? controllerManager : undefined,
    kubectl: join(folder, 'kubectl'),
  };
}

function builtFolder(): string {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum', 'main.go']) hash.update(readFileSync(join(SOURCE, file)));
  return join(cacheFolder(), hash.update(BUILD_FLAGS.join('\0')).digest('hex'));
}

async function ensureBuilt(): Promise<string> {
  const folder = builtFolder();
  if (existsSync(folder)) return folder;
  await withFileLock(`${folder}.lock`, async () => {
    if (!existsSync(folder)) await build(folder);
  });
  return folder;
}

/** Builds beside the target and renames, so that the target is whole or absent. Go's own cache for it is thrown away. */
async function build(folder: string): Promise<void> {
  const go = findOnPath('go');
  if (go === undefined) throw new Error('building the control plane needs Go 1.26 or newer on PATH');
  const started = Date.now();
  const goCache = mkdtempSync(join(tmpdir(), 'sluice-gocache-'));
  const partial = mkdtempSync(`${folder}.tmp-`);
  const seconds = () => Math.round((Date.now() - started) / 1000);
  console.log('building the control plane once; this takes about 5 minutes on 2 cores');
  const progress = setInterval(() => console.log(`  still building the control plane, ${seconds()} s`), PROGRESS_MS);
  try {
    await runProgram(go, ['build', ...BUILD_FLAGS, '-o', join(partial, 'controlplane'), '.'], {
      cwd: SOURCE,
      env: { ...process.env, CGO_ENABLED: '0', GOCACHE: goCache, GOFLAGS: '' },
    });
    for (const program of PROGRAMS) symlinkSync('controlplane', join(partial, program));
    renameSync(partial, folder);
    console.log(`built the control plane in ${seconds()} s`);
  } finally {
    clearInterval(progress);
    rmSync(goCache, { recursive: true, force: true });
    rmSync(partial, { recursive: true, force: true });
  }
}
