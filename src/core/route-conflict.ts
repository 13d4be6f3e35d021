import type { Because } from './decision.ts';
import type { Intent } from './intent.ts';
import { isAstray, type ServiceView } from './service-view.ts';
import type { World } from './world.ts';

/** Foreign writes to our weights within a minute after which the canary's weight is not raised again for a while. */
const RAISE_LIMIT = 5;
/** Traffic leaves the canary for longer than it comes: a fight must not hold up a revert. */
const LOWER_LIMIT = 10;
const LOOK_AGAIN_MS = 10_000;

/** Whether re-asserting a weight would feed a write loop. Both limits are below what the operator remembers. */
export function isWriteLoop(w: World, lowers: boolean): boolean {
  return w.snapshot.routeConflicts >= (lowers ? LOWER_LIMIT : RAISE_LIMIT);
}

/** Whether writing a Service's selector again would feed a write loop. */
export function isSelectorLoop(w: World, service: string, hash: string): boolean {
  return (w.snapshot.selectorWrites[`${service} ${hash}`] ?? 0) >= LOWER_LIMIT;
}

/** When to look again, epoch milliseconds: only time ends a fight that the other side does not. */
export function lookAgainAt(w: World): number {
  return w.now + LOOK_AGAIN_MS;
}

/** Shown while somebody else keeps writing the selector of a Service that the strategy names. */
export function selectorConflictOf(w: World, intent: Pick<Intent, 'select'>): Because | undefined {
  for (const [name, hash] of intent.select)
    if (isSelectorLoop(w, name, hash) && isWrong(w.service(name), hash))
      return {
        reason: 'ServiceConflict',
        message: `somebody else keeps writing the selector of Service ${name}; exclude its key sluice.dev/pod-template-hash from what your GitOps tool corrects`,
      };
  return undefined;
}

function isWrong(service: ServiceView | undefined, hash: string): boolean {
  return service?.selects !== hash || isAstray(service);
}

/** Shown in place of what the phase waits for while somebody else keeps writing our weights. */
export function conflictOf(w: World, wanted: number | undefined): Because | undefined {
  const state = w.router?.state;
  if (wanted === undefined || state?.kind !== 'weights' || state.canary === wanted) return undefined;
  if (!isWriteLoop(w, wanted < state.canary)) return undefined;
  return {
    reason: 'RouteConflict',
    message: `somebody else keeps writing the weights of ${w.router?.ref.kind} ${w.router?.ref.name}; exclude .spec.rules[].backendRefs[].weight from what your GitOps tool corrects`,
  };
}
