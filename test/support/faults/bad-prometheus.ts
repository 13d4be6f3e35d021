import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Answers to queries, each under a path of its own, as servers in trouble give them. */
const ANSWERS: Readonly<Record<string, (response: ServerResponse) => void>> = {
  vector: response => vector(response, '0.99'),
  scalar: response => json(response, { resultType: 'scalar', result: [now(), '0.99'] }),
  bad: response => vector(response, '0.1'),
  silent: () => undefined,
  500: response => response.writeHead(500).end('Internal Server Error'),
  503: response => response.writeHead(503).end(),
  drip: response => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const timer = setInterval(() => response.write(' '), 100);
    response.on('close', () => clearInterval(timer));
  },
  huge: response => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.on('error', () => undefined);
    const megabyte = Buffer.alloc(1 << 20, ' ');
    const more = (left: number) => {
      if (left > 0 && !response.destroyed) response.write(megabyte, () => more(left - 1));
      else response.end('{}');
    };
    more(50);
  },
  nan: response => vector(response, 'NaN'),
  inf: response => vector(response, '+Inf'),
  empty: response => json(response, { resultType: 'vector', result: [] }),
  html: response => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in</html>'),
  half: response => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1_000 });
    response.write('{"status":"success","da', () => setTimeout(() => response.destroy(), 50));
  },
  reset: response => response.destroy(),
  redirect: response => response.writeHead(302, { location: '/stolen/api/v1/query' }).end(),
  'link-local': response => response.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data' }).end(),
  stolen: response => vector(response, '0.99'),
};

/** A server whose address decides how it answers: `url/nan`, `url/huge`, ... */
export interface BadPrometheus {
  readonly url: string;
  /** How often it was asked under a path. */
  asked(path: string): number;
  stop(): Promise<void>;
}

export async function startBadPrometheus(): Promise<BadPrometheus> {
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    request.resume();
    const path = request.url?.split('/')[1] ?? '';
    counts.set(path, (counts.get(path) ?? 0) + 1);
    ANSWERS[path]?.(response);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: path => counts.get(path) ?? 0,
    stop: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

const now = () => Date.now() / 1_000;

function vector(response: ServerResponse, value: string): void {
  json(response, { resultType: 'vector', result: [{ metric: {}, value: [now(), value] }] });
}

function json(response: ServerResponse, data: object): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ status: 'success', data }));
}
