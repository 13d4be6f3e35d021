import { childName } from './children.ts';
import type { Draft } from './draft.ts';
import type { Intent } from './intent.ts';
import { isLostForGood } from './prerequisites.ts';
import { conflictOf, selectorConflictOf } from './route-conflict.ts';
import type { World } from './world.ts';

/** What the API server refused, shown in place of what the phase waits for. */
export function noteProblems(w: World, d: Draft, intent: Intent): Intent {
  if (intent.because.reason === 'StableLost' && isLostForGood(w)) return { ...intent, phase: 'Degraded' };
  if (w.selectorIssue !== undefined && intent.phase !== 'Aborted')
    return {
      ...intent,
      phase: intent.phase === 'Healthy' ? 'Invalid' : intent.phase,
      because: { reason: 'InvalidSpec', message: w.selectorIssue },
    };
  for (const problem of w.snapshot.problems) {
    const collisions = w.stored?.collisionCount ?? 0;
    if (problem.kind === 'NameTaken' && !w.newSet && problem.name === childName(w, w.hash, collisions)) {
      d.status.collisionCount = collisions + 1;
      return {
        ...intent,
        because: {
          reason: 'ReplicaSetCollision',
          message: `the name ${problem.name} is taken by another object (${problem.message}); using the next one`,
        },
      };
    }
    if (problem.kind === 'NameTaken' && intent.runs.some(run => run.name === problem.name))
      return {
        ...intent,
        because: {
          reason: 'WriteRefused',
          message: `${problem.message}; delete that AnalysisRun, or send abort and retry`,
        },
      };
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
        message: `the API server refuses a write of ${refused.name}: ${refused.message}`,
      },
    };
  const conflict = conflictOf(w, intent.canaryWeight) ?? selectorConflictOf(w, intent);
  return conflict ? { ...intent, because: conflict } : intent;
}
