import { HASH_LABEL } from '../../api/names.ts';
import { isRecord, type KubeObject } from '../../kube/kube-object.ts';
import type { BackendPair, Steering } from './steering.ts';

const ROUTE_GROUP = 'gateway.networking.k8s.io/';

export const isRoute = (object: KubeObject): boolean =>
  object.kind === 'HTTPRoute' && (object.apiVersion ?? '').startsWith(ROUTE_GROUP);
export const isService = (object: KubeObject): boolean => object.kind === 'Service' && object.apiVersion === 'v1';

/** What of a declared object is the operator's to set, as a text that changes with it; undefined: nothing. */
export function oursIn(declared: KubeObject, steering: Steering): string | undefined {
  const { name } = declared.metadata;
  if (isService(declared)) return steering.unreadable || steering.services.has(name) ? 'selector' : undefined;
  if (!isRoute(declared)) return undefined;
  if (steering.unreadable) return 'all weights';
  const pairs = steering.routes.get(name);
  return pairs ? JSON.stringify(pairs) : undefined;
}

/**
 * What Git declares, with the few values in it that are the operator's to set taken from the live object: weights of
 * the two backendRefs that a Rollout steers and the revision key in a Service's selector. Without this the synchronizer
 * would call a running canary drift. Flux and Argo CD users say the same with an ignore rule. Who wrote the live value
 * cannot be asked of managedFields: lists of routes and selectors are atomic, so the last apply owns them whole.
 */
export function adoptOurs(declared: KubeObject, live: KubeObject | undefined, steering: Steering): KubeObject {
  if (!live || oursIn(declared, steering) === undefined) return declared;
  return isService(declared) ? adoptSelector(declared, live) : adoptWeights(declared, live, steering);
}

interface Ref {
  readonly [field: string]: unknown;
}

/** backendRefs of every rule, in order; what has another shape is empty. */
export function backendRefsOf(route: KubeObject): Ref[][] {
  const rules = isRecord(route.spec) && Array.isArray(route.spec.rules) ? route.spec.rules : [];
  return rules.map((rule: unknown) =>
    isRecord(rule) && Array.isArray(rule.backendRefs) ? rule.backendRefs.filter(isRecord) : [],
  );
}

/** Names of the Services in a rule whose weights are ours. */
export function steeredNames(refs: readonly Ref[], route: string, steering: Steering): ReadonlySet<string> {
  const names = refs.filter(isServiceRef).map(ref => String(ref['name']));
  if (steering.unreadable) return new Set(names);
  const holds = ({ stable, canary }: BackendPair) => names.includes(stable) && names.includes(canary);
  const pairs = (steering.routes.get(route) ?? []).filter(holds);
  return new Set(pairs.flatMap(({ stable, canary }) => [stable, canary]));
}

export const isServiceRef = (ref: Ref): boolean =>
  (ref['kind'] ?? 'Service') === 'Service' && (ref['group'] ?? '') === '';

/**
 * Rules are matched by the Services in them that are steered, never by their place: Git may insert or reorder rules. Of
 * several with the same ones the n-th takes the weights of the n-th, and one more those of the first, since a Rollout
 * gives all of them the same.
 */
function adoptWeights(declared: KubeObject, live: KubeObject, steering: Steering): KubeObject {
  const spec = isRecord(declared.spec) ? declared.spec : {};
  if (!Array.isArray(spec.rules)) return declared;
  const route = declared.metadata.name;
  const known = new Map<string, Ref[][]>();
  for (const refs of backendRefsOf(live)) {
    const key = keyOf(steeredNames(refs, route, steering));
    known.set(key, [...(known.get(key) ?? []), refs]);
  }
  const taken = new Map<string, number>();
  const declaredRefs = backendRefsOf(declared);
  const rules = spec.rules.map((rule: unknown, index) => {
    const names = steeredNames(declaredRefs[index] ?? [], route, steering);
    if (!isRecord(rule) || !Array.isArray(rule.backendRefs) || names.size === 0) return rule;
    const key = keyOf(names);
    const same = known.get(key) ?? [];
    const n = taken.get(key) ?? 0;
    taken.set(key, n + 1);
    const liveRefs = same[n] ?? same[0] ?? [];
    const backendRefs = rule.backendRefs.map((ref: unknown) => {
      if (!isRecord(ref) || !isServiceRef(ref) || !names.has(String(ref.name))) return ref;
      const weight = liveRefs.find(one => isServiceRef(one) && one['name'] === ref.name)?.['weight'];
      return weight === undefined ? ref : { ...ref, weight };
    });
    return { ...rule, backendRefs };
  });
  return { ...declared, spec: { ...spec, rules } };
}

const keyOf = (names: ReadonlySet<string>): string => [...names].sort().join(' ');

function adoptSelector(declared: KubeObject, live: KubeObject): KubeObject {
  const spec = isRecord(declared.spec) ? declared.spec : {};
  const selector = isRecord(spec.selector) ? spec.selector : {};
  const ours = isRecord(live.spec) && isRecord(live.spec.selector) ? live.spec.selector[HASH_LABEL] : undefined;
  return ours === undefined
    ? declared
    : { ...declared, spec: { ...spec, selector: { ...selector, [HASH_LABEL]: ours } } };
}
