import type { RolloutSpec } from '../../api/rollout.ts';
import { needsOf } from '../../core/needs.ts';
import { readSpec, readStatus } from '../../core/spec-reader.ts';
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
    for (const { name, ...pair } of pairsOf(rollout, reading.spec)) {
      const pairs = routes.get(name) ?? [];
      if (!pairs.some(({ stable, canary }) => stable === pair.stable && canary === pair.canary))
        routes.set(name, [...pairs, pair]);
    }
  }
  return { unreadable, services, routes };
}

/** Those of spec, and those of a route that spec names no more, until it has come to rest (`src/core/steered.ts`). */
function pairsOf(
  rollout: KubeObject,
  { strategy: { canary } }: RolloutSpec,
): (BackendPair & { readonly name: string })[] {
  const before = readStatus(asApi(rollout))?.steered?.route;
  const departed = before ? [{ name: before.name, stable: before.stable, canary: before.canary }] : [];
  const { stableService: stable, canaryService, trafficRouting } = canary ?? {};
  const name = trafficRouting?.gatewayAPI?.httpRoute;
  if (name === undefined || stable === undefined || canaryService === undefined) return departed;
  return [{ name, stable, canary: canaryService }, ...departed];
}
