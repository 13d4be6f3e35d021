import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KubeObject } from '../control-plane/api-client.ts';
import { LineCutter } from './line-cutter.ts';
import { type ProxiedRequest, parsed } from './proxied-request.ts';
import { resetInstead } from './reset-connection.ts';
import type { TracedEvent } from './trace.ts';

/** What a relay needs of its proxy. */
export interface RelayHost {
  /** Takes note of an event or a bookmark; undefined for a bookmark. */
  onLine(request: ProxiedRequest, type: string, object: KubeObject): TracedEvent | undefined;
  /** What to tell the operator instead of the line; undefined: nothing now. */
  filter(event: TracedEvent, line: string, write: (line: string) => void): string | undefined;
  /** After the operator was told. */
  onTold(event: TracedEvent): void;
}

const NO_HISTORY = 'too old resource version (injected)';

/** One open watch of the operator. */
export class WatchRelay {
  readonly request: ProxiedRequest;
  readonly #host: RelayHost;
  readonly #response: ServerResponse;
  #upstream: IncomingMessage | undefined;
  #frozen: string[] | undefined;
  #truncateNext = false;

  constructor(host: RelayHost, request: ProxiedRequest, response: ServerResponse) {
    this.#host = host;
    this.request = request;
    this.#response = response;
    response.on('close', () => this.#upstream?.destroy());
    response.on('error', () => undefined);
  }

  get plural(): string {
    return this.request.plural;
  }

  /** Whether the operator still reads. */
  get open(): boolean {
    return !this.#response.destroyed && !this.#response.writableEnded;
  }

  /** The operator is told that its watch is open, and nothing else yet. */
  accept(): void {
    if (this.#response.headersSent) return;
    this.#response.writeHead(200, { 'content-type': 'application/json' });
    this.#response.flushHeaders();
  }

  /** Relays what the API server sends from now on. */
  follow(upstream: IncomingMessage): void {
    this.accept();
    this.#upstream = upstream;
    if (!this.open) upstream.destroy();
    const cutter = new LineCutter();
    upstream.on('data', (chunk: Buffer) => {
      for (const line of cutter.push(chunk)) this.#line(line);
    });
    upstream.on('end', () => this.#response.end());
    upstream.on('error', () => this.cut());
    upstream.on('close', () => {
      if (!upstream.complete) this.cut();
    });
  }

  /** Resets the connection. */
  cut(): void {
    resetInstead(this.#response);
  }

  /** Ends the answer in good order, as the API server does after `timeoutSeconds`. */
  end(): void {
    this.#response.end();
  }

  /** From now on no byte arrives, and the connection stays open. */
  freeze(): void {
    this.#frozen ??= [];
  }

  /** What was held since {@link WatchRelay.freeze} arrives, and everything after it. */
  thaw(): void {
    const held = this.#frozen ?? [];
    this.#frozen = undefined;
    for (const line of held) this.#write(line);
  }

  /** Sends a line of one's own, whatever it is. */
  send(line: string): void {
    this.#write(line);
  }

  /** Sends an event of type ERROR and ends the watch; a 410 tells that the version is too old. */
  error(code: number, message = code === 410 ? NO_HISTORY : 'injected'): void {
    const reason = code === 410 ? 'Expired' : 'InternalError';
    const object = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
    this.#write(JSON.stringify({ type: 'ERROR', object }));
    this.end();
  }

  /** Of the next line only the first half arrives, then the connection is reset. */
  truncateNext(): void {
    this.#truncateNext = true;
  }

  #line(line: string): void {
    const { type, object } = (parsed(Buffer.from(line)) ?? {}) as { type?: string; object?: KubeObject };
    // What stands behind may be another proxy, which sends anything.
    if (type === undefined || object === undefined) {
      this.#write(line);
      return;
    }
    const event = type === 'ERROR' ? undefined : this.#host.onLine(this.request, type, object);
    const told = event ? this.#host.filter(event, line, text => this.#write(text)) : line;
    if (told !== undefined) this.#write(told);
    if (event) this.#host.onTold(event);
  }

  #write(line: string): void {
    if (!this.open) return;
    if (this.#frozen) {
      this.#frozen.push(line);
      return;
    }
    if (!this.#truncateNext) {
      this.#response.write(`${line}\n`);
      return;
    }
    this.#truncateNext = false;
    // Nothing may complete it.
    this.freeze();
    // The half line must have left before the reset, which would throw it away.
    this.#response.write(line.slice(0, line.length / 2), () => setTimeout(() => this.cut(), 50));
  }
}
