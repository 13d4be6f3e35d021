import type { RolloutStatus } from '../api/rollout-status.ts';
import { notCarried, stablePods } from './carry.ts';
import type { Action } from './decision.ts';
import type { Draft } from './draft.ts';
import { serviceNames } from './prerequisites.ts';
import { type BoundRouter, bindRouter } from './router.ts';
import { type World, withoutRouter } from './world.ts';

type Steered = NonNullable<RolloutStatus['steered']>;

/**
 * What carries our key or our weights is kept in status, because a spec that no longer names it says nothing of it: a Service
 * pinned to a revision whose pods leave would have no endpoints, and a route would send its share there for ever.
 * Departed objects come to rest before anything else happens, and only then are they forgotten.
 */
export function releaseDeparted(w: World, d: Draft): Action[] {
  const actions: Action[] = [];
  const left: { services: string[]; route?: Steered['route'] } = { services: [] };
  const route = departedRoute(w);
  if (route?.state.kind === 'weights' && route.state.canary > 0) {
    const canary = leftOn(w, route.state.canary, route.max);
    const patch = route.write({ canary, max: route.max });
    if (canary < route.state.canary)
      actions.push({ type: 'PatchRoute', ref: route.ref, patch, canaryWeight: canary, lowers: true, reassert: false });
    left.route = w.stored?.steered?.route;
  }
  for (const name of departedServices(w)) {
    const selects = w.service(name)?.selects;
    // Another Rollout's hash: it took the Service over, and it is its own now.
    if (selects === undefined || !isOurs(w, selects)) continue;
    const podTemplateHash = hashAtRest(w);
    if (selects !== podTemplateHash) actions.push({ type: 'SelectRevision', service: name, podTemplateHash });
    left.services.push(name);
  }
  d.status.steered = steeredNow(w, left);
  if (d.status.steered.services.length === 0 && !d.status.steered.route) delete d.status.steered;
  return actions;
}

/** Weight that stays on a departed route: no more goes home at once than stable can carry, where it is behind its Service. */
function leftOn(w: World, actual: number, max: number): number {
  const before = w.stored?.steered?.route;
  const service = w.service(before?.stable);
  if (!w.stableSet || !service?.exists) return 0;
  return Math.min(actual, notCarried(service.readyOf(w.stableSet.name), stablePods(w), max));
}

/** While another revision is on trial a departed Service shows stable alone; at rest, or where pods are traffic, all pods. */
function hashAtRest(w: World): string | null {
  const { stable, stableSet } = w;
  if (!stable || stable.podTemplateHash === w.hash || withoutRouter(w)) return null;
  return (stableSet?.ready ?? 0) > 0 ? stable.podTemplateHash : null;
}

/** Services that the strategy named once and that were not brought to rest yet. */
function departedServices(w: World): string[] {
  const named = serviceNames(w);
  return (w.stored?.steered?.services ?? []).filter(name => !named.includes(name));
}

function departedRoute(w: World): BoundRouter | undefined {
  const before = w.stored?.steered?.route;
  const now = routeOf(w);
  if (!before || (now && now.name === before.name && now.stable === before.stable && now.canary === before.canary))
    return undefined;
  return bindRouter(
    {
      stableService: before.stable,
      canaryService: before.canary,
      trafficRouting: { gatewayAPI: { httpRoute: before.name }, maxTrafficWeight: before.max },
    },
    w.snapshot,
  );
}

function isOurs(w: World, hash: string): boolean {
  return w.hash === hash || w.stable?.podTemplateHash === hash || w.sets.some(set => set.hash === hash);
}

function steeredNow(w: World, left: { services: string[]; route?: Steered['route'] }): Steered {
  const route = left.route ?? routeOf(w);
  return { services: [...serviceNames(w), ...left.services], ...(route ? { route } : {}) };
}

function routeOf(w: World): Steered['route'] {
  const { stableService: stable, canaryService: canary, trafficRouting } = w.spec.strategy.canary ?? {};
  const name = trafficRouting?.gatewayAPI?.httpRoute;
  if (name === undefined || stable === undefined || canary === undefined) return undefined;
  return {
    name,
    stable,
    canary,
    ...(trafficRouting?.maxTrafficWeight ? { max: trafficRouting.maxTrafficWeight } : {}),
  };
}
