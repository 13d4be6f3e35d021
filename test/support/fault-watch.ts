import type { ServerResponse } from 'node:http';
import type { StoredEvent } from './fault-store.ts';

/** One open watch of the fault server. */
export class FaultWatch {
  readonly plural: string;
  readonly #response: ServerResponse;
  readonly #namespace: string | undefined;
  #frozen = false;

  constructor(plural: string, namespace: string | undefined, response: ServerResponse) {
    this.plural = plural;
    this.#namespace = namespace;
    this.#response = response;
  }

  /** From now on not a byte is sent, and the connection stays open: a half-open peer. */
  freeze(): void {
    this.#frozen = true;
  }

  event(event: StoredEvent): void {
    if (this.#namespace !== undefined && event.object.metadata.namespace !== this.#namespace) return;
    this.line({ type: event.type, object: event.object });
  }

  bookmark(rv: bigint): void {
    this.line({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(rv) } } });
  }

  error(code: number, reason: string): void {
    this.line({ type: 'ERROR', object: { kind: 'Status', code, reason, message: `injected ${reason}` } });
  }

  line(value: unknown): void {
    this.raw(`${JSON.stringify(value)}\n`);
  }

  raw(text: string): void {
    if (!this.#frozen && !this.#response.writableEnded) this.#response.write(text);
  }

  end(): void {
    this.#response.end();
  }

  reset(): void {
    this.#response.socket?.resetAndDestroy();
  }
}
