import type { Draft } from './draft.ts';
import { type Intent, NOTHING } from './intent.ts';
import { serviceNames } from './prerequisites.ts';
import { desiredRevision } from './revisions.ts';
import { clearTrial, supersede } from './trial.ts';
import type { World } from './world.ts';

/**
 * Git declares a new template and no replicas. Nothing serves, so nothing can be measured: the revision is neither tried
 * nor trusted. Traffic and Services rest on stable; a trial that was under way starts again at its first step when there
 * are replicas.
 */
export function planIdle(w: World, d: Draft): Intent {
  suspendTrial(w, d);
  const stableHash = w.stable?.podTemplateHash ?? w.hash;
  return {
    ...NOTHING,
    phase: 'Healthy',
    because: {
      reason: 'NoReplicas',
      message: `no replicas are wanted; revision ${desiredRevision(w).revision} is tried when there are`,
    },
    scale: new Map(w.sets.map(set => [set.name, 0])),
    select: new Map(serviceNames(w).map(name => [name, stableHash])),
    canaryWeight: w.router ? 0 : undefined,
    endRuns: w.snapshot.analysisRuns.map(run => run.metadata.name),
  };
}

/** What was measured before says nothing about pods that do not exist yet: another attempt, with runs of its own. */
function suspendTrial(w: World, d: Draft): void {
  const { status } = d;
  const { canary } = status;
  if (!canary) return;
  if (canary.podTemplateHash !== w.hash) {
    supersede(w, d);
    return;
  }
  if (status.trialStartedAt === undefined) return;
  clearTrial(status);
  status.canary = canary;
  status.attempt = (status.attempt ?? 1) + 1;
}
