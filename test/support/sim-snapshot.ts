import type { ApiObject } from '../../src/api/object-meta.ts';
import { routeKey, type Snapshot } from '../../src/core/snapshot.ts';
import type { SimCluster } from './sim-cluster.ts';

/** What the operator's caches would show of a model cluster: a copy that later changes do not reach. */
export function snapshotOf(cluster: SimCluster): Snapshot {
  const endpointSlices: Record<string, ApiObject[]> = {};
  for (const [name, service] of cluster.services)
    endpointSlices[name] = [
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name },
        endpoints: service['endpoints'] ?? [],
      },
    ];
  return structuredClone({
    rollout: cluster.rollout,
    replicaSets: [...cluster.replicaSets.values()],
    revisions: [...cluster.revisions.values()],
    services: Object.fromEntries(cluster.services),
    endpointSlices,
    routes: Object.fromEntries(
      [...cluster.routes.values()].map(r => [
        routeKey({ apiVersion: r.apiVersion, kind: r.kind, name: r.metadata.name }),
        r,
      ]),
    ),
    analysisRuns: [...cluster.runs.values()],
    templates: Object.fromEntries(cluster.templates),
    notifiers: cluster.notifiers,
    ...(cluster.inspection ? { inspection: cluster.inspection } : {}),
    ...(cluster.source ? { source: cluster.source } : {}),
    problems: cluster.problems,
    delivered: [...cluster.delivered],
    routeConflicts: cluster.routeConflicts,
    selectorWrites: cluster.selectorWrites,
    rivals: cluster.rivals,
    ...(cluster.lastWeight === undefined ? {} : { lastWeight: cluster.lastWeight }),
  });
}
