import { type CanaryView, isShown } from './canary-view.ts';
import type { Because } from './decision.ts';
import { hasMeasured, hasPassed } from './gate.ts';
import type { WantedRun } from './intent.ts';
import { currentRunName, findRun, stepRunName } from './run-names.ts';
import { refusedRun } from './runs.ts';
import type { World } from './world.ts';

/** The analysis beside the steps, from its starting step on and once users reach this revision. */
export function backgroundRun(t: CanaryView): WantedRun | undefined {
  const { canary, d, w } = t;
  if (!canary.analysis) return undefined;
  const name = currentRunName(w, d.status, 'background');
  const started = findRun(w, name) !== undefined;
  return started || (isAtStartingStep(t) && reachesUsers(t))
    ? { name, kind: 'background', use: canary.analysis }
    : undefined;
}

/**
 * Name of the background run that users will bring about. The status that begins the trial names it, which saves the one
 * that would have to follow its creation at once.
 */
export function backgroundAhead(t: CanaryView): string | undefined {
  const { canary, d, w } = t;
  return canary.analysis && isAtStartingStep(t) ? currentRunName(w, d.status, 'background') : undefined;
}

function isAtStartingStep({ canary, d, steps }: CanaryView): boolean {
  return (d.status.step?.index ?? 0) >= Math.min(canary.analysis?.startingStep ?? 0, steps.length);
}

/** Analyses that this trial runs now or has still to run. */
export function analysesAhead(t: CanaryView): WantedRun[] {
  const { w, d, canary, steps, full } = t;
  if (full) return [];
  const index = d.status.step?.index ?? 0;
  const ahead: WantedRun[] = steps.flatMap((step, i) =>
    step.analysis && i >= index ? [{ name: stepRunName(w, d.status, i), kind: 'step', use: step.analysis }] : [],
  );
  if (canary.analysis)
    ahead.push({ name: currentRunName(w, d.status, 'background'), kind: 'background', use: canary.analysis });
  return ahead;
}

/** Traffic goes to this very revision. */
function reachesUsers(t: CanaryView): boolean {
  return t.w.newSet !== undefined && t.actual > 0 && isShown(t);
}

/** A background analysis that is wanted and not there yet stops progress: nothing may pass ungated. */
export function beginningOf(w: World, run: WantedRun | undefined): Because | undefined {
  if (!run || findRun(w, run.name)) return undefined;
  return refusedRun(w, run) ?? { reason: 'GateRunning', message: 'the background analysis begins' };
}

/** A run that has not passed once, or of which nothing good is known now. */
export function awaitsMeasurement(w: World, run: WantedRun): boolean {
  const found = findRun(w, run.name);
  return !found || !hasPassed(found, w.now);
}

/** A run that has given no answer yet, good or bad. */
export function awaitsAnswer(w: World, run: WantedRun): boolean {
  const found = findRun(w, run.name);
  return !found || !hasMeasured(found);
}
