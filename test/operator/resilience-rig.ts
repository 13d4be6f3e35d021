import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { staticClusterConfig } from '../../src/kube/config.ts';
import { createLog } from '../../src/operator/log.ts';
import { Operator } from '../../src/operator/operator.ts';
import { parseResourcePath } from '../../src/sandbox/apiserver/http/request-info.ts';
import { type Fault, FaultPlan, type FaultVerb, type SeenRequest } from '../support/fault-plan.ts';
import type { OperatorWorld } from '../support/operator-world.ts';

const WRITES: Readonly<Record<string, FaultVerb>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/** Stands between an operator and the API server of its world, and answers some requests itself, badly. */
export class FaultProxy {
  /** Requests that were answered with a fault, in order. */
  readonly refused: SeenRequest[] = [];
  /** All requests, in the order in which they came. */
  readonly seen: SeenRequest[] = [];
  readonly #plan = new FaultPlan();
  readonly #upstream: number;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((request, response) => void this.#handle(request, response));

  private constructor(upstream: number) {
    this.#upstream = upstream;
    this.#server.on('connection', socket => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async before(world: OperatorWorld): Promise<FaultProxy> {
    const { message } = await world.client.transport.stream({ method: 'GET', path: '/version' });
    const { remotePort = 0 } = message.socket;
    message.destroy();
    const proxy = new FaultProxy(remotePort);
    await new Promise<void>(resolve => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Only faults of these kinds are played here. */
  inject(fault: Fault & { readonly action: { readonly kind: 'status' | 'delay' } }): void {
    this.#plan.add(fault);
  }

  /** Everything works again. */
  mend(): void {
    this.#plan.clear();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise(resolve => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    request.on('error', () => undefined);
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    } catch {
      return;
    }
    const seen = seenRequest(request);
    this.seen.push(seen);
    const action = this.#plan.take(seen);
    if (action?.kind === 'delay') await sleep(action.ms);
    if (action?.kind !== 'status') {
      this.#pass(request, Buffer.concat(chunks), response);
      return;
    }
    this.refused.push(seen);
    const { status: code, reason = '', message = 'injected' } = action;
    response.writeHead(code, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message }));
  }

  #pass(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const { method, url: path, headers } = request;
    const upstream = send({ host: '127.0.0.1', port: this.#upstream, method, path, headers }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    });
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    upstream.end(body);
  }
}

function seenRequest(request: IncomingMessage): SeenRequest {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const target = parseResourcePath(url.pathname);
  const watching = url.searchParams.get('watch') === 'true' || url.searchParams.get('watch') === '1';
  const read: FaultVerb = !target ? 'discover' : target.name !== undefined ? 'get' : watching ? 'watch' : 'list';
  return {
    verb: WRITES[request.method ?? ''] ?? read,
    path: url.pathname,
    plural: target?.plural ?? '',
    query: url.searchParams,
    headers: request.headers,
    body: undefined,
    at: performance.now(),
  };
}

/** Whether a request is about the status of an object. */
export const ofStatus = (request: SeenRequest): boolean => request.path.endsWith('/status');

/** An operator of the world that reaches its API server through a proxy. */
export async function startBehind(proxy: FaultProxy, world: OperatorWorld): Promise<Operator> {
  const operator = new Operator({
    config: staticClusterConfig({ server: proxy.url, token: 'operator' }),
    log: createLog('debug', line => world.logged.push(line)),
    namespace: 'sluice-system',
    leaderElection: false,
    gitSync: true,
    gitCacheDir: join(world.folder, 'git-cache'),
  });
  await operator.start();
  return operator;
}
