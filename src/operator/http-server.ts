import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One readiness question and its answer. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail?: string;
}

export interface HttpServerParts {
  readonly metricsText: () => Promise<{ readonly contentType: string; readonly body: string }>;
  readonly readiness: () => readonly Check[];
}

/** /metrics, /healthz (the process answers) and /readyz (all caches synced). Nothing here changes anything. */
export class HttpServer {
  readonly #server: Server;

  constructor(parts: HttpServerParts) {
    this.#server = createServer((request, response) => {
      answer(parts, request, response).catch(() => response.writeHead(500).end());
    });
    this.#server.headersTimeout = 5_000;
    this.#server.requestTimeout = 10_000;
  }

  /** @returns the port; 0 asks for a free one. */
  async listen(port: number, host: string | undefined): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise(resolve => this.#server.close(resolve));
  }
}

async function answer(parts: HttpServerParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?')[0];
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405).end();
    return;
  }
  if (path === '/healthz' || path === '/livez') return text(response, 200, 'ok\n');
  if (path === '/readyz') {
    const checks = parts.readiness();
    const lines = checks.map(
      check => `${check.ok ? '[+]' : '[-]'} ${check.name}${check.detail ? `: ${check.detail}` : ''}`,
    );
    return text(response, checks.every(check => check.ok) ? 200 : 503, `${lines.join('\n')}\n`);
  }
  if (path === '/metrics') {
    const { contentType, body } = await parts.metricsText();
    response.writeHead(200, { 'content-type': contentType }).end(body);
    return;
  }
  text(response, 404, 'not found: try /metrics, /healthz or /readyz\n');
}

function text(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(body);
}
