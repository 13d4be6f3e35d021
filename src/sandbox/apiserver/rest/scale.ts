import { badRequest, invalid, invalidValue } from '../api-error.ts';
import type { JsonObject, JsonValue, KubeObject } from '../json.ts';
import { clone, ensureObject, isObject, numberAt, objectAt, stringAt, valueAt } from '../json.ts';
import type { ResourceType } from '../types/resource-type.ts';

/** The `autoscaling/v1` Scale of an object. */
export function scaleOf(type: ResourceType, object: KubeObject): KubeObject {
  const paths = type.scale;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = valueAt(object, paths?.specReplicas ?? []);
  const status: JsonObject = { replicas: numberOrZero(valueAt(object, paths?.statusReplicas ?? [])) };
  const selector = paths?.selector === undefined ? undefined : valueAt(object, paths.selector);
  const text = selectorText(selector);
  if (text !== '') status.selector = text;
  const spec: JsonObject = numberOrZero(replicas) === 0 ? {} : { replicas: numberOrZero(replicas) };
  const metadata = Object.fromEntries(
    Object.entries({ name, namespace, uid, resourceVersion, creationTimestamp }).filter(
      ([, value]) => value !== undefined,
    ),
  ) as JsonObject;
  return { kind: 'Scale', apiVersion: 'autoscaling/v1', metadata, spec, status };
}

const numberOrZero = (value: JsonValue | undefined): number => (typeof value === 'number' ? value : 0);

function selectorText(selector: JsonValue | undefined): string {
  if (typeof selector === 'string') return selector;
  if (!isObject(selector)) return '';
  const labels = objectAt(selector, 'matchLabels') ?? {};
  const parts = Object.keys(labels)
    .sort()
    .map(key => `${key}=${String(labels[key])}`);
  const expressions = Array.isArray(selector.matchExpressions) ? selector.matchExpressions : [];
  for (const item of expressions) {
    if (!isObject(item)) continue;
    const key = stringAt(item, 'key') ?? '';
    const values = Array.isArray(item.values) ? item.values.join(',') : '';
    const forms: Record<string, string> = {
      In: `${key} in (${values})`,
      NotIn: `${key} notin (${values})`,
      Exists: key,
      DoesNotExist: `!${key}`,
    };
    parts.push(forms[stringAt(item, 'operator') ?? ''] ?? key);
  }
  return parts.join(',');
}

/** A copy of the object with the replicas of a Scale; throws 400 or 422 for a Scale that is none. */
export function withScale(type: ResourceType, object: KubeObject, scale: JsonValue): KubeObject {
  if (!isObject(scale) || scale.kind !== 'Scale') throw badRequest('the body must be an autoscaling/v1 Scale');
  const spec = objectAt(scale, 'spec') ?? {};
  const replicas = spec.replicas === undefined ? 0 : numberAt(spec, 'replicas');
  if (replicas === undefined || !Number.isInteger(replicas) || replicas < 0) {
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, stringAt(object.metadata, 'name') ?? '', [
      invalidValue('spec.replicas', spec.replicas, 'must be greater than or equal to 0'),
    ]);
  }
  const next = clone(object);
  const path = type.scale?.specReplicas ?? [];
  let parent: JsonObject = next;
  for (const key of path.slice(0, -1)) parent = ensureObject(parent, key);
  const last = path.at(-1);
  if (last !== undefined) parent[last] = replicas;
  const version = stringAt(objectAt(scale, 'metadata'), 'resourceVersion');
  if (version !== undefined) next.metadata.resourceVersion = version;
  return next;
}
