import type { KubeObject } from '../control-plane/api-client.ts';
import type { NamespaceHistory } from './cluster-history.ts';

/** Leaves of all objects of a namespace by path, with what never repeats replaced. */
export type EndState = Readonly<Record<string, string>>;

const KINDS = ['rollouts', 'replicasets', 'controllerrevisions', 'services', 'httproutes', 'analysisruns'] as const;
const NEVER_THE_SAME = ['uid', 'resourceVersion', 'creationTimestamp', 'managedFields', 'clusterIP', 'clusterIPs'];
/** Of a route whose Rollout is gone: users may have been sent home since. Its weights are judged as traffic. */
const OF_WEIGHTS = /^httproutes\/\S+(\.weight|eneration)$/;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;
const UID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** What is left of a namespace, made comparable. Pods count by their ReplicaSet. */
export function endStateOf(history: NamespaceHistory, namespace: string): EndState {
  const leaves: Record<string, string> = {};
  for (const plural of KINDS)
    for (const object of history.all(plural)) collect(`${plural}/${object.metadata.name}`, object, namespace, leaves);
  for (const pod of history.all('pods')) {
    const key = `pods/${setOf(pod)}`;
    leaves[key] = String(Number(leaves[key] ?? 0) + 1);
  }
  if (history.all('rollouts').length > 0) return leaves;
  return Object.fromEntries(Object.entries(leaves).filter(([path]) => !OF_WEIGHTS.test(path)));
}

/** Paths on which fault-free runs do not agree with each other; what one of them has not at all included. */
export function maskOf(references: readonly EndState[]): ReadonlySet<string> {
  const paths = new Set(references.flatMap(state => Object.keys(state)));
  return new Set([...paths].filter(path => new Set(references.map(state => state[path])).size > 1));
}

/** Where a state differs from the reference, one line each; one for an object that only one of them has. */
export function differences(reference: EndState, state: EndState, mask: ReadonlySet<string>): string[] {
  const [before, now] = [objectsOf(reference), objectsOf(state)];
  const lines = [
    ...[...before].filter(name => !now.has(name)).map(name => `${name} is not there`),
    ...[...now].filter(name => !before.has(name)).map(name => `${name} is there, without faults it is not`),
  ];
  for (const path of new Set([...Object.keys(reference), ...Object.keys(state)])) {
    const isOfBoth = before.has(objectOf(path)) && now.has(objectOf(path));
    if (!isOfBoth || mask.has(path) || reference[path] === state[path]) continue;
    lines.push(`${path}: ${state[path] ?? 'absent'} (fault-free: ${reference[path] ?? 'absent'})`);
  }
  return lines;
}

function objectsOf(state: EndState): ReadonlySet<string> {
  return new Set(Object.keys(state).map(objectOf));
}

/** `replicasets/shop-1` of `replicasets/shop-1.spec.replicas`: names of objects of a plan have no dots. */
function objectOf(path: string): string {
  return path.split('.', 1)[0] ?? path;
}

/** Name of the set that a pod belongs to. */
export function setOf(pod: KubeObject): string {
  const { ownerReferences } = pod.metadata as { ownerReferences?: { name: string }[] };
  return ownerReferences?.[0]?.name ?? 'nobody';
}

function collect(path: string, value: unknown, namespace: string, leaves: Record<string, string>): void {
  if (value !== null && typeof value === 'object') {
    for (const [key, inner] of Object.entries(value))
      if (!NEVER_THE_SAME.includes(key)) collect(`${path}.${key}`, inner, namespace, leaves);
    return;
  }
  leaves[path] = String(value).replaceAll(TIME, '<time>').replaceAll(UID, '<uid>').replaceAll(namespace, '<namespace>');
}
