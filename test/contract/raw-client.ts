import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { TestCluster } from '../support/test-cluster.ts';

/** JSON without types: a contract looks at what really came over the wire. */
export type Wire = any;

/** An answer as it came. */
export interface Answer {
  code: number;
  body: Wire;
  warnings: string[];
}

/** One line of a watch. */
export interface WatchEvent {
  type: string;
  object: Wire;
}

/** An open watch. */
export interface OpenWatch {
  /** Everything that came so far. */
  events: WatchEvent[];
  /** Resolves with the first event that fits; rejects after 15 s or when the stream ended without one. */
  next(fits: (event: WatchEvent) => boolean): Promise<WatchEvent>;
  ended: Promise<void>;
  stop(): void;
}

const patience = 15_000;

/** A bare HTTP client of an API server: no retries, no typed models. */
export class RawClient {
  private readonly cluster: TestCluster;

  constructor(cluster: TestCluster) {
    this.cluster = cluster;
  }

  /** Sends one request. Objects are sent as JSON, texts and bytes as they are. */
  async send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await this.open(method, path, body, headers);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const warning = response.headers.warning;
    const warnings = warning === undefined ? [] : Array.isArray(warning) ? warning : [warning];
    return { code: response.statusCode ?? 0, body: parse(text), warnings };
  }

  get(path: string, headers?: Record<string, string>): Promise<Answer> {
    return this.send('GET', path, undefined, headers);
  }

  create(path: string, body: unknown): Promise<Answer> {
    return this.send('POST', path, body);
  }

  /** Creates and insists on success. */
  async created(path: string, body: unknown): Promise<Wire> {
    const answer = await this.create(path, body);
    if (answer.code !== 201) throw new Error(`create ${path}: ${answer.code} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  update(path: string, body: unknown): Promise<Answer> {
    return this.send('PUT', path, body);
  }

  delete(path: string, body?: unknown): Promise<Answer> {
    return this.send('DELETE', path, body);
  }

  jsonPatch(path: string, body: unknown): Promise<Answer> {
    return this.send('PATCH', path, body, { 'content-type': 'application/json-patch+json' });
  }

  mergePatch(path: string, body: unknown): Promise<Answer> {
    return this.send('PATCH', path, body, { 'content-type': 'application/merge-patch+json' });
  }

  strategicPatch(path: string, body: unknown): Promise<Answer> {
    return this.send('PATCH', path, body, { 'content-type': 'application/strategic-merge-patch+json' });
  }

  /** Server-side apply. */
  apply(path: string, fieldManager: string, body: unknown, options: { force?: boolean } = {}): Promise<Answer> {
    const query = `fieldManager=${fieldManager}${options.force === true ? '&force=true' : ''}`;
    const separator = path.includes('?') ? '&' : '?';
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    return this.send('PATCH', `${path}${separator}${query}`, body, headers);
  }

  /** Opens a watch; rejects when the answer is not 200. */
  async watch(path: string): Promise<OpenWatch> {
    const response = await this.open('GET', path, undefined, {});
    if (response.statusCode !== 200) throw new Error(`watch ${path}: ${response.statusCode}`);
    return new LineWatch(response);
  }

  /** Waits until the path answers as wanted. */
  async until(path: string, fits: (answer: Answer) => boolean): Promise<Answer> {
    const deadline = Date.now() + patience;
    for (;;) {
      const answer = await this.get(path);
      if (fits(answer)) return answer;
      if (Date.now() > deadline) throw new Error(`${path} never became what was expected: ${JSON.stringify(answer)}`);
      await new Promise(resolve => setTimeout(resolve, 20));
    }
  }

  private open(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<IncomingMessage> {
    const { server, token, caPem } = this.cluster;
    const url = new URL(path, server);
    const isRaw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
    const text = isRaw ? body : JSON.stringify(body);
    const options = {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        'user-agent': 'contract/1.0',
        // Without a length, Node sends the body of a DELETE unframed.
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
        ...headers,
      },
    };
    return new Promise((resolve, reject) => {
      const request: ClientRequest =
        url.protocol === 'https:'
          ? httpsRequest(url, { ...options, ...(caPem === undefined ? {} : { ca: caPem }) }, resolve)
          : httpRequest(url, options, resolve);
      request.on('error', reject);
      request.end(text);
    });
  }
}

function parse(text: string): Wire {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

class LineWatch implements OpenWatch {
  readonly events: WatchEvent[] = [];
  readonly ended: Promise<void>;
  private readonly response: IncomingMessage;
  private rest = '';
  private hasEnded = false;
  private wake: () => void = () => {};

  constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => this.take(chunk));
    response.on('error', () => {});
    this.ended = new Promise(resolve => {
      response.on('close', () => {
        this.hasEnded = true;
        this.wake();
        resolve();
      });
    });
  }

  async next(fits: (event: WatchEvent) => boolean): Promise<WatchEvent> {
    const deadline = Date.now() + patience;
    for (;;) {
      const found = this.events.find(fits);
      if (found !== undefined) return found;
      const left = deadline - Date.now();
      if (left <= 0 || this.hasEnded)
        throw new Error(`no such event; got ${JSON.stringify(this.events).slice(0, 2000)}`);
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  stop(): void {
    this.response.destroy();
  }

  private take(chunk: string): void {
    this.rest += chunk;
    const lines = this.rest.split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') this.events.push(JSON.parse(line) as WatchEvent);
    this.wake();
  }
}
