import type { ObjectRef } from '../api/object-meta.ts';
import type { CanaryStrategy } from '../api/rollout-strategy.ts';
import { gatewayApiRouter } from '../traffic/gateway-api.ts';
import type { Backends, Patch, RouteState, TrafficRouter, Weights } from '../traffic/traffic-router.ts';
import { routeKey, type Snapshot } from './snapshot.ts';

/** The router of one Rollout, bound to its configuration and to what the snapshot shows. */
export interface BoundRouter {
  readonly kind: string;
  readonly ref: ObjectRef;
  readonly max: number;
  readonly state: RouteState;
  write(want: Weights): Patch;
  create(): ReturnType<TrafficRouter<unknown>['create']>;
}

/** Objects that the strategy's router wants to see. */
export function routerNeeds(canary: CanaryStrategy): readonly ObjectRef[] {
  const routing = canary.trafficRouting?.gatewayAPI;
  return routing ? gatewayApiRouter.needs(routing) : [];
}

/** Binds the router that the strategy names; undefined for a canary without one. */
export function bindRouter(canary: CanaryStrategy, snapshot: Snapshot): BoundRouter | undefined {
  const routing = canary.trafficRouting;
  const spec = routing?.gatewayAPI;
  if (!spec || canary.stableService === undefined || canary.canaryService === undefined) return undefined;
  const max = routing.maxTrafficWeight ?? 100;
  const backends: Backends = { stable: canary.stableService, canary: canary.canaryService, max };
  const [ref] = gatewayApiRouter.needs(spec);
  if (!ref) return undefined;
  const seen = snapshot.routes[routeKey(ref)] ?? null;
  return {
    kind: gatewayApiRouter.kind,
    ref,
    max,
    state: gatewayApiRouter.read(spec, seen, backends),
    write: want => (seen ? gatewayApiRouter.write(spec, seen, backends, want) : []),
    create: () => gatewayApiRouter.create(spec, backends),
  };
}
