import { KubeClient } from '../../src/kube/client.ts';
import { staticClusterConfig } from '../../src/kube/config.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import type { ReflectorOptions } from '../../src/kube/reflector.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import type { ReflectorObservation } from '../../src/kube/reflector-observation.ts';
import type { ResourceType } from '../../src/kube/resource-path.ts';
import type { TransportOptions } from '../../src/kube/transport.ts';
import { Transport } from '../../src/kube/transport.ts';
import type { FaultServer } from '../support/fault-server.ts';

export const THINGS: ResourceType = {
  group: 'test.example',
  version: 'v1',
  plural: 'things',
  kind: 'Thing',
  namespaced: true,
};

export function thing(name: string, rest: Record<string, unknown> = {}, namespace = 'default'): KubeObject {
  return { apiVersion: 'test.example/v1', kind: 'Thing', metadata: { name, namespace }, ...rest };
}

export function clientOf(server: FaultServer, options: Partial<TransportOptions> = {}): KubeClient {
  const config = staticClusterConfig({ server: server.url });
  return new KubeClient({ transport: new Transport({ config, ...options }), fieldManager: 'test' });
}

/** A reflector with short waits, and everything it reported. */
export function reflectorOf(server: FaultServer, options: Partial<ReflectorOptions> = {}) {
  const reports: ReflectorObservation[] = [];
  const reflector = new Reflector({
    client: clientOf(server),
    type: THINGS,
    minWatchSpacingMs: 5,
    backoff: { baseMs: 5, maxMs: 50 },
    auditIntervalMs: 0,
    observe: report => reports.push(report),
    ...options,
  });
  const changes: string[] = [];
  reflector.store.addHandler((type, object, _old, source) =>
    changes.push(`${type} ${object.metadata.name} (${source})`),
  );
  const ends = () => reports.flatMap(report => (report.kind === 'watchEnded' ? [report.cause] : []));
  const lists = () => reports.flatMap(report => (report.kind === 'listed' ? [report.cause] : []));
  return { reflector, reports, changes, ends, lists };
}
