import { HASH_LABEL } from '../api/names.ts';
import type { ApiObject } from '../api/object-meta.ts';
import type { RevisionRef, RolloutStatus } from '../api/rollout-status.ts';
import { imagesOf, type World } from './world.ts';

const DEFAULT_ROLLBACK_WINDOW = 3;

/** The revision that Git declares now, numbered. An old template that comes back gets a new number, as in Kubernetes. */
export function desiredRevision(w: World): RevisionRef {
  const known = [w.stored?.desired, w.stable, w.stored?.canary].find(ref => ref?.podTemplateHash === w.hash);
  const stillDesired = w.stored?.desired?.podTemplateHash === w.hash;
  const revision =
    stillDesired && known ? known.revision : isStable(w) && w.stable ? w.stable.revision : nextRevision(w);
  const source = sourceOf(w, stillDesired);
  return {
    revision,
    podTemplateHash: w.hash,
    images: imagesOf(w.spec.template).slice(0, 50),
    ...(source ? { source } : {}),
    ...(w.newSet ? { replicaSet: w.newSet.name } : {}),
  };
}

/** The source is that of the change: later commits that leave the template alone do not re-attribute it. */
function sourceOf(w: World, stillDesired: boolean): RevisionRef['source'] {
  const before = stillDesired ? w.stored?.desired?.source : undefined;
  if (before && before.provider !== 'None') return before;
  return w.snapshot.source ?? before;
}

/**
 * A set of this template with a number above all others was made by a pass whose status got lost: the number stays. One that
 * the history knows was tried before, and its analyses were not about this trial.
 */
function nextRevision(w: World): number {
  const { desired, stable, canary, history = [] } = w.stored ?? {};
  const told = [desired, stable, canary, ...history].map(ref => ref?.revision ?? 0);
  const others = w.sets.filter(set => set.hash !== w.hash).map(set => set.revision);
  const last = Math.max(0, ...told, ...others);
  const own = Math.max(0, ...w.sets.filter(set => set.hash === w.hash).map(set => set.revision));
  return own > last ? own : last + 1;
}

/** The ControllerRevision that keeps a template; found by its label, because its name may have been taken. */
export function keptRevision(w: Pick<World, 'snapshot'>, hash: string): ApiObject | undefined {
  return w.snapshot.revisions.find(object => object.metadata.labels?.[HASH_LABEL] === hash);
}

export function isStable(w: World): boolean {
  return w.stable?.podTemplateHash === w.hash;
}

export function isQuarantined(w: World, status: RolloutStatus | undefined): boolean {
  return (status?.quarantine ?? []).some(entry => entry.podTemplateHash === w.hash);
}

/**
 * Going back to a verified revision inside the rollback window needs no steps and no analysis.
 * Verified means: it was promoted, or it was the first deploy and became available.
 */
export function isInRollbackWindow(w: World): boolean {
  const window = w.spec.rollbackWindow?.revisions ?? DEFAULT_ROLLBACK_WINDOW;
  if (window === 0 || isQuarantined(w, w.stored)) return false;
  const verified: string[] = [];
  const deliveries = w.stored?.history ?? [];
  // Out of quarantine by a person's word: to be tried again is not to be trusted again, nor is a trial that came to no end.
  const last = deliveries.find(
    ({ podTemplateHash, outcome }) =>
      podTemplateHash === w.hash && outcome !== 'Superseded' && outcome !== 'ReturnedToStable',
  );
  if (last?.outcome === 'Aborted') return false;
  for (const delivery of deliveries) {
    const ended = delivery.outcome;
    if (ended !== 'Promoted' && ended !== 'FastPromoted' && ended !== 'FirstDeploy') continue;
    const hash = delivery.podTemplateHash;
    if (hash !== w.stable?.podTemplateHash && !verified.includes(hash)) verified.push(hash);
  }
  const back = verified.indexOf(w.hash);
  return back >= 0 && back < window;
}
