import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { slimDependencies } from '../../../tools/slim-dependencies.ts';

const ROOT = join(import.meta.dirname, '../../..');

/** Bundles the executable into a folder, as tools/build.ts does for the image: it starts several times faster. @returns its path */
export async function bundleOperator(folder: string): Promise<string> {
  await build({
    entryPoints: { sluice: join(ROOT, 'src/main.ts') },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    chunkNames: 'chunks/[name]-[hash]',
    splitting: true,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    plugins: [slimDependencies()],
    logLevel: 'error',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
  await cp(join(ROOT, 'src/sandbox/gateway/crds'), join(folder, 'chunks/crds'), { recursive: true });
  return join(folder, 'sluice.mjs');
}
