import { join } from 'node:path';
import { build } from 'esbuild';

/** Bundles the executable into one file, so that the image needs no node_modules. */
const root = join(import.meta.dirname, '..');
const result = await build({
  entryPoints: [join(root, 'src/main.ts')],
  outfile: join(root, 'dist/sluice.mjs'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: true,
  sourcemap: 'linked',
  legalComments: 'none',
  metafile: true,
  // CommonJS dependencies call require(); an ES module has none of its own.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
});
const bytes = Object.values(result.metafile.outputs).find(output => output.entryPoint)?.bytes ?? 0;
console.log(`dist/sluice.mjs: ${(bytes / 1024).toFixed(0)} KiB`);
