import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { parseResourcePath } from '../../../src/sandbox/apiserver/http/request-info.ts';
import type { FaultVerb } from '../fault-plan.ts';

/** One request of the operator as the proxy understood it. */
export interface ProxiedRequest {
  /** Position among all requests of the proxy, from 0. */
  readonly index: number;
  /** When its body had arrived, milliseconds of `performance.now()`. */
  readonly at: number;
  readonly method: string;
  readonly verb: FaultVerb;
  /** Path without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Empty for requests that name no resource, such as discovery. */
  readonly plural: string;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  /** Of the object; for a creation, what its body says. */
  readonly name: string | undefined;
  readonly userAgent: string;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  /** The body as JSON; undefined without one. */
  readonly body: unknown;
  /** First 12 hex digits of the body's SHA-256; empty without a body. */
  readonly digest: string;
}

const WRITES: Readonly<Record<string, FaultVerb>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/** Understands a request whose body has been read. */
export function describeRequest(message: IncomingMessage, bytes: Buffer, index: number): ProxiedRequest {
  const url = new URL(message.url ?? '/', 'http://localhost');
  const target = parseResourcePath(url.pathname);
  const watching = ['true', '1'].includes(url.searchParams.get('watch') ?? '');
  const read: FaultVerb = !target ? 'discover' : watching ? 'watch' : target.name !== undefined ? 'get' : 'list';
  const body = parsed(bytes);
  return {
    index,
    at: performance.now(),
    method: message.method ?? 'GET',
    verb: WRITES[message.method ?? ''] ?? read,
    path: url.pathname,
    query: url.searchParams,
    plural: target?.plural ?? '',
    subresource: target?.subresource,
    namespace: target?.namespace,
    name: target?.name ?? nameInside(body),
    userAgent: message.headers['user-agent'] ?? '',
    headers: message.headers,
    bytes,
    body,
    digest: bytes.length === 0 ? '' : createHash('sha256').update(bytes).digest('hex').slice(0, 12),
  };
}

/** Whether the request wants to change something that is stored. */
export function isWrite(request: ProxiedRequest): boolean {
  return WRITES[request.method] !== undefined && !request.query.has('dryRun') && request.plural !== '';
}

/** The default of what counts as a write: everything but leases and events, which no decision rests on. */
export function isCountedWrite(request: ProxiedRequest): boolean {
  return isWrite(request) && request.plural !== 'leases' && request.plural !== 'events';
}

/** JSON of a body, undefined when it is none. */
export function parsed(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

function nameInside(body: unknown): string | undefined {
  const { metadata } = (body ?? {}) as { metadata?: { name?: string; generateName?: string } };
  return metadata?.name ?? metadata?.generateName;
}
