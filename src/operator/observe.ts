import type { ApiObject } from '../api/object-meta.ts';
import { isFromWrongClock } from '../api/time.ts';
import { type Needs, needsOf } from '../core/needs.ts';
import { type Rival, routeKey, type Snapshot, templateKey } from '../core/snapshot.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { asApi, type Caches, ownerKey } from './caches.ts';
import type { Memory } from './memory.ts';
import { provenanceOf } from './provenance.ts';

const CONFLICT_WINDOW_MS = 60_000;

/** Puts together, from caches alone, everything a decision about one Rollout may know. Interprets nothing. */
export function observe(
  caches: Caches,
  memory: Memory,
  rollout: KubeObject,
  operatorNamespace: string,
  now: number,
): Snapshot {
  const namespace = rollout.metadata.namespace ?? '';
  const owner = ownerKey(namespace, rollout.metadata.uid);
  const needs = needsOf(asApi(rollout));
  const known = memory.of(`${namespace}/${rollout.metadata.name}`);
  const source = provenanceOf(rollout);
  const services: Record<string, ApiObject | null> = {};
  const endpointSlices: Record<string, ApiObject[]> = {};
  for (const name of needs.services) {
    services[name] = found(caches.services.store.get({ namespace, name }));
    endpointSlices[name] = caches.endpointSlices.store.byIndex('service', `${namespace}/${name}`).map(asApi);
  }
  const routes: Record<string, ApiObject | null> = {};
  for (const ref of needs.routes)
    routes[routeKey(ref)] = found(caches.httpRoutes.store.get({ namespace, name: ref.name }));
  const templates: Record<string, ApiObject | null> = {};
  for (const { name, clusterScope } of needs.templates)
    templates[templateKey(name, clusterScope)] = found(
      clusterScope
        ? caches.clusterAnalysisTemplates.store.get({ name })
        : caches.analysisTemplates.store.get({ namespace, name }),
    );
  const isOfNow = (at: number) => at > now - CONFLICT_WINDOW_MS && !isFromWrongClock(at, now);
  return {
    rollout: asApi(rollout),
    replicaSets: caches.replicaSets.store.byIndex('owner', owner).map(asApi),
    revisions: caches.controllerRevisions.store.byIndex('owner', owner).map(asApi),
    services,
    endpointSlices,
    routes,
    analysisRuns: caches.analysisRuns.store.byIndex('owner', owner).map(asApi),
    templates,
    notifiers: notifiersFor(caches, namespace, operatorNamespace),
    ...(source ? { source } : {}),
    ...(known.inspection ? { inspection: known.inspection } : {}),
    problems: known.problems,
    delivered: [...known.delivered],
    routeConflicts: known.conflicts.filter(isOfNow).length,
    ...(known.lastWeight === undefined ? {} : { lastWeight: known.lastWeight }),
    selectorWrites: countsOf(known.selectorWrites.filter(({ at }) => isOfNow(at))),
    rivals: rivalsOf(caches, rollout, needs),
  };
}

function countsOf(writes: readonly { readonly what: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { what } of writes) counts[what] = (counts[what] ?? 0) + 1;
  return counts;
}

/**
 * Rollouts of the namespace that came before this one and look at the same Services. One route may serve many Rollouts, each
 * with rules and Services of its own; it is named here only beside a Service that is shared.
 */
function rivalsOf(caches: Caches, rollout: KubeObject, needs: Needs): Rival[] {
  const { namespace = '', name } = rollout.metadata;
  const rivals = new Map<string, { services: string[]; routes: string[] }>();
  const note = (what: 'services' | 'routes', key: string, shown: string) => {
    for (const other of caches.rollouts.store.byIndex(what, `${namespace}/${key}`)) {
      if (other.metadata.name === name || !cameBefore(other, rollout)) continue;
      const known = rivals.get(other.metadata.name);
      if (what === 'routes' && !known) continue;
      const rival = known ?? { services: [], routes: [] };
      rival[what].push(shown);
      rivals.set(other.metadata.name, rival);
    }
  };
  for (const service of needs.services) note('services', service, service);
  for (const ref of needs.routes) note('routes', routeKey(ref), ref.name);
  return [...rivals].map(([rival, shared]) => ({ name: rival, ...shared })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The older one, then the one whose name sorts first: both operators of a hand-over see the same order. */
function cameBefore(a: KubeObject, b: KubeObject): boolean {
  const [first = '', second = ''] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  return first === second ? a.metadata.name < b.metadata.name : first < second;
}

function found(object: KubeObject | undefined): ApiObject | null {
  return object ? asApi(object) : null;
}

/** A team's own, and those of the platform for everybody. */
function notifiersFor(caches: Caches, namespace: string, operatorNamespace: string): ApiObject[] {
  const own = caches.notifiers.store.byIndex('namespace', namespace);
  const platform =
    namespace === operatorNamespace ? [] : caches.notifiers.store.byIndex('namespace', operatorNamespace);
  return [...own, ...platform].map(asApi).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}
