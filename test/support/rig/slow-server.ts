import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A server in front of another one, or of none. */
export interface SlowServer {
  readonly url: string;
  /** Requests that have come in. */
  requests(): number;
  stop(): Promise<void>;
}

/** Passes requests on to `to` after a delay; without `to` it takes them and never answers. */
export async function startSlowServer(to?: { readonly url: string; readonly delayMs: number }): Promise<SlowServer> {
  let requests = 0;
  const stopping = new AbortController();
  const server = createServer(async (request, response) => {
    requests++;
    let body = '';
    for await (const chunk of request) body += chunk;
    if (to === undefined) return;
    try {
      await sleep(to.delayMs, undefined, { signal: stopping.signal });
      const { method = 'GET', headers } = request;
      const type = headers['content-type'];
      const answer = await fetch(to.url + request.url, {
        method,
        ...(type !== undefined && { headers: { 'content-type': type } }),
        ...(method !== 'GET' && { body }),
      });
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
    } catch {
      response.destroy();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    stop: async () => {
      stopping.abort();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
