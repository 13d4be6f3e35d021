import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

/** The address and credentials of an API server. */
export interface ApiAccess {
  readonly server: string;
  readonly token: string;
  readonly caPem: string;
}

/** An object as the API server sends it. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    generation?: number;
    deletionTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  [field: string]: unknown;
}

/** How to send a patch; server-side apply is `apply`. */
export type PatchType = 'merge' | 'strategic' | 'json' | 'apply';

const CONTENT_TYPES: Record<PatchType, string> = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** An answer of 400 or above, with the server's own message. */
export class ApiFailure extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'ApiFailure';
    this.status = status;
  }
}

const BUSY = 429;
/** How long to wait before a request is sent again: as the server says, but for no longer than that, and otherwise this. */
const LONGEST_WAIT_MS = 1_000;
const BUSY_WAIT_MS = 100;

/** What is not usual about a client. */
export interface ApiClientOptions {
  /** How long a request is sent again while the server answers 429, milliseconds; 12 000 when absent: less than a test has. */
  readonly busyForMs?: number;
  /** How long a connection without a request is kept, milliseconds; 10 000 when absent. */
  readonly idleMs?: number;
}

/** Far less than the 90 s after which an API server closes it: a request sent in that moment would never be answered. */
const IDLE_MS = 10_000;

/**
 * The tests' own small client. It shares no code with the operator's client on purpose: a bug there must not be able to
 * hide itself in the rig that judges it. Paths are whole API paths (`/api/v1/namespaces/x/pods`). Methods reject with
 * {@link ApiFailure} on a status of 400 or above; a 429 was not carried out and is sent again for a while, as any client
 * does: an API server answers so whenever the storage of a kind comes up, and again when its definition changes.
 */
export class ApiClient {
  readonly #access: ApiAccess;
  readonly #agent: Agent;
  readonly #busyForMs: number;

  constructor(access: ApiAccess, { busyForMs = 12_000, idleMs = IDLE_MS }: ApiClientOptions = {}) {
    this.#access = access;
    this.#busyForMs = busyForMs;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 64, ca: access.caPem, timeout: idleMs });
  }

  get(path: string): Promise<KubeObject> {
    return this.call('GET', path) as Promise<KubeObject>;
  }

  async list(path: string): Promise<KubeObject[]> {
    const answer = (await this.call('GET', path)) as { items?: KubeObject[] };
    return answer.items ?? [];
  }

  create(path: string, body: unknown): Promise<KubeObject> {
    return this.call('POST', path, body) as Promise<KubeObject>;
  }

  patch(path: string, type: PatchType, body: unknown): Promise<KubeObject> {
    return this.call('PATCH', path, body, CONTENT_TYPES[type]) as Promise<KubeObject>;
  }

  delete(path: string, options: unknown = {}): Promise<unknown> {
    return this.call('DELETE', path, options);
  }

  /** Any call with a JSON answer. */
  async call(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<unknown> {
    const deadline = performance.now() + this.#busyForMs;
    for (;;) {
      const answer = await this.open(method, path, body, contentType);
      const text = await readAll(answer);
      const status = answer.statusCode ?? 0;
      if (status < 400) return text.startsWith('{') ? JSON.parse(text) : text;
      if (status !== BUSY || performance.now() >= deadline)
        throw new ApiFailure(status, `${method} ${path}: ${status} ${messageOf(text)}`);
      const askedMs = 1_000 * Number(answer.headers['retry-after'] ?? 0);
      await sleep(askedMs > 0 ? Math.min(LONGEST_WAIT_MS, askedMs) : BUSY_WAIT_MS);
    }
  }

  /** The raw answer, for streams. The signal ends it. */
  open(
    method: string,
    path: string,
    body?: unknown,
    contentType?: string,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers: Record<string, string> = {
      authorization: `Bearer ${this.#access.token}`,
      accept: 'application/json',
    };
    if (payload !== undefined) {
      headers['content-type'] = contentType ?? 'application/json';
      headers['content-length'] = String(Buffer.byteLength(payload));
    }
    return new Promise((resolve, reject) => {
      const url = new URL(path, this.#access.server);
      const outgoing = request(url, { method, headers, agent: this.#agent, ...(signal && { signal }) }, resolve);
      outgoing.on('error', reject);
      outgoing.end(payload);
    });
  }

  /** Closes idle and open connections. */
  close(): void {
    this.#agent.destroy();
  }
}

async function readAll(answer: IncomingMessage): Promise<string> {
  answer.setEncoding('utf8');
  let text = '';
  for await (const chunk of answer) text += chunk;
  return text;
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text;
  } catch {
    return text;
  }
}
