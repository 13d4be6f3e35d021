import type { BackendRef, Gateway, HttpRoute, ParentRef, ParentStatus } from './gateway-objects.ts';
import { CONTROLLER_NAME } from './gateway-types.ts';
import type { Judgement } from './status-conditions.ts';
import { statusConditions } from './status-conditions.ts';

/** What a judge of routes must be able to look up. */
export interface RouteWorld {
  /** The Gateway, when it exists and its class is ours. */
  gateway(namespace: string, name: string): Gateway | undefined;
  /** The ports of a Service, or undefined when there is none. */
  servicePorts(namespace: string, name: string): readonly number[] | undefined;
}

const SUPPORTED_FILTERS = ['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror'];

/** Whether a backend reference can be followed; the reason is Gateway API's. */
export function judgeBackend(route: HttpRoute, backend: BackendRef, world: RouteWorld): Judgement {
  const own = route.metadata.namespace ?? 'default';
  const { group = '', kind = 'Service', namespace = own, name, port } = backend;
  const bad = (reason: string, message: string): Judgement => ({ type: 'ResolvedRefs', good: false, reason, message });
  if (group !== '' || kind !== 'Service') return bad('InvalidKind', `${group}/${kind} "${name}" is no Service`);
  if (namespace !== own) return bad('RefNotPermitted', `Service "${namespace}/${name}" is in another namespace`);
  const ports = world.servicePorts(namespace, name);
  if (ports === undefined) return bad('BackendNotFound', `Service "${name}" does not exist`);
  if (port === undefined || !ports.includes(port)) {
    return bad('BackendNotFound', `Service "${name}" has no port ${port ?? '(none given)'}`);
  }
  return { type: 'ResolvedRefs', good: true, reason: 'ResolvedRefs', message: 'all references are resolved' };
}

/** The Gateways of ours that a route names, with what they say to it. Others' Gateways and ones that do not exist say nothing. */
export function judgeRoute(route: HttpRoute, world: RouteWorld): { parentRef: ParentRef; judgements: Judgement[] }[] {
  const own = route.metadata.namespace ?? 'default';
  return (route.spec.parentRefs ?? []).flatMap(parentRef => {
    const { group = 'gateway.networking.k8s.io', kind = 'Gateway', namespace = own, name } = parentRef;
    const isGateway = group === 'gateway.networking.k8s.io' && kind === 'Gateway';
    const gateway = isGateway ? world.gateway(namespace, name) : undefined;
    if (!gateway) return [];
    return [{ parentRef, judgements: [accepted(route, parentRef, gateway), resolved(route, world)] }];
  });
}

/** Whether any of our Gateways accepts the route, so that its traffic is served. */
export function isServed(route: HttpRoute, world: RouteWorld): boolean {
  return judgeRoute(route, world).some(({ judgements }) => judgements[0]?.good === true);
}

/** `status.parents` as it should be: ours anew, those of other controllers as they are. `now` is RFC 3339. */
export function routeParents(route: HttpRoute, world: RouteWorld, now: string): ParentStatus[] {
  const before = route.status?.parents ?? [];
  const others = before.filter(parent => parent.controllerName !== CONTROLLER_NAME);
  const ours = judgeRoute(route, world).map(({ parentRef, judgements }) => {
    const mine = before.find(
      one => one.controllerName === CONTROLLER_NAME && refKey(one.parentRef) === refKey(parentRef),
    );
    const generation = route.metadata.generation ?? 0;
    const conditions = statusConditions(judgements, mine?.conditions ?? [], generation, now);
    return { parentRef, controllerName: CONTROLLER_NAME, conditions };
  });
  return [...others, ...ours];
}

function refKey({ namespace, name, sectionName, port }: ParentRef): string {
  return JSON.stringify([namespace, name, sectionName, port]);
}

function accepted(route: HttpRoute, ref: ParentRef, gateway: Gateway): Judgement {
  const bad = (reason: string, message: string): Judgement => ({ type: 'Accepted', good: false, reason, message });
  const listeners = gateway.spec.listeners.filter(
    listener =>
      listener.protocol === 'HTTP' &&
      (ref.sectionName === undefined || listener.name === ref.sectionName) &&
      (ref.port === undefined || listener.port === ref.port),
  );
  if (listeners.length === 0) return bad('NoMatchingParent', 'the Gateway has no such HTTP listener');
  const sameNamespace = route.metadata.namespace === gateway.metadata.namespace;
  const allowed = listeners.some(({ allowedRoutes }) => {
    const from = allowedRoutes?.namespaces?.from ?? 'Same';
    return from === 'All' || (from === 'Same' && sameNamespace);
  });
  if (!allowed) return bad('NotAllowedByListeners', 'no listener allows routes of this namespace');
  const unsupported = unsupportedPart(route);
  if (unsupported !== undefined) return bad('UnsupportedValue', `the sandbox's gateway does not know ${unsupported}`);
  return { type: 'Accepted', good: true, reason: 'Accepted', message: 'the route is served' };
}

function unsupportedPart(route: HttpRoute): string | undefined {
  for (const { matches = [], filters = [], backendRefs = [] } of route.spec.rules ?? []) {
    const types = [...filters, ...backendRefs.flatMap(backend => backend.filters ?? [])].map(filter => filter.type);
    const filter = types.find(type => !SUPPORTED_FILTERS.includes(type));
    if (filter !== undefined) return `filter ${filter}`;
    const parts = matches.flatMap(({ path, headers = [], queryParams = [] }) => [path, ...headers, ...queryParams]);
    if (parts.some(part => part?.type === 'RegularExpression')) return 'matches of type RegularExpression';
  }
  return undefined;
}

function resolved(route: HttpRoute, world: RouteWorld): Judgement {
  const backends = (route.spec.rules ?? []).flatMap(({ backendRefs = [], filters = [] }) => [
    ...backendRefs,
    ...filters.flatMap(filter => (filter.requestMirror ? [filter.requestMirror.backendRef] : [])),
  ]);
  const judged = backends.map(backend => judgeBackend(route, backend, world));
  return (
    judged.find(judgement => !judgement.good) ?? {
      type: 'ResolvedRefs',
      good: true,
      reason: 'ResolvedRefs',
      message: 'all references are resolved',
    }
  );
}
