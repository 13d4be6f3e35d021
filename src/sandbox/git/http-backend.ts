import { spawn } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** One request for `git http-backend`. */
export interface BackendRequest {
  /** Folder that holds the repositories. */
  readonly root: string;
  /** `/shop.git/info/refs` */
  readonly path: string;
  readonly query: string;
}

/** Whether a git program with http-backend can be run. */
export function hasHttpBackend(program = 'git'): Promise<boolean> {
  return new Promise(resolve => {
    const child = spawn(program, ['http-backend'], { stdio: 'ignore', env: gitEnvironment({}) });
    child.once('error', () => resolve(false));
    // Without a request it answers "500" in CGI and ends with 0; a git that lacks the command ends with 1.
    child.once('close', code => resolve(code === 0));
  });
}

/** Runs `git http-backend` (CGI) for one request and passes its answer on. */
export function runHttpBackend(
  { root, path, query }: BackendRequest,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const header = (name: string) => String(request.headers[name] ?? '');
  const child = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: gitEnvironment({
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_PROTOCOL: header('git-protocol'),
      REQUEST_METHOD: request.method ?? 'GET',
      PATH_INFO: path,
      QUERY_STRING: query,
      CONTENT_TYPE: header('content-type'),
      HTTP_CONTENT_ENCODING: header('content-encoding'),
      REMOTE_USER: 'sandbox',
      REMOTE_ADDR: '127.0.0.1',
    }),
  });
  request.pipe(child.stdin);
  // A client that goes away breaks the pipe; the backend ends by itself.
  child.stdin.on('error', () => {});
  response.once('close', () => {
    if (!response.writableFinished) child.kill();
  });
  return new Promise(resolve => {
    let head: Buffer | undefined = Buffer.alloc(0);
    child.stdout.on('data', (chunk: Buffer) => {
      if (head === undefined) {
        response.write(chunk);
        return;
      }
      head = Buffer.concat([head, chunk]);
      const end = /\r?\n\r?\n/.exec(head.toString('latin1'));
      if (!end) return;
      writeHead(response, head.subarray(0, end.index).toString());
      response.write(head.subarray(end.index + end[0].length));
      head = undefined;
    });
    const fail = () => {
      if (!response.headersSent) response.writeHead(500);
      response.end();
      resolve();
    };
    child.once('error', fail);
    child.once('close', () => {
      if (head === undefined) {
        response.end();
        resolve();
      } else fail();
    });
  });
}

/** CGI: `Status: 404 Not Found` and other headers. */
function writeHead(response: ServerResponse, head: string): void {
  let status = 200;
  for (const line of head.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).trim();
    if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10);
    else if (colon > 0) response.setHeader(name, value);
  }
  response.writeHead(status);
}

/** Only what git needs: neither the user's configuration nor their credentials. */
function gitEnvironment(own: Record<string, string>): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH ?? '',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    HOME: '/nonexistent',
    ...own,
  };
}
