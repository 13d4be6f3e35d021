import { isBadPhase, type RunKind } from '../api/analysis-run.ts';
import type { RolloutStatus } from '../api/rollout-status.ts';
import { type GateReading, isFinished, type RunView, readGate, viewRun } from './gate.ts';
import type { World } from './world.ts';

/** Names of runs are derived, never random: a pass that was cut short finds the run it had created. */
export function runBase(w: World, status: RolloutStatus): string {
  return `${w.name}-${w.hash}-${status.canary?.revision ?? 0}-${status.attempt ?? 1}`;
}

export function stepRunName(w: World, status: RolloutStatus, index: number): string {
  return `${runBase(w, status)}-${index}`;
}

const SUFFIX: Readonly<Record<Exclude<RunKind, 'step'>, string>> = {
  background: 'bg',
  prePromotion: 'pre',
  postPromotion: 'post',
};

/**
 * The run of a kind: the one that status names, else the first that is free, still running, or bad. Earlier ones were
 * dismissed by a person who promoted past an inconclusive result, or ended with what they were for. A failure is
 * nobody's to dismiss: it counts even when the status that named its run was lost.
 */
export function currentRunName(w: World, status: RolloutStatus, kind: Exclude<RunKind, 'step'>): string {
  const base = `${runBase(w, status)}-${SUFFIX[kind]}`;
  const named = status.analysis?.[kind];
  if (named?.startsWith(base)) return named;
  for (let n = 1; ; n++) {
    const name = n === 1 ? base : `${base}-${n}`;
    const run = findRun(w, name);
    if (!run || !isFinished(run) || isBadPhase(run.status.phase)) return name;
  }
}

/** A run of this Rollout by name. */
export function findRun(w: World, name: string): RunView | undefined {
  const object = w.snapshot.analysisRuns.find(run => run.metadata.name === name);
  return object ? viewRun(object) : undefined;
}

/** What a run says now; undefined when it is not there yet. */
export function readRun(w: World, name: string): GateReading | undefined {
  const run = findRun(w, name);
  return run ? readGate(run, w.now) : undefined;
}

/** Names of runs that nobody waits for any more. */
export function obsoleteRuns(w: World, wanted: readonly { readonly name: string }[]): string[] {
  const keep = new Set(wanted.map(run => run.name));
  return w.snapshot.analysisRuns.map(run => run.metadata.name).filter(name => !keep.has(name));
}
