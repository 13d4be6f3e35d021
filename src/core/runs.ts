import { resolveRun } from '../analysis/resolve-run.ts';
import { API_VERSION, HASH_LABEL, ROLLOUT_LABEL, RUN_KIND_LABEL } from '../api/names.ts';
import type { ApiObject } from '../api/object-meta.ts';
import type { Action, Because } from './decision.ts';
import type { Draft } from './draft.ts';
import { dueSamples, isFinished } from './gate.ts';
import type { Intent, WantedRun } from './intent.ts';
import { findRun } from './run-names.ts';
import { type ActionProblem, templateKey } from './snapshot.ts';
import type { World } from './world.ts';

/** When to look again at a measurement that is due, in milliseconds. */
const OVERDUE_MS = 10_000;

/** Creates the runs that the phase wants, measures what is due, and ends those that nobody waits for. */
export function driveRuns(w: World, d: Draft, intent: Intent): Action[] {
  const actions: Action[] = [];
  for (const name of intent.endRuns) {
    const run = findRun(w, name);
    if (run && !isFinished(run))
      actions.push({ type: 'TerminateAnalysisRun', target: run.target, message: 'no longer needed' });
  }
  const named: NonNullable<typeof d.status.analysis> = intent.runAhead ? { background: intent.runAhead } : {};
  for (const wanted of intent.runs) {
    named[wanted.kind] = wanted.name;
    const run = findRun(w, wanted.name);
    if (!run) {
      actions.push(...createRun(w, wanted));
      continue;
    }
    const { due, nextAt } = dueSamples(run, w.now);
    for (const metric of due) actions.push({ type: 'TakeSample', run: run.target, metric: metric.name });
    d.wakes.push(nextAt);
    // A sample that is under way, or that could not be stored, must not be forgotten.
    if (due.length > 0) d.wakes.push(w.now + OVERDUE_MS);
  }
  if (Object.keys(named).length > 0) d.status.analysis = named;
  else delete d.status.analysis;
  return actions;
}

/** Says that a run cannot be created: until somebody lets it, nothing is measured. */
export function refusedRun(w: World, { name }: Pick<WantedRun, 'name'>): Because | undefined {
  const isAbout = ({ kind, name: of }: ActionProblem) =>
    of === name && (kind === 'WriteRefused' || kind === 'NameTaken');
  const problem = w.snapshot.problems.find(isAbout);
  return problem && { reason: 'WriteRefused', message: `analysis ${name} cannot begin: ${problem.message}` };
}

/** Templates that a use of analysis names, as the snapshot shows them. */
export function templatesOf(w: World, wanted: Pick<WantedRun, 'use'>) {
  return wanted.use.templates.map(({ templateName, clusterScope }) => ({
    name: templateName,
    object: w.snapshot.templates[templateKey(templateName, clusterScope)] ?? null,
  }));
}

function createRun(w: World, wanted: WantedRun): Action[] {
  // Its arguments name the revision's ReplicaSet; a run never learns them later.
  if (!w.newSet) return [];
  const { namespace, uid } = w.snapshot.rollout.metadata;
  const resolved = resolveRun(wanted.use, templatesOf(w, wanted), {
    'stable-hash': w.stable?.podTemplateHash ?? '',
    'canary-hash': w.hash,
    'stable-replicaset': w.stableSet?.name ?? '',
    'canary-replicaset': w.newSet?.name ?? '',
    namespace: namespace ?? '',
    rollout: w.name,
  });
  if (!resolved.ok) return [];
  const object: ApiObject = {
    apiVersion: API_VERSION,
    kind: 'AnalysisRun',
    metadata: {
      name: wanted.name,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { [ROLLOUT_LABEL]: w.name, [HASH_LABEL]: w.hash, [RUN_KIND_LABEL]: wanted.kind },
      ownerReferences: [
        {
          apiVersion: API_VERSION,
          kind: 'Rollout',
          name: w.name,
          uid: uid ?? '',
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: resolved.spec,
  };
  return [{ type: 'CreateAnalysisRun', object, kind: wanted.kind, spec: resolved.spec }];
}
