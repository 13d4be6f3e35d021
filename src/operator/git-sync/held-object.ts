import { GIT_SYNC_LABEL, HASH_LABEL } from '../../api/names.ts';
import { isRecord, type KubeObject } from '../../kube/kube-object.ts';
import { backendRefsOf, isRoute, isService, isServiceRef, steeredNames } from './adopt-ours.ts';
import { digestOf } from './canonical.ts';
import type { Steering } from './steering.ts';

/** What is kept of an applied object, to tell without asking whether anything in it that Git may declare has changed. */
export interface HeldObject extends KubeObject {
  /** Digest of all but status, what the server itself sets, and the values in `ours`. */
  readonly print: string;
  /** A Service's revision key, or a route's weights: sometimes the operator's to set. */
  readonly ours: unknown;
}

/** Trims an object to its print. An update of its status leaves the print as it is. */
export function holdObject(object: KubeObject): HeldObject {
  const { status: _status, metadata, ...rest } = object;
  const { name, namespace, uid, resourceVersion, labels, annotations, finalizers, ownerReferences } = metadata;
  const owner = labels?.[GIT_SYNC_LABEL];
  const declared = { ...withoutOurs(object, rest), metadata: { labels, annotations, finalizers, ownerReferences } };
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid,
      resourceVersion,
      ...(owner === undefined ? {} : { labels: { [GIT_SYNC_LABEL]: owner } }),
    },
    print: digestOf(declared),
    ours: oursOf(object),
  };
}

function oursOf(object: KubeObject): unknown {
  if (isRoute(object))
    return backendRefsOf(object).map(refs =>
      refs.map(({ name, kind, group, weight }) => ({ name, kind, group, weight })),
    );
  if (!isService(object) || !isRecord(object.spec) || !isRecord(object.spec.selector)) return undefined;
  return object.spec.selector[HASH_LABEL];
}

function withoutOurs(object: KubeObject, rest: Record<string, unknown>): Record<string, unknown> {
  const { spec } = object;
  if (!isRecord(spec)) return rest;
  if (isService(object) && isRecord(spec.selector)) {
    const { [HASH_LABEL]: _ours, ...selector } = spec.selector;
    return { ...rest, spec: { ...spec, selector } };
  }
  if (!isRoute(object) || !Array.isArray(spec.rules)) return rest;
  const rules = spec.rules.map((rule: unknown) => {
    if (!isRecord(rule) || !Array.isArray(rule.backendRefs)) return rule;
    return {
      ...rule,
      backendRefs: rule.backendRefs.map((ref: unknown) => (isRecord(ref) ? { ...ref, weight: 0 } : ref)),
    };
  });
  return { ...rest, spec: { ...spec, rules } };
}

/** Whether an object is as an apply left it, apart from its status and from what Rollouts steer in it. */
export function isAsLeft(left: HeldObject, now: HeldObject, steering: Steering): boolean {
  if (left.print !== now.print) return false;
  const kind = { apiVersion: now.apiVersion, kind: now.kind, metadata: now.metadata };
  if (isService(kind)) return left.ours === now.ours || steering.unreadable || steering.services.has(now.metadata.name);
  return !isRoute(kind) || JSON.stringify(unsteered(left, steering)) === JSON.stringify(unsteered(now, steering));
}

/** Weights of a held route that are Git's. */
function unsteered(held: HeldObject, steering: Steering): unknown {
  const rules = (Array.isArray(held.ours) ? held.ours : []) as Record<string, unknown>[][];
  return rules.map(refs => {
    const names = steeredNames(refs, held.metadata.name, steering);
    return refs.map(ref => (isServiceRef(ref) && names.has(String(ref['name'])) ? null : (ref['weight'] ?? 1)));
  });
}
