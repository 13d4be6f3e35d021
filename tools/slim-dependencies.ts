import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/**
 * Something in a dependency that the bundle never uses and that would be loaded at every start all the same, which is memory.
 * Each cut must fit exactly once: a dependency that looks different in a new version fails the build.
 */
interface Cut {
  /** End of the path of the file. */
  readonly file: string;
  /** Why nothing misses it. */
  readonly why: string;
  /** Left out: the whole file. */
  readonly from?: string;
  readonly to: string;
}

const CUTS: readonly Cut[] = [
  {
    file: 'axios/lib/adapters/fetch.js',
    why: 'the http adapter comes first; merely looking for fetch makes Node load undici',
    to: 'export const getFetch = () => undefined; export default undefined;',
  },
  {
    file: 'axios/lib/utils.js',
    why: 'we send JSON; merely looking for FormData makes Node load undici',
    from: "typeof G.FormData !== 'undefined' ? G.FormData : undefined",
    to: 'undefined',
  },
  {
    file: 'axios/lib/platform/node/classes/FormData.js',
    why: 'we send JSON; it brings form-data and with it the table of all media types',
    to: 'export default undefined;',
  },
  {
    file: 'axios/lib/helpers/Http2Sessions.js',
    why: 'we never ask for HTTP/2',
    to: 'export default class Http2Sessions {}',
  },
  {
    file: 'axios/lib/adapters/http.js',
    why: 'the constants are of HTTP/2, which we never ask for',
    from: "import http2 from 'http2';",
    to: 'const http2 = { constants: {} };',
  },
];

/** The esbuild plugin that keeps what the operator never uses out of its memory. */
export function slimDependencies(): Plugin {
  return {
    name: 'slim-dependencies',
    setup(build) {
      const done = new Map<Cut, number>();
      build.onLoad({ filter: /\.(js|mjs|cjs|ts)$/, namespace: 'file' }, async ({ path }) => {
        const original = await readFile(path, 'utf8');
        let contents = original;
        for (const cut of CUTS.filter(({ file }) => path.replaceAll('\\', '/').endsWith(`/node_modules/${file}`))) {
          contents = applied(cut, contents);
          done.set(cut, (done.get(cut) ?? 0) + 1);
        }
        contents = ascii(contents);
        return contents === original ? undefined : { contents, loader: path.endsWith('.ts') ? 'ts' : 'js' };
      });
      // An ES import of node:http reads all its exports, WebSocket too, for which Node loads undici (8 MB).
      build.onResolve({ filter: /^(node:)?http$/ }, ({ kind }) =>
        kind === 'import-statement' ? { path: 'node:http', namespace: 'builtin' } : undefined,
      );
      build.onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
        contents: `module.exports = process.getBuiltinModule('${path}');`,
      }));
      build.onEnd(() => {
        const missed = CUTS.filter(cut => done.get(cut) !== 1);
        return { errors: missed.map(cut => ({ text: `${cut.file} is not in the bundle: is the cut still needed?` })) };
      });
    },
  };
}

function applied(cut: Cut, contents: string): string {
  if (cut.from === undefined) return cut.to;
  const parts = contents.split(cut.from);
  if (parts.length !== 2) throw new Error(`${cut.file}: "${cut.from}" occurs ${parts.length - 1} times, not once`);
  return parts.join(cut.to);
}

/** A source with a single character outside of Latin-1 is held with two bytes for every character. */
function ascii(contents: string): string {
  return contents.replaceAll(
    /[\u0080-\uffff]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
