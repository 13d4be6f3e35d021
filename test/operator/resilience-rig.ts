import { join } from 'node:path';
import { staticClusterConfig } from '../../src/kube/config.ts';
import { createLog } from '../../src/operator/log.ts';
import { Operator, type OperatorOptions } from '../../src/operator/operator.ts';
import type { FaultVerb } from '../support/fault-plan.ts';
import { FaultProxy } from '../support/fault-proxy/fault-proxy.ts';
import type { ProxiedRequest } from '../support/fault-proxy/proxied-request.ts';
import type { TraceEntry } from '../support/fault-proxy/trace.ts';
import type { OperatorWorld } from '../support/operator-world.ts';

/** A proxy between an operator, which {@link startBehind} starts, and the API server of its world. */
export async function proxyBefore(world: OperatorWorld): Promise<FaultProxy> {
  const { message } = await world.client.transport.stream({ method: 'GET', path: '/version' });
  const { remotePort = 0 } = message.socket;
  message.destroy();
  return await FaultProxy.before({ server: `http://127.0.0.1:${remotePort}` });
}

/** Requests of one kind; `resource` is a plural name, with `/status` when it is about that. */
export function on(verb: FaultVerb, resource: string): (request: ProxiedRequest) => boolean {
  const [plural, subresource] = resource.split('/');
  return request => request.verb === verb && request.plural === plural && request.subresource === subresource;
}

/** Requests that were answered with an injected failure, in order. */
export function refused({ trace }: FaultProxy): TraceEntry[] {
  return trace.entries.filter(({ fault }) => fault === 'status');
}

/** An operator of the world that reaches its API server through a proxy. */
export async function startBehind(
  proxy: FaultProxy,
  world: OperatorWorld,
  leaderElection = false,
  options: Partial<OperatorOptions> = {},
): Promise<Operator> {
  const operator = new Operator({
    config: staticClusterConfig({ server: proxy.url, token: 'operator', tls: { ca: proxy.caPem } }),
    log: createLog('debug', line => world.logged.push(line)),
    namespace: 'sluice-system',
    leaderElection,
    gitSync: true,
    gitCacheDir: join(world.folder, 'git-cache'),
    ...options,
  });
  await operator.start();
  return operator;
}
