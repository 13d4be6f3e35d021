import * as http from 'node:http';
import * as https from 'node:https';
import type { ProxiedRequest } from './proxied-request.ts';

/** The API server behind the proxy. */
export interface UpstreamAddress {
  /** `https://host:port` or `http://host:port`. */
  readonly server: string;
  /** Certificate authority of an https server, PEM. */
  readonly caPem?: string | undefined;
}

/** An answer, read to its end. */
export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly bytes: Buffer;
}

const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding', 'host', 'accept-encoding', 'content-length'];

/** Asks the API server over connections that stay open. */
export class Upstream {
  readonly #base: URL;
  readonly #library: typeof http | typeof https;
  readonly #agent: http.Agent;

  constructor({ server, caPem }: UpstreamAddress) {
    this.#base = new URL(server);
    const secure = this.#base.protocol === 'https:';
    this.#library = secure ? https : http;
    this.#agent = secure
      ? new https.Agent({ keepAlive: true, maxSockets: 64, ...(caPem !== undefined && { ca: caPem }) })
      : new http.Agent({ keepAlive: true, maxSockets: 64 });
  }

  /** Sends a request on; resolves with the answer's head. */
  async open(request: ProxiedRequest): Promise<http.IncomingMessage> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#open(request);
      } catch (error) {
        // The API server may close an idle connection in the moment in which it is taken; only a read may be repeated.
        if (request.method !== 'GET' || tries === 3) throw error;
      }
    }
  }

  /** Sends a request on and reads the whole answer. */
  async ask(request: ProxiedRequest): Promise<UpstreamAnswer> {
    const message = await this.open(request);
    const chunks: Buffer[] = [];
    for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
    return { status: message.statusCode ?? 502, headers: message.headers, bytes: Buffer.concat(chunks) };
  }

  close(): void {
    this.#agent.destroy();
  }

  #open({ method, path, query, headers, bytes }: ProxiedRequest): Promise<http.IncomingMessage> {
    const url = new URL(this.#base);
    url.pathname = `${this.#base.pathname.replace(/\/$/, '')}${path}`;
    url.search = query.toString();
    const passed: http.OutgoingHttpHeaders = { ...forwarded(headers) };
    if (bytes.length > 0) passed['content-length'] = bytes.length;
    return new Promise((resolve, reject) => {
      const outgoing = this.#library.request(url, { method, headers: passed, agent: this.#agent }, resolve);
      outgoing.on('error', reject);
      outgoing.end(bytes.length > 0 ? bytes : undefined);
    });
  }
}

/** Headers that belong to the message and not to the connection. */
export function forwarded(headers: http.IncomingHttpHeaders): http.OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name)));
}
