import { fromTime } from '../api/time.ts';
import type { Action } from './decision.ts';
import type { Draft } from './draft.ts';
import { isFinished, viewRun } from './gate.ts';
import type { Intent } from './intent.ts';
import { keptRevision } from './revisions.ts';
import type { World } from './world.ts';

const DEFAULT_HISTORY_LIMIT = 10;
const KEPT_RUNS = 10;

/** Old ReplicaSets without pods, their ControllerRevisions, and finished runs beyond what is kept. */
export function collectGarbage(w: World, d: Draft, intent: Intent): Action[] {
  const actions: Action[] = [];
  const limit = w.spec.revisionHistoryLimit ?? DEFAULT_HISTORY_LIMIT;
  const idle = w.olderSets.filter(set => set.spec === 0 && set.running === 0).sort((a, b) => b.revision - a.revision);
  for (const set of idle.slice(limit)) {
    actions.push({ type: 'Delete', kind: 'ReplicaSet', target: set.target });
    const revision = keptRevision(w, set.hash);
    if (revision)
      actions.push({
        type: 'Delete',
        kind: 'ControllerRevision',
        target: {
          name: revision.metadata.name,
          uid: revision.metadata.uid ?? '',
          resourceVersion: revision.metadata.resourceVersion ?? '',
        },
      });
  }
  const needed = new Set([...intent.runs.map(run => run.name), ...Object.values(d.status.analysis ?? {})]);
  if (d.status.abort?.evidence?.analysisRun) needed.add(d.status.abort.evidence.analysisRun);
  const finished = w.snapshot.analysisRuns
    .flatMap(object => viewRun(object) ?? [])
    .filter(run => isFinished(run) && !needed.has(run.target.name))
    .sort((a, b) => (fromTime(b.status.completedAt) ?? 0) - (fromTime(a.status.completedAt) ?? 0));
  for (const run of finished.slice(KEPT_RUNS))
    actions.push({ type: 'Delete', kind: 'AnalysisRun', target: run.target });
  return actions;
}
