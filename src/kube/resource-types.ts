import type { ResourceType } from './resource-path.ts';

/** coordination.k8s.io/v1 Lease, for leader election. */
export const LEASES: ResourceType = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};

/** Core v1 Event: what `kubectl get events`, `kubectl describe` and every older tool read. */
export const EVENTS: ResourceType = { group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true };
