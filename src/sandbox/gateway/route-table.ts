import { durationMs } from '../../api/duration.ts';
import type { BackendRef, HttpRoute, RouteFilter, RouteMatch, RouteRule } from './gateway-objects.ts';
import type { RequestFacts } from './route-match.ts';
import { compareSpecificity, matchesHost, matchesRequest } from './route-match.ts';

/** A backend of a rule. `service` is undefined when the reference is not to a Service that may be used: its share gets 500. */
export interface RuleBackend {
  readonly weight: number;
  readonly name: string;
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number } | undefined;
  readonly filters: readonly RouteFilter[];
}

/** A rule, ready to serve requests. */
export interface ServedRule {
  /** `namespace/name` of the HTTPRoute. */
  readonly route: string;
  readonly namespace: string;
  readonly backends: readonly RuleBackend[];
  readonly filters: readonly RouteFilter[];
  readonly timeoutMs: number | undefined;
}

interface Entry {
  readonly hostname: string | undefined;
  readonly match: RouteMatch;
  readonly rule: ServedRule;
  readonly createdAt: string;
}

/** Finds the rule of a request among all accepted routes. Built anew whenever a route changes; it never changes itself. */
export class RouteTable {
  readonly #entries: readonly Entry[];

  /** `usable` says whether a backend may be sent to. */
  constructor(routes: readonly HttpRoute[], usable: (route: HttpRoute, backend: BackendRef) => boolean) {
    this.#entries = routes.flatMap(route => entriesOf(route, usable)).sort(compareEntries);
  }

  /** The rule with the most specific match, or undefined. */
  find(request: RequestFacts): ServedRule | undefined {
    return this.#entries.find(
      ({ hostname, match }) =>
        (hostname === undefined || matchesHost(hostname, request.host)) && matchesRequest(match, request),
    )?.rule;
  }
}

function entriesOf(route: HttpRoute, usable: (route: HttpRoute, backend: BackendRef) => boolean): Entry[] {
  const hostnames = route.spec.hostnames?.length ? route.spec.hostnames : [undefined];
  const createdAt = route.metadata.creationTimestamp ?? '';
  return (route.spec.rules ?? []).flatMap(rule => {
    const served = servedRule(route, rule, usable);
    const matches = rule.matches?.length ? rule.matches : [{}];
    return hostnames.flatMap(hostname => matches.map(match => ({ hostname, match, rule: served, createdAt })));
  });
}

function servedRule(
  route: HttpRoute,
  rule: RouteRule,
  usable: (route: HttpRoute, backend: BackendRef) => boolean,
): ServedRule {
  const namespace = route.metadata.namespace ?? 'default';
  return {
    route: `${namespace}/${route.metadata.name}`,
    namespace,
    filters: rule.filters ?? [],
    timeoutMs: durationMs(rule.timeouts?.request) || undefined,
    backends: (rule.backendRefs ?? []).map(backend => ({
      name: backend.name,
      weight: backend.weight ?? 1,
      service: usable(route, backend)
        ? { namespace: backend.namespace ?? namespace, name: backend.name, port: backend.port ?? 80 }
        : undefined,
      filters: backend.filters ?? [],
    })),
  };
}

/** Longer hostnames first, then the more specific match, then the older route; rules keep their order (the sort is stable). */
function compareEntries(a: Entry, b: Entry): number {
  return (
    (b.hostname?.length ?? 0) - (a.hostname?.length ?? 0) ||
    compareSpecificity(a.match, b.match) ||
    a.createdAt.localeCompare(b.createdAt) ||
    a.rule.route.localeCompare(b.rule.route)
  );
}
