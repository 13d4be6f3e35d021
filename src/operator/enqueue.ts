import { isBadPhase } from '../api/analysis-run.ts';
import { pendingCommand } from '../core/pending-command.ts';
import { routeKey, templateKey } from '../core/snapshot.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { isRecord, objectKey } from '../kube/kube-object.ts';
import type { Reflector } from '../kube/reflector.ts';
import type { Lane } from '../kube/work-queue.ts';
import { asApi, type Caches, controllerKey, sliceService } from './caches.ts';

type Enqueue = (key: string, lane: Lane) => void;

/** Turns what the caches learn into keys to look at. Handlers only enqueue; nothing is decided here. */
export function wireEvents(caches: Caches, enqueue: Enqueue): void {
  caches.rollouts.store.addHandler((_type, object) => enqueue(objectKey(object.metadata), laneOf(object)));
  for (const cache of [caches.replicaSets, caches.controllerRevisions])
    cache.store.addHandler((_type, object) => {
      for (const key of ownersOf(caches, object)) enqueue(key, 'normal');
    });
  caches.analysisRuns.store.addHandler((_type, object) => {
    const phase = (object['status'] as { phase?: string } | undefined)?.phase ?? '';
    for (const key of ownersOf(caches, object)) enqueue(key, isBadPhase(phase) ? 'urgent' : 'normal');
  });
  byIndex(caches, caches.services, 'services', object => [objectKey(object.metadata)], enqueue);
  byIndex(caches, caches.endpointSlices, 'services', sliceService, enqueue);
  byIndex(
    caches,
    caches.httpRoutes,
    'routes',
    object => {
      const { apiVersion, kind, metadata } = asApi(object);
      return [`${metadata.namespace ?? ''}/${routeKey({ apiVersion, kind, name: metadata.name })}`];
    },
    enqueue,
  );
  byIndex(caches, caches.analysisTemplates, 'templates', object => [objectKey(object.metadata)], enqueue);
  byIndex(
    caches,
    caches.clusterAnalysisTemplates,
    'templates',
    object => [templateKey(object.metadata.name, true)],
    enqueue,
  );
}

/** An abort command overtakes everything else, until it is acknowledged: its annotation stays on the Rollout for ever. */
function laneOf(object: KubeObject): Lane {
  const last = isRecord(object['status']) ? object['status']['lastCommand'] : undefined;
  const { command } = pendingCommand(object.metadata.annotations, isRecord(last) ? last : undefined);
  return command?.verb === 'abort' ? 'urgent' : 'normal';
}

function ownersOf(caches: Caches, object: KubeObject): string[] {
  return controllerKey(object).flatMap(owner =>
    caches.rollouts.store.byIndex('uid', owner).map(rollout => objectKey(rollout.metadata)),
  );
}

function byIndex(
  caches: Caches,
  cache: Reflector,
  index: string,
  values: (object: KubeObject) => string[],
  enqueue: Enqueue,
): void {
  cache.store.addHandler((_type, object) => {
    for (const value of values(object))
      for (const rollout of caches.rollouts.store.byIndex(index, value)) enqueue(objectKey(rollout.metadata), 'normal');
  });
}
