import { needsOf } from '../../core/needs.ts';
import { readSpec } from '../../core/spec-reader.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import { asApi } from '../caches.ts';

/** The two Services between which a Rollout divides traffic. */
export interface BackendPair {
  readonly stable: string;
  readonly canary: string;
}

/** What the Rollouts of one namespace steer, in objects that Git declares too. */
export interface Steering {
  /**
   * A Rollout cannot be read, so nobody can say what it steers, or steered when the operator last could. What is live
   * then stays as it is: to give Git's weights back in the middle of a trial would be to decide without knowing.
   */
  readonly unreadable: boolean;
  /** Names of Services whose selector carries our key. */
  readonly services: ReadonlySet<string>;
  /** Pairs whose weights are ours, by name of the HTTPRoute. */
  readonly routes: ReadonlyMap<string, readonly BackendPair[]>;
}

/** Reads the steering of a namespace off its Rollouts; nothing is remembered, so a restart changes nothing. */
export function steeringOf(rollouts: Iterable<KubeObject>, namespace: string): Steering {
  const services = new Set<string>();
  const routes = new Map<string, BackendPair[]>();
  let unreadable = false;
  for (const rollout of rollouts) {
    if (rollout.metadata.namespace !== namespace) continue;
    const reading = readSpec(asApi(rollout));
    if (!reading.ok) {
      unreadable = true;
      continue;
    }
    for (const name of needsOf(asApi(rollout)).services) services.add(name);
    const { canary } = reading.spec.strategy;
    const route = canary?.trafficRouting?.gatewayAPI?.httpRoute;
    if (route === undefined || canary?.stableService === undefined || canary.canaryService === undefined) continue;
    const pairs = routes.get(route) ?? [];
    routes.set(route, [...pairs, { stable: canary.stableService, canary: canary.canaryService }]);
  }
  return { unreadable, services, routes };
}
