import type { IncomingMessage, ServerResponse } from 'node:http';
import { basename, dirname } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { LoopbackServer } from '../workloads/loopback-server.ts';
import { listenOnLoopback } from '../workloads/loopback-server.ts';
import type { GitRepository } from './git-repository.ts';
import { hasHttpBackend, runHttpBackend } from './http-backend.ts';
import { advertisement, uploadPack } from './upload-pack.ts';

/** Input of {@link GitServer}. */
export interface GitServerOptions {
  readonly repository: GitRepository;
  /** Default: any free port. */
  readonly port?: number | undefined;
  /** False: do without the git program even when there is one. */
  readonly useGitProgram?: boolean | undefined;
  /** Told after a push, with the new tip. */
  readonly onPush?: ((sha: string) => void) | undefined;
}

const LARGEST_REQUEST = 4 << 20;

/**
 * Serves one repository over smart HTTP on loopback. With a git program on PATH through `git http-backend`, so that people can clone, pull
 * and push; without one it answers clones and pulls itself, and pushes get 403.
 */
export class GitServer {
  readonly #options: GitServerOptions;
  readonly #name: string;
  #server: LoopbackServer | undefined;
  #canPush = false;

  constructor(options: GitServerOptions) {
    this.#options = options;
    this.#name = `/${basename(options.repository.folder)}`;
  }

  /** What to clone: `http://127.0.0.1:PORT/shop.git`. @throws Error before start */
  get url(): string {
    if (!this.#server) throw new Error('the Git server has not been started');
    return `${this.#server.url}${this.#name}`;
  }

  /** Whether pushes are accepted (a git program is there). */
  get canPush(): boolean {
    return this.#canPush;
  }

  /** Begins to listen. @throws Error when the port is taken */
  async start(): Promise<void> {
    this.#canPush = this.#options.useGitProgram !== false && (await hasHttpBackend());
    this.#server = await listenOnLoopback((request, response) => this.#serve(request, response), this.#options.port);
  }

  /** Ends all connections. */
  async stop(): Promise<void> {
    await this.#server?.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://loopback');
    // URL resolves `..`, so whatever begins with the name stays inside the repository.
    const inside = url.pathname.startsWith(`${this.#name}/`) ? url.pathname.slice(this.#name.length) : undefined;
    try {
      if (inside === undefined) answer(response, 404, `there is one repository here: ${this.#name}`);
      else if (this.#canPush) await this.#delegate(url, inside, request, response);
      else await this.#answerSelf(url, inside, request, response);
    } catch (error) {
      const code = error instanceof RangeError ? 400 : 500;
      if (!response.headersSent) answer(response, code, error instanceof Error ? error.message : String(error));
      else response.destroy();
    }
  }

  async #delegate(url: URL, inside: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { repository, onPush } = this.#options;
    const before = await repository.head();
    const query = url.search.slice(1);
    await runHttpBackend({ root: dirname(repository.folder), path: url.pathname, query }, request, response);
    if (inside !== '/git-receive-pack') return;
    const after = await repository.head();
    if (after !== undefined && after !== before) onPush?.(after);
  }

  async #answerSelf(url: URL, inside: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { folder } = this.#options.repository;
    const service = inside === '/info/refs' ? url.searchParams.get('service') : inside.slice(1);
    if (service === 'git-receive-pack') {
      answer(response, 403, 'pushing needs a git program on the PATH of the sandbox');
    } else if (inside === '/info/refs' && service === 'git-upload-pack') {
      reply(response, 'application/x-git-upload-pack-advertisement', await advertisement(folder));
    } else if (inside === '/git-upload-pack' && request.method === 'POST') {
      reply(response, 'application/x-git-upload-pack-result', await uploadPack(folder, await readBody(request)));
    } else answer(response, 404, 'only smart HTTP is served');
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_REQUEST) throw new RangeError('the request is too large');
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body, { maxOutputLength: LARGEST_REQUEST }) : body;
}

function reply(response: ServerResponse, type: string, body: Buffer): void {
  response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache' });
  response.end(body);
}

function answer(response: ServerResponse, code: number, why: string): void {
  response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${why}\n`);
}
