import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PodBehaviour } from './fake-kubelet-behaviour.ts';

/** Who a pod's server answers as. */
export interface PodIdentity {
  readonly namespace: string;
  readonly pod: string;
}

/** A pod's HTTP server: any path is the app, `/metrics` its Prometheus metrics, `/healthz` its probe. */
export interface PodServer {
  close(): Promise<void>;
}

const BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/**
 * Serves one pod on its address and ports. `behaviour` is asked at each request, so that it can change while the pod runs.
 * Errors are spread evenly (err25 fails each fourth request), not at random, so that tests can count on them.
 */
export async function startPodServer(
  address: string,
  ports: readonly number[],
  identity: PodIdentity,
  behaviour: () => PodBehaviour,
): Promise<PodServer> {
  const metrics = new PodMetrics(identity);
  let requests = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    request.resume();
    if (request.url === '/metrics') {
      response.setHeader('content-type', 'text/plain; version=0.0.4').end(metrics.text());
      return;
    }
    if (request.url === '/healthz') {
      response.end('ok');
      return;
    }
    const started = performance.now();
    const { errorPercent, latencyMs, version } = behaviour();
    const turn = requests++;
    if (latencyMs > 0) await sleep(latencyMs);
    const fails = Math.floor(((turn + 1) * errorPercent) / 100) > Math.floor((turn * errorPercent) / 100);
    response.statusCode = fails ? 500 : 200;
    metrics.count(response.statusCode, (performance.now() - started) / 1000);
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ ...identity, version }));
  };
  const servers = ports.map(port =>
    createServer((request, response) => void answer(request, response)).listen(port, address),
  );
  await Promise.all(servers.map(server => once(server, 'listening')));
  return {
    close: async () => {
      await Promise.all(
        servers.map(server => {
          const closed = new Promise(resolve => server.close(resolve));
          server.closeAllConnections();
          return closed;
        }),
      );
    },
  };
}

class PodMetrics {
  readonly #labels: string;
  readonly #codes = new Map<number, number>();
  readonly #buckets = BUCKETS_SECONDS.map(() => 0);
  #sum = 0;
  #count = 0;

  constructor({ namespace, pod }: PodIdentity) {
    this.#labels = `namespace="${namespace}",pod="${pod}"`;
  }

  count(code: number, seconds: number): void {
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
    BUCKETS_SECONDS.forEach((limit, index) => {
      if (seconds <= limit) this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    });
    this.#sum += seconds;
    this.#count++;
  }

  text(): string {
    const labels = this.#labels;
    const histogram = 'http_request_duration_seconds';
    return [
      '# TYPE http_requests_total counter',
      ...[...this.#codes].map(([code, count]) => `http_requests_total{code="${code}",${labels}} ${count}`),
      `# TYPE ${histogram} histogram`,
      ...BUCKETS_SECONDS.map((limit, index) => `${histogram}_bucket{le="${limit}",${labels}} ${this.#buckets[index]}`),
      `${histogram}_bucket{le="+Inf",${labels}} ${this.#count}`,
      `${histogram}_sum{${labels}} ${this.#sum}`,
      `${histogram}_count{${labels}} ${this.#count}`,
      '',
    ].join('\n');
  }
}
