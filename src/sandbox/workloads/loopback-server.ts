import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An HTTP server on 127.0.0.1 that is listening. */
export interface LoopbackServer {
  readonly port: number;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Stops listening; open requests have `graceMs` (default 0) to end, then every connection is cut. */
  close(graceMs?: number): Promise<void>;
}

/** Answers one request. What it throws becomes a 500 with the reason, so that one odd request never ends the process. */
type LoopbackListener = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** Listens on 127.0.0.1, never on an outside interface. Port 0 takes a free one. @throws Error when the port is taken */
export async function listenOnLoopback(listener: LoopbackListener, port = 0): Promise<LoopbackServer> {
  const server: Server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    void answer(listener, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address() as AddressInfo;
  return {
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    close: (graceMs = 0) =>
      new Promise(resolve => {
        const cut = setTimeout(() => server.closeAllConnections(), graceMs);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        server.closeIdleConnections();
        if (graceMs === 0) server.closeAllConnections();
      }),
  };
}

async function answer(listener: LoopbackListener, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    await listener(request, response);
  } catch (error) {
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(`${error instanceof Error ? error.message : String(error)}\n`);
  }
}
