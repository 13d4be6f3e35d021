import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { genericError, methodNotAllowed, noSuchResource } from '../api-error.ts';
import type { JsonObject } from '../json.ts';
import { isObject } from '../json.ts';
import type { ServerContext } from '../rest/context.ts';
import type { TypeRegistry } from '../types/registry.ts';
import { apiVersionOf } from '../types/resource-type.ts';
import { negotiate } from './accept.ts';
import {
  aggregated,
  coreVersions,
  groupInfo,
  groupList,
  resourceList,
  reviewKind,
  serverVersion,
} from './discovery.ts';
import { openApiV2, openApiV2Protobuf, openApiV3, openApiV3Index } from './openapi.ts';
import { mediaTypeOf, parseBody, readBody } from './read-body.ts';
import { parseResourcePath } from './request-info.ts';
import type { RequestNote, ResourceHandler } from './resource-handler.ts';
import { send, sendJson, toApiError } from './respond.ts';

/** One finished request, for the audit hook. A watch is reported when it starts. */
export interface AuditEntry {
  user: string;
  /** get, list, watch, create, update, patch, apply, delete, deletecollection. */
  verb: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  /** HTTP status. */
  code: number;
  /** Milliseconds from the first byte to the answer. */
  ms: number;
  /** The resourceVersion of the answered object or list, empty when there is none. */
  responseRV: string;
}

/** What the HTTP edge needs. */
export interface HttpOptions {
  /** Bearer tokens and the users they stand for; undefined lets everybody in as `system:anonymous`. */
  tokens: ReadonlyMap<string, string> | undefined;
  onAudit: ((entry: AuditEntry) => void) | undefined;
  /** Told of failures that are bugs of this server. */
  onBug: (error: unknown) => void;
}

interface Routed {
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
  user: string;
  note: RequestNote;
  /** What stood before the path proper, to be repeated in links. */
  prefix: string;
}

/** The HTTP edge: authentication, discovery, and the hand-over of resource requests. */
export class HttpServer {
  private readonly context: ServerContext;
  private readonly handler: ResourceHandler;
  private readonly options: HttpOptions;
  private readonly server: Server;

  constructor(context: ServerContext, handler: ResourceHandler, options: HttpOptions) {
    this.context = context;
    this.handler = handler;
    this.options = options;
    this.server = createServer((request, response) => {
      void this.serve(request, response);
    });
    this.server.keepAliveTimeout = 60_000;
    this.server.requestTimeout = 0;
  }

  /** Listens on loopback; resolves with the port. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, '127.0.0.1', () => {
        this.server.off('error', reject);
        resolve((this.server.address() as AddressInfo).port);
      });
    });
  }

  /** Ends watches, closes every connection and stops listening. */
  close(): Promise<void> {
    return new Promise(resolve => {
      this.server.close(() => resolve());
      this.handler.endWatches();
      this.server.closeAllConnections();
    });
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = performance.now();
    const note: RequestNote = { verb: '', name: '', responseRV: '' };
    let user = '';
    let path = '';
    response.on('error', () => {});
    try {
      const url = new URL(request.url ?? '/', 'http://localhost');
      const prefix = /^\/tokens\/([^/]+)/.exec(url.pathname);
      if (prefix !== null) url.pathname = url.pathname.slice(prefix[0].length);
      path = url.pathname;
      user = this.authenticate(request, prefix?.[1]);
      await this.route({ request, response, url, user, note, prefix: prefix?.[0] ?? '' });
    } catch (error) {
      this.fail(request, response, error);
    }
    this.audit(path, user, note, response.statusCode, performance.now() - started);
  }

  private fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (request.destroyed && response.destroyed) return;
    const failure = toApiError(error, this.options.onBug);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (failure.code === 413) response.setHeader('connection', 'close');
    if (failure.code === 504) response.setHeader('retry-after', '1');
    sendJson(response, failure.code, failure.toStatus());
  }

  /** kubectl sends no token over plain HTTP: its kubeconfig carries it as the first part of the path instead. */
  private authenticate(request: IncomingMessage, inPath: string | undefined): string {
    const { tokens } = this.options;
    if (tokens === undefined) return 'system:anonymous';
    const token = inPath ?? /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const user = token === undefined ? undefined : tokens.get(token);
    if (user === undefined) throw genericError(401, 'Unauthorized', 'Unauthorized');
    return user;
  }

  private async route({ request, response, url, user, note, prefix }: Routed): Promise<void> {
    const path = url.pathname.replace(/\/+$/, '');
    const target = parseResourcePath(path);
    if (target !== undefined) {
      const kind = target.apiVersion === 'authorization.k8s.io/v1' ? reviewKind(target.plural) : undefined;
      if (kind !== undefined) return review(request, response, kind);
      if (!isServed(this.context.registry, target.apiVersion)) {
        send(response, 404, Buffer.from('404 page not found\n'), 'text/plain; charset=utf-8');
        return;
      }
      return this.handler.handle({ request, response, query: url.searchParams, target, user, note });
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
    if (['/healthz', '/readyz', '/livez'].some(probe => path === probe || path.startsWith(`${probe}/`))) {
      send(response, 200, Buffer.from('ok'), 'text/plain; charset=utf-8');
      return;
    }
    if (path.startsWith('/openapi/')) this.openApi(request, response, path, prefix);
    else this.discover(request, response, path);
  }

  private openApi(request: IncomingMessage, response: ServerResponse, path: string, prefix: string): void {
    const { registry, store } = this.context;
    if (path === '/openapi/v2') {
      if ((request.headers.accept ?? '').includes('protobuf')) {
        send(response, 200, openApiV2Protobuf, 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
      } else sendJson(response, 200, openApiV2);
      return;
    }
    if (path === '/openapi/v3') {
      sendJson(response, 200, openApiV3Index(registry, store, prefix));
      return;
    }
    const document = openApiV3(registry, store, path.replace('/openapi/v3/', ''));
    if (document === undefined) throw noSuchResource();
    sendJson(response, 200, document);
  }

  private discover(request: IncomingMessage, response: ServerResponse, path: string): void {
    const { registry } = this.context;
    const isRoot = path === '/api' || path === '/apis';
    if (isRoot && negotiate(request.headers.accept) === 'discovery') {
      const type = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
      sendJson(response, 200, aggregated(registry, path === '/api'), type);
      return;
    }
    const body = this.plainDiscovery(path, request.headers.host ?? '');
    if (body === undefined) throw noSuchResource();
    sendJson(response, 200, body);
  }

  private plainDiscovery(path: string, host: string): JsonObject | undefined {
    const { registry } = this.context;
    if (path === '/version') return serverVersion;
    if (path === '')
      return {
        paths: ['/api', '/api/v1', '/apis', '/healthz', '/livez', '/openapi/v2', '/openapi/v3', '/readyz', '/version'],
      };
    if (path === '/api') return coreVersions(host);
    if (path === '/apis') return groupList(registry);
    if (path.startsWith('/api/')) return resourceList(registry, path.slice('/api/'.length));
    const inGroup = path.startsWith('/apis/') ? path.slice('/apis/'.length) : '';
    return inGroup.includes('/') ? resourceList(registry, inGroup) : groupInfo(registry, inGroup);
  }

  private audit(path: string, user: string, note: RequestNote, code: number, ms: number): void {
    const { onAudit } = this.options;
    const target = onAudit === undefined ? undefined : parseResourcePath(path);
    if (onAudit === undefined || target === undefined) return;
    onAudit({
      user,
      verb: note.verb,
      resource: target.plural,
      subresource: target.subresource ?? '',
      namespace: target.namespace ?? '',
      name: note.name,
      code,
      ms,
      responseRV: note.responseRV,
    });
  }
}

function isServed(registry: TypeRegistry, apiVersion: string): boolean {
  return registry.all().some(type => apiVersionOf(type) === apiVersion);
}

/** Access reviews allow everything: this server does not evaluate RBAC. */
async function review(request: IncomingMessage, response: ServerResponse, kind: string): Promise<void> {
  if (request.method !== 'POST') throw methodNotAllowed();
  const body = parseBody(await readBody(request), mediaTypeOf(request.headers['content-type']));
  const given = isObject(body) ? body : {};
  const rules = {
    resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
    nonResourceRules: [],
    incomplete: false,
  };
  const status: JsonObject =
    kind === 'SelfSubjectRulesReview' ? rules : { allowed: true, reason: 'this server does not evaluate RBAC' };
  sendJson(response, 201, { ...given, kind, apiVersion: 'authorization.k8s.io/v1', status });
}
