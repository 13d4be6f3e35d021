import type { ApiObject, ObjectRef } from '../api/object-meta.ts';
import type { GatewayApiRouting } from '../api/rollout-strategy.ts';
import { notAccepted } from './route-acceptance.ts';
import type { Backends, JsonPatchOperation, Patch, RouteState, TrafficRouter, Weights } from './traffic-router.ts';

const API_VERSION = 'gateway.networking.k8s.io/v1';

interface WeightedPair {
  readonly rule: number;
  readonly stable: { readonly index: number; readonly weight: number | undefined };
  readonly canary: { readonly index: number; readonly weight: number | undefined };
  /** Whether other backends have a share of the rule's traffic. */
  readonly isShared: boolean;
}

/**
 * Gateway API HTTPRoute: the weights of the two backendRefs in every rule that has both. All lists of an HTTPRoute are
 * atomic, so server-side apply cannot share them; a JSON Patch with `test` operations on the names can.
 * https://gateway-api.sigs.k8s.io/reference/spec/#httpbackendref
 */
export const gatewayApiRouter: TrafficRouter<GatewayApiRouting> = {
  kind: 'gatewayAPI',

  needs(spec): readonly ObjectRef[] {
    return [{ apiVersion: API_VERSION, kind: 'HTTPRoute', name: spec.httpRoute }];
  },

  read(spec, seen, backends): RouteState {
    if (!seen) return { kind: 'missing', why: `HTTPRoute ${spec.httpRoute} does not exist` };
    const found = findPairs(seen, backends);
    if (typeof found === 'string') return { kind: 'malformed', why: `HTTPRoute ${spec.httpRoute}: ${found}` };
    const isAtRest = found.every(pair => (pair.canary.weight ?? 1) === 0);
    const shared = found.find(pair => pair.isShared && (pair.stable.weight ?? 1) !== backends.max);
    // Once users are on the canary, over whichever rule, nothing may keep them from going home.
    if (isAtRest && shared)
      return { kind: 'malformed', why: `HTTPRoute ${spec.httpRoute}: ${shareAdvice(shared, backends)}` };
    const shares = found.map(pair => canaryShare(pair, backends.max));
    const canary = Math.max(...shares);
    const uniform = found.every(pair => isExact(pair, canary, backends.max));
    const refusal = notAccepted(seen);
    return { kind: 'weights', canary, uniform, accepted: refusal === undefined, ...refusal };
  },

  write(_spec, seen, backends, want): Patch {
    const found = findPairs(seen, backends);
    if (typeof found === 'string') return [];
    const changes = found.flatMap(pair => operations(pair, backends, want));
    return found.some(pair => isRaise(pair, want)) ? [...asSeen(seen, found), ...changes] : changes;
  },

  create(spec, backends) {
    if (!spec.routeTemplate) return undefined;
    const copy = structuredClone(spec.routeTemplate.spec);
    const route = { spec: copy } as unknown as ApiObject;
    const found = findPairs(route, backends);
    if (typeof found !== 'string') for (const pair of found) setWeights(copy, pair, { canary: 0, max: backends.max });
    const { labels, annotations } = spec.routeTemplate.metadata ?? {};
    return {
      apiVersion: API_VERSION,
      kind: 'HTTPRoute',
      metadata: { name: spec.httpRoute, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) },
      spec: copy,
    };
  },
};

interface BackendRef {
  name?: unknown;
  kind?: unknown;
  group?: unknown;
  namespace?: unknown;
  weight?: unknown;
}

/** Rules that have both Services; a sentence when the route cannot carry weights. */
function findPairs(route: ApiObject, backends: Backends): WeightedPair[] | string {
  const rules = (route['spec'] as { rules?: unknown } | undefined)?.rules;
  if (!Array.isArray(rules)) return 'it has no rules';
  const pairs: WeightedPair[] = [];
  for (const [rule, value] of rules.entries()) {
    const refs = (value as { backendRefs?: unknown } | null)?.backendRefs;
    if (!Array.isArray(refs)) continue;
    const stable = findRef(refs, backends.stable, route);
    const canary = findRef(refs, backends.canary, route);
    if (stable.length > 1 || canary.length > 1) return `rule ${rule} names a Service twice; name each once`;
    if (!stable[0] || !canary[0]) continue;
    const pair = [stable[0].index, canary[0].index];
    const isShared = refs.some((ref: BackendRef | null, index) => !pair.includes(index) && (ref?.weight ?? 1) !== 0);
    pairs.push({ rule, stable: stable[0], canary: canary[0], isShared });
  }
  if (pairs.length === 0)
    return `no rule has both backendRefs ${backends.stable} and ${backends.canary}; add the missing one with weight 0`;
  return pairs;
}

function findRef(refs: readonly unknown[], name: string, { metadata }: Partial<ApiObject>) {
  return refs.flatMap((value, index) => {
    const ref = value as BackendRef | null;
    const isService = (ref?.kind ?? 'Service') === 'Service' && (ref?.group ?? '') === '';
    if (!ref || !isService || ref.name !== name) return [];
    // A Service of the same name in another namespace is somebody else's.
    if (ref.namespace !== undefined && metadata?.namespace !== undefined && ref.namespace !== metadata.namespace)
      return [];
    return [{ index, weight: typeof ref.weight === 'number' ? ref.weight : undefined }];
  });
}

/**
 * Weights are shares of the rule's sum. The pair must have the sum that it will have with ours, or the other backends would
 * get another share than Git gave them.
 */
function shareAdvice({ rule, stable }: WeightedPair, { stable: name, max }: Backends): string {
  const weight = stable.weight ?? 1;
  return (
    `rule ${rule} has other backends beside ours, whose share would change with our weights; ` +
    `give ${name} the weight ${max} there and the others theirs of it, or set maxTrafficWeight to ${weight}`
  );
}

/** The canary's share in parts of max, rounded up so that a trace of traffic never reads as none. Default weight is 1. */
function canaryShare(pair: WeightedPair, max: number): number {
  const canary = pair.canary.weight ?? 1;
  const total = canary + (pair.stable.weight ?? 1);
  return total === 0 ? 0 : Math.ceil((canary * max) / total);
}

/** Weights are shares of their sum: 1/0 and 100/0 say the same, and what Git spelled is left as it is. */
function isExact(pair: WeightedPair, canary: number, max: number): boolean {
  const mine = pair.canary.weight ?? 1;
  const total = mine + (pair.stable.weight ?? 1);
  return total > 0 && mine * max === canary * total;
}

function operations(pair: WeightedPair, backends: Backends, want: Weights): JsonPatchOperation[] {
  if (isExact(pair, want.canary, want.max)) return [];
  const at = (index: number) => `/spec/rules/${pair.rule}/backendRefs/${index}`;
  return [
    { op: 'test', path: `${at(pair.stable.index)}/name`, value: backends.stable },
    { op: 'test', path: `${at(pair.canary.index)}/name`, value: backends.canary },
    { op: 'add', path: `${at(pair.stable.index)}/weight`, value: want.max - want.canary },
    { op: 'add', path: `${at(pair.canary.index)}/weight`, value: want.canary },
  ];
}

function isRaise(pair: WeightedPair, want: Weights): boolean {
  const mine = pair.canary.weight ?? 1;
  return want.canary * (mine + (pair.stable.weight ?? 1)) > mine * want.max;
}

/**
 * More for the canary only over the very route that this was decided on: caches may be older than an abort, a promotion or
 * another operator's write. Less is never held up. The generation counts changes of spec alone, so a gateway that reports
 * does not disturb, and weights that are back at what they were do not deceive.
 */
function asSeen(route: ApiObject, pairs: readonly WeightedPair[]): JsonPatchOperation[] {
  const { generation } = route.metadata;
  if (generation !== undefined) return [{ op: 'test', path: '/metadata/generation', value: generation }];
  return pairs.flatMap(({ rule, stable, canary }) =>
    [stable, canary].flatMap(({ index, weight }) =>
      weight === undefined
        ? []
        : [{ op: 'test', path: `/spec/rules/${rule}/backendRefs/${index}/weight`, value: weight }],
    ),
  );
}

function setWeights(spec: Record<string, unknown>, pair: WeightedPair, want: Weights): void {
  const rules = spec['rules'] as { backendRefs: BackendRef[] }[];
  const refs = rules[pair.rule]?.backendRefs ?? [];
  const stable = refs[pair.stable.index];
  const canary = refs[pair.canary.index];
  if (stable) stable.weight = want.max - want.canary;
  if (canary) canary.weight = want.canary;
}
