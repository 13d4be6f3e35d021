import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../kube/clock.ts';
import { sleep } from '../../kube/sleep.ts';
import type { LoopbackServer } from './loopback-server.ts';
import { listenOnLoopback } from './loopback-server.ts';
import type { PodBehaviour } from './pod-behaviour.ts';
import { PodMetrics } from './pod-metrics.ts';

/** Who a pod's server answers as. */
export interface PodIdentity {
  readonly namespace: string;
  readonly pod: string;
  readonly image: string;
}

/** Tells which pod and which image answered. */
export const POD_HEADER = 'x-sluice-pod';
export const IMAGE_HEADER = 'x-sluice-image';

/**
 * Starts the HTTP server of one pod: `/metrics` for Prometheus, `/healthz` for probes, every other path is the app. Errors are
 * spread evenly (err25 fails every fourth request) and not at random, so that what is measured is what the tag says.
 */
export function startPodServer(identity: PodIdentity, behaviour: PodBehaviour, clock: Clock): Promise<LoopbackServer> {
  const metrics = new PodMetrics();
  const { errorPercent, latencyMs, version } = behaviour;
  let requests = 0;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    request.resume();
    const startedAt = clock.monotonic();
    const turn = requests;
    requests += 1;
    if (latencyMs > 0) await sleep(clock, latencyMs);
    const fails = Math.floor(((turn + 1) * errorPercent) / 100) > Math.floor((turn * errorPercent) / 100);
    const code = fails ? 500 : 200;
    metrics.observe(code, request.method ?? 'GET', (clock.monotonic() - startedAt) / 1000);
    response.writeHead(code, {
      'content-type': 'application/json',
      [POD_HEADER]: identity.pod,
      [IMAGE_HEADER]: identity.image,
    });
    response.end(`${JSON.stringify({ ...identity, version, ok: !fails })}\n`);
  };

  return listenOnLoopback((request, response) => {
    if (request.url === '/metrics') {
      response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
      response.end(metrics.text());
    } else if (request.url === '/healthz') response.end('ok\n');
    else return answer(request, response);
    return undefined;
  });
}
