import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { isRecord } from '../../src/kube/kube-object.ts';
import type { ResourceType } from '../../src/kube/resource-path.ts';
import { apiVersionOf } from '../../src/kube/resource-path.ts';
import type { Fault, FaultAction, FaultVerb, SeenRequest } from './fault-plan.ts';
import { FaultPlan } from './fault-plan.ts';
import { FaultCollection, missingObject, StoreRefusal } from './fault-store.ts';
import { FaultWatch } from './fault-watch.ts';

/** Where a request points. */
interface Target {
  readonly verb: FaultVerb;
  readonly groupVersion: string;
  readonly plural: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

/**
 * A small API server on loopback that misbehaves on demand: list with pages, watch with bookmarks, create, update, merge patch,
 * delete, discovery. The real thing's rules that clients trip over are kept; admission, schemas and roles are not.
 */
export class FaultServer {
  readonly requests: SeenRequest[] = [];
  readonly plan = new FaultPlan();
  readonly #types = new Map<string, { type: ResourceType; collection: FaultCollection }>();
  readonly #watches = new Set<FaultWatch>();
  readonly #snapshots = new Map<string, { rv: bigint; items: KubeObject[] }>();
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((request, response) => void this.#handle(request, response));
  #rv: bigint;
  #token: string | undefined;
  #hidden = 0;
  connections = 0;

  private constructor(firstRV: bigint) {
    this.#rv = firstRV;
    this.#server.keepAliveTimeout = 60_000;
    this.#server.on('connection', socket => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(types: readonly ResourceType[], firstRV = 100n, port = 0): Promise<FaultServer> {
    const server = new FaultServer(firstRV);
    for (const type of types) server.serve(type);
    await new Promise<void>(resolve => server.#server.listen(port, '127.0.0.1', resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get rv(): bigint {
    return this.#rv;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise(resolve => this.#server.close(resolve));
  }

  serve(type: ResourceType): void {
    const publish = (event: Parameters<FaultWatch['event']>[0]) => {
      if (this.#hidden > 0) this.#hidden -= 1;
      else for (const watch of this.#watches) if (watch.plural === type.plural) watch.event(event);
    };
    this.#types.set(`${apiVersionOf(type)}/${type.plural}`, {
      type,
      collection: new FaultCollection(() => this.#nextRV(), publish),
    });
  }

  /** As when a CRD is deleted. */
  unserve(type: ResourceType): void {
    this.#types.delete(`${apiVersionOf(type)}/${type.plural}`);
    for (const watch of this.watches(type.plural)) watch.end();
  }

  of(type: ResourceType): FaultCollection {
    const entry = this.#types.get(`${apiVersionOf(type)}/${type.plural}`);
    if (!entry) throw new Error(`${type.plural} is not served`);
    return entry.collection;
  }

  inject(fault: Fault): void {
    this.plan.add(fault);
  }

  /** Only this bearer token is let in. */
  requireToken(token: string): void {
    this.#token = token;
  }

  /** The next `count` changes happen without any watch being told. */
  hideEvents(count: number): void {
    this.#hidden = count;
  }

  /** Continue tokens handed out so far expire. */
  expireContinueTokens(): void {
    this.#snapshots.clear();
  }

  /** The history up to now is forgotten. */
  compact(type: ResourceType): void {
    const collection = this.of(type);
    collection.compactedAt = this.#nextRV();
    collection.events = [];
  }

  watches(plural: string): FaultWatch[] {
    return [...this.#watches].filter(watch => watch.plural === plural);
  }

  bookmark(): void {
    for (const watch of this.#watches) watch.bookmark(this.#rv);
  }

  seen(verb: FaultVerb, plural?: string): SeenRequest[] {
    return this.requests.filter(
      request => request.verb === verb && (plural === undefined || request.plural === plural),
    );
  }

  #nextRV(): bigint {
    this.#rv += 1n;
    return this.#rv;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const target = parseTarget(request.method ?? 'GET', url);
    const body = await readJson(request);
    const seen: SeenRequest = {
      verb: target.verb,
      path: url.pathname,
      plural: target.plural,
      query: url.searchParams,
      headers: request.headers,
      body,
      at: performance.now(),
    };
    this.requests.push(seen);
    if (this.#token !== undefined && request.headers.authorization !== `Bearer ${this.#token}`) {
      sendStatus(response, 401, 'Unauthorized', 'Unauthorized');
      return;
    }
    const action = this.plan.take(seen);
    if (action && (await misbehave(action, request, response))) return;
    try {
      this.#answer(target, seen, response, action?.kind === 'applyThenReset');
    } catch (error) {
      if (error instanceof StoreRefusal) sendStatus(response, error.status, error.reason, error.message, error.details);
      else sendStatus(response, 500, 'InternalError', String(error));
    }
  }

  #answer(target: Target, seen: SeenRequest, response: ServerResponse, loseAnswer: boolean): void {
    if (target.verb === 'discover') {
      this.#discover(target, response);
      return;
    }
    const entry = this.#types.get(`${target.groupVersion}/${target.plural}`);
    if (!entry) throw new StoreRefusal(404, 'NotFound', 'the server could not find the requested resource');
    if (target.verb === 'list') this.#list(entry.type, entry.collection, target, seen, response);
    else if (target.verb === 'watch') this.#watch(entry.collection, target, seen, response);
    else {
      const result = this.#single(entry.collection, target, seen);
      if (loseAnswer) response.socket?.resetAndDestroy();
      else sendJson(response, target.verb === 'create' ? 201 : 200, result);
    }
  }

  #single(collection: FaultCollection, target: Target, seen: SeenRequest): unknown {
    const dryRun = seen.query.get('dryRun') === 'All';
    const key = [target.namespace, target.name].filter(part => part !== undefined).join('/');
    const body = seen.body as KubeObject;
    switch (target.verb) {
      case 'create':
        return collection.create({ ...body, metadata: { ...body.metadata, namespace: target.namespace } }, dryRun);
      case 'update':
        return collection.update(body, dryRun);
      case 'patch':
        return seen.headers['content-type'] === 'application/apply-patch+yaml' && !collection.objects.has(key)
          ? collection.create(body, dryRun)
          : collection.patch(key, body, dryRun);
      case 'delete': {
        const options = isRecord(seen.body) && isRecord(seen.body.preconditions) ? seen.body.preconditions : {};
        const removed = collection.remove(key, options);
        return removed.metadata.deletionTimestamp ? removed : { kind: 'Status', status: 'Success' };
      }
      default: {
        const found = collection.objects.get(key);
        if (!found) throw missingObject(key);
        return found;
      }
    }
  }

  #discover(target: Target, response: ServerResponse): void {
    const resources = [...this.#types.values()]
      .filter(({ type }) => apiVersionOf(type) === target.groupVersion)
      .map(({ type }) => ({ name: type.plural, kind: type.kind, namespaced: type.namespaced }));
    if (resources.length === 0) throw new StoreRefusal(404, 'NotFound', '404 page not found');
    sendJson(response, 200, { kind: 'APIResourceList', groupVersion: target.groupVersion, resources });
  }

  #list(type: ResourceType, collection: FaultCollection, target: Target, seen: SeenRequest, res: ServerResponse): void {
    const limit = Number(seen.query.get('limit') ?? 0);
    const token = seen.query.get('continue');
    const [id = '', from = '0'] = token?.split(':') ?? [];
    const known = this.#snapshots.get(id);
    if (token && !known) throw new StoreRefusal(410, 'Expired', 'The provided continue parameter is too old');
    const fresh = [...collection.objects.values()].filter(
      object => target.namespace === undefined || object.metadata.namespace === target.namespace,
    );
    const snapshot = known ?? { rv: this.#rv, items: fresh };
    const start = Number(from);
    const end = limit > 0 ? start + limit : snapshot.items.length;
    // As the real server: items of a list carry neither kind nor apiVersion.
    const items = snapshot.items.slice(start, end).map(({ kind: _k, apiVersion: _a, ...rest }) => rest);
    let next: string | undefined;
    if (end < snapshot.items.length) {
      const snapshotId = known ? id : String(this.#snapshots.size + 1 + Math.random());
      this.#snapshots.set(snapshotId, snapshot);
      next = `${snapshotId}:${end}`;
    }
    const metadata = { resourceVersion: String(snapshot.rv), continue: next };
    sendJson(res, 200, { kind: `${type.kind}List`, apiVersion: apiVersionOf(type), metadata, items });
  }

  #watch(collection: FaultCollection, target: Target, seen: SeenRequest, response: ServerResponse): void {
    const from = BigInt(seen.query.get('resourceVersion') ?? '0');
    if (from < collection.compactedAt) throw new StoreRefusal(410, 'Expired', `too old resource version: ${from}`);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const watch = new FaultWatch(target.plural, target.namespace, response);
    this.#watches.add(watch);
    response.on('close', () => this.#watches.delete(watch));
    for (const event of collection.events) if (event.rv > from) watch.event(event);
  }
}

/** Plays the fault; true when the request is dealt with. */
async function misbehave(action: FaultAction, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  switch (action.kind) {
    case 'reset':
      request.socket.resetAndDestroy();
      return true;
    case 'silent':
      return true;
    case 'status':
      for (const [name, value] of Object.entries(action.headers ?? {})) response.setHeader(name, value);
      sendStatus(response, action.status, action.reason ?? '', action.message ?? 'injected', action.details);
      return true;
    case 'delay':
      await new Promise(resolve => setTimeout(resolve, action.ms));
      return false;
    case 'raw':
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(action.text);
      if (action.ending === 'end') response.end();
      else if (action.ending === 'reset') setTimeout(() => request.socket.resetAndDestroy(), 20);
      return true;
    case 'applyThenReset':
      return false;
  }
}

function parseTarget(method: string, url: URL): Target {
  const parts = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
  const rest = parts[0] === 'api' ? parts.slice(2) : parts.slice(3);
  const groupVersion = parts[0] === 'api' ? (parts[1] ?? '') : parts.slice(1, 3).join('/');
  let namespace: string | undefined;
  if (rest[0] === 'namespaces' && rest.length > 2) {
    namespace = rest[1];
    rest.splice(0, 2);
  }
  const [plural = '', name] = rest;
  const collection: FaultVerb = url.searchParams.get('watch') === 'true' ? 'watch' : 'list';
  const read: FaultVerb = plural === '' ? 'discover' : name === undefined ? collection : 'get';
  const writes: Record<string, FaultVerb> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
  return { verb: writes[method] ?? read, groupVersion, plural, namespace, name };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch {
    return undefined;
  }
  return chunks.length === 0 ? undefined : (JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown);
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function sendStatus(response: ServerResponse, code: number, reason: string, message: string, details?: unknown): void {
  sendJson(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, details });
}
