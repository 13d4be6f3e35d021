import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An alert as Alertmanager sent it to its receiver. */
export interface ReceivedAlert {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** When it arrived here, epoch milliseconds. */
  readonly atMs: number;
}

/** The webhook at the end of the alerting: what reaches it has reached people. */
export interface AlertReceiver {
  readonly url: string;
  /** All that arrived, oldest first; Alertmanager may send the same one more than once. */
  alerts(labels?: Readonly<Record<string, string>>): ReceivedAlert[];
  stop(): Promise<void>;
}

/** Starts a receiver on a free port of 127.0.0.1. */
export async function startAlertReceiver(): Promise<AlertReceiver> {
  const received: ReceivedAlert[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    try {
      for await (const chunk of request) body += chunk;
      const { alerts } = JSON.parse(body) as { alerts: Omit<ReceivedAlert, 'atMs'>[] };
      for (const alert of alerts) received.push({ ...alert, atMs: Date.now() });
      response.end();
    } catch {
      // Cut off, by its sender or by the end of the rig: it is sent again, or nobody waits for it.
      response.destroy();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    alerts: (labels = {}) =>
      received.filter(alert => Object.entries(labels).every(([name, value]) => alert.labels[name] === value)),
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
