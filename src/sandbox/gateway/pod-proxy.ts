import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request as httpRequest } from 'node:http';
import type { PodEndpoint } from '../workloads/pod-network.ts';
import type { RouteFilter } from './gateway-objects.ts';
import type { Headers } from './header-changes.ts';
import { applyHeaderFilters, endToEndHeaders } from './header-changes.ts';

/** One request on its way to a pod. */
export interface Forwarding {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Where to try, in order; the next one only when a connection could not be had. */
  readonly targets: readonly PodEndpoint[];
  readonly filters: readonly RouteFilter[];
  /** For the whole exchange, in milliseconds. */
  readonly timeoutMs: number;
}

const REFUSED = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE']);

/** Sends requests on to pods over kept-alive connections. */
export class PodProxy {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 64 });

  /** Forwards a request and its answer. @returns the status code that the client got, 0 when the client went away */
  async forward(forwarding: Forwarding): Promise<number> {
    const { request, response, targets } = forwarding;
    const hasBody = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length']) > 0;
    // A pooled connection may have died since its last use: that says nothing of the pod, so it gets a second chance.
    const tries = hasBody ? targets.slice(0, 1) : targets.flatMap(target => [target, target]).slice(0, 4);
    for (const [index, target] of tries.entries()) {
      const outcome = await this.#attempt(forwarding, target);
      if (typeof outcome === 'number') return outcome;
      if (response.destroyed) return 0;
      if (outcome === 'timeout') return refuse(response, 504, 'the pod did not answer in time');
      if (index === tries.length - 1) break;
    }
    return refuse(response, 503, 'no pod could be reached');
  }

  /** Sends a copy of a request that nobody waits for; its answer is dropped. Requests with a body are not mirrored. */
  mirror(request: IncomingMessage, target: PodEndpoint): void {
    const headers = endToEndHeaders(request.headers as Headers);
    const { host, port } = target;
    const options = { agent: this.#agent, host, port, method: request.method, path: request.url, headers };
    httpRequest({ ...options, timeout: 10_000 }, answer => answer.resume())
      .on('timeout', function (this: { destroy(): void }) {
        this.destroy();
      })
      .on('error', () => {})
      .end();
  }

  /** Closes all connections to pods. */
  close(): void {
    this.#agent.destroy();
  }

  #attempt(forwarding: Forwarding, target: PodEndpoint): Promise<number | 'unreachable' | 'timeout'> {
    const { request, response, filters, timeoutMs } = forwarding;
    const headers = endToEndHeaders(request.headers as Headers);
    headers['x-forwarded-host'] ??= request.headers.host;
    headers['x-forwarded-proto'] ??= 'http';
    applyHeaderFilters(headers, filters, 'requestHeaderModifier');
    return new Promise(resolve => {
      const { host, port } = target;
      const options = { agent: this.#agent, host, port, method: request.method, path: request.url, headers };
      const upstream = httpRequest(options, answer => {
        const back = endToEndHeaders(answer.headers as Headers);
        applyHeaderFilters(back, filters, 'responseHeaderModifier');
        const code = answer.statusCode ?? 502;
        response.writeHead(code, back as Record<string, string | string[]>);
        answer.pipe(response);
        answer.once('error', () => response.destroy());
        answer.once('close', () => finish(code));
      });
      const timer = setTimeout(() => {
        finish(response.headersSent ? 504 : 'timeout');
        upstream.destroy();
      }, timeoutMs);
      const onClientGone = () => {
        if (response.writableFinished) return;
        finish(0);
        upstream.destroy();
      };
      let finished = false;
      const finish = (outcome: number | 'unreachable' | 'timeout') => {
        finished = true;
        clearTimeout(timer);
        response.off('close', onClientGone);
        resolve(outcome);
      };
      response.once('close', onClientGone);
      upstream.on('error', (error: NodeJS.ErrnoException) => {
        if (finished) return;
        if (!response.headersSent && REFUSED.has(error.code ?? '')) finish('unreachable');
        else if (response.headersSent) {
          response.destroy();
          finish(0);
        } else finish(refuse(response, 502, `the pod answered badly: ${error.code ?? error.message}`));
      });
      request.pipe(upstream);
    });
  }
}

/** Answers for the gateway itself, in plain text. @returns the code */
export function refuse(response: ServerResponse, code: number, why: string): number {
  if (!response.headersSent && !response.destroyed) {
    response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(`${why}\n`);
  }
  return code;
}
