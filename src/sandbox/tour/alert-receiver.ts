import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An alert as it arrived. */
export interface ReceivedAlert {
  readonly at: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const MAX_BODY = 1 << 20;

/** Where the tour's Notifier sends: a webhook receiver that remembers what came. Loopback only. */
export class AlertReceiver {
  readonly alerts: ReceivedAlert[] = [];
  readonly #server: Server;
  #url = '';

  constructor() {
    this.#server = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8');
      request.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MAX_BODY) request.destroy();
      });
      request.on('end', () => {
        try {
          this.alerts.push({ at: Date.now(), body: JSON.parse(text) as Record<string, unknown> });
          response.writeHead(204).end();
        } catch {
          response.writeHead(400).end();
        }
      });
    });
  }

  get url(): string {
    return this.#url;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    this.#url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/alerts`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise(resolve => this.#server.close(resolve));
  }
}
