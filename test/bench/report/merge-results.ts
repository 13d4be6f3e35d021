import { PHASES, type PhaseName, type SizeResult } from '../results.ts';

/**
 * Puts a run of some phases into what was measured before, so that a run of one phase does not throw away hours of others.
 * What was measured before stands for every phase that this run was not asked for. Curves, CPU and machine are those of the
 * run that has more phases: each has its own time.
 */
export function mergeResults(before: SizeResult | undefined, now: SizeResult, asked: readonly PhaseName[]): SizeResult {
  const kept = PHASES.filter(phase => !asked.includes(phase) && before?.measured[phase] !== undefined);
  if (before === undefined || kept.length === 0) return now;
  const { machine, timeline, marks, writesPerSecond, eventsPerSecond } =
    before.marks.length > now.marks.length ? before : now;
  const pick = <K extends 'measured' | 'failures'>(field: K) => ({
    ...now[field],
    ...Object.fromEntries(kept.map(phase => [phase, before[field][phase]] as const).filter(([, value]) => value)),
  });
  const failures = pick('failures');
  const wasted = { ...now.wasted, ...Object.fromEntries(kept.map(phase => [phase, before.wasted?.[phase]])) };
  for (const phase of kept) if (before.failures[phase] === undefined) delete failures[phase];
  return {
    ...now,
    ...Object.fromEntries(kept.map(phase => [phase, before[phase]])),
    measured: pick('measured'),
    wasted: Object.fromEntries(Object.entries(wasted).filter(([, value]) => value)),
    failures,
    operatorEnds: before.operatorEnds + now.operatorEnds,
    machine,
    timeline,
    marks,
    writesPerSecond,
    eventsPerSecond,
  };
}
