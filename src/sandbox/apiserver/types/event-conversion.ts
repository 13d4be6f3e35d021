import type { JsonObject, KubeObject } from '../json.ts';
import { isObject } from '../json.ts';

const names: readonly [core: string, modern: string][] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['reportingComponent', 'reportingController'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
];

function rename(object: JsonObject, from: 0 | 1, to: 0 | 1): JsonObject {
  const out: JsonObject = { ...object };
  for (const pair of names) {
    const value = out[pair[from]];
    if (value === undefined) continue;
    delete out[pair[from]];
    out[pair[to]] = value;
  }
  return out;
}

/** A stored (core) event as events.k8s.io/v1 spells it. */
export function eventFromStorage(object: KubeObject): KubeObject {
  return { ...rename(object, 0, 1), apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: object.metadata };
}

/** An events.k8s.io/v1 event as the core group, which owns the storage, spells it. */
export function eventToStorage(object: KubeObject): KubeObject {
  const core = rename(object, 1, 0);
  if (!isObject(core.involvedObject)) core.involvedObject = {};
  return { ...core, apiVersion: 'v1', kind: 'Event', metadata: object.metadata };
}
