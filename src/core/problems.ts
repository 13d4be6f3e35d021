import { resolveRun } from '../analysis/resolve-run.ts';
import { replicaSetName } from './children.ts';
import type { Draft } from './draft.ts';
import type { Intent } from './intent.ts';
import { isLostForGood } from './prerequisites.ts';
import { conflictOf } from './route-conflict.ts';
import { findRun } from './run-names.ts';
import { templatesOf } from './runs.ts';
import type { World } from './world.ts';

const NO_ARGS = {
  'stable-hash': '',
  'canary-hash': '',
  'stable-replicaset': '',
  'canary-replicaset': '',
  namespace: '',
  rollout: '',
};

/** What the API server refused, and templates that are missing, shown in place of what the phase waits for. */
export function noteProblems(w: World, d: Draft, intent: Intent): Intent {
  if (intent.because.reason === 'StableLost' && isLostForGood(w)) return { ...intent, phase: 'Degraded' };
  for (const problem of w.snapshot.problems) {
    const collisions = w.stored?.collisionCount ?? 0;
    if (problem.kind === 'NameTaken' && !w.newSet && problem.name === replicaSetName(w, w.hash, collisions)) {
      d.status.collisionCount = collisions + 1;
      return {
        ...intent,
        because: {
          reason: 'ReplicaSetCollision',
          message: `ReplicaSet name ${problem.name} is taken by another object; using the next name`,
        },
      };
    }
    if (problem.kind === 'TemplateRejected')
      return {
        ...intent,
        phase: w.stable ? intent.phase : 'Invalid',
        because: { reason: 'ReplicaSetRejected', message: `the API server refuses spec.template: ${problem.message}` },
      };
    if (problem.kind === 'RevisionLost')
      return {
        ...intent,
        phase: 'Degraded',
        because: {
          reason: 'StableLost',
          message: `${problem.message}; declare a revision in Git that can be verified`,
        },
      };
  }
  const refused = w.snapshot.problems.find(problem => problem.kind === 'WriteRefused');
  if (refused)
    return {
      ...intent,
      because: {
        reason: 'WriteRefused',
        message: `the API server refuses a write of ${refused.name}: ${refused.message}; check the operator's permissions`,
      },
    };
  for (const wanted of intent.runs) {
    if (findRun(w, wanted.name)) continue;
    const resolved = resolveRun(wanted.use, templatesOf(w, wanted), NO_ARGS);
    if (!resolved.ok) return { ...intent, because: { reason: 'TemplateMissing', message: resolved.message } };
  }
  const conflict = conflictOf(w, intent.canaryWeight);
  return conflict ? { ...intent, because: conflict } : intent;
}
