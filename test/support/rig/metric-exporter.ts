import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A scrape target of a test's own, with gauges that may come and go. */
export interface MetricExporter {
  /** `host:port` */
  readonly target: string;
  /** Sets a series such as `shop_quality{namespace="x"}`; undefined takes it away, as a producer does that stops. */
  set(series: string, value: number | undefined): void;
  stop(): Promise<void>;
}

/** Starts an exporter on a free port of 127.0.0.1. */
export async function startMetricExporter(): Promise<MetricExporter> {
  const series = new Map<string, number>();
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end([...series].map(([name, value]) => `${name} ${value}\n`).join(''));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    set: (name, value) => void (value === undefined ? series.delete(name) : series.set(name, value)),
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
