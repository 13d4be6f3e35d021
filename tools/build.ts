import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { slimDependencies } from './slim-dependencies.ts';

/**
 * Bundles the executable into `dist/sluice.mjs` and chunks beside it, so that the image needs no node_modules. A chunk is
 * loaded when it is needed: the operator holds neither the sandbox nor the kubeconfig library in memory.
 */
const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
await rm(join(dist, 'chunks'), { recursive: true, force: true });
const result = await build({
  entryPoints: { sluice: join(root, 'src/main.ts') },
  outdir: dist,
  outExtension: { '.js': '.mjs' },
  chunkNames: 'chunks/[name]-[hash]',
  splitting: true,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: 'linked',
  legalComments: 'none',
  metafile: true,
  plugins: [slimDependencies()],
  // CommonJS dependencies call require(); an ES module has none of its own.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
});
// Read at run time by the sandbox, relative to its code.
await cp(join(root, 'src/sandbox/gateway/crds'), join(dist, 'chunks/crds'), { recursive: true });
let bytes = 0;
let chunks = 0;
for (const path of Object.keys(result.metafile.outputs).filter(output => output.endsWith('.mjs'))) {
  const code = await readFile(path);
  // Node holds a source that is not ASCII with two bytes per character.
  if (code.some(byte => byte > 0x7f)) throw new Error(`${path} is not ASCII`);
  bytes += code.length;
  chunks += 1;
}
console.log(`dist/sluice.mjs and ${chunks - 1} chunks: ${(bytes / 1024).toFixed(0)} KiB`);
