import type { Spread } from './measure/statistics.ts';

/** The name under which CPU is counted that none of the programs of the bench used. */
export const OTHERS = 'others';

/** What the bench can do, in the order in which it does it; a result has a section of the same name for each. */
export const PHASES = [
  'create',
  'idle',
  'costs',
  'cold',
  'single',
  'tenth',
  'restart',
  'all',
  'abort',
  'mass',
  'rested',
  'soak',
] as const;
export type PhaseName = (typeof PHASES)[number];

/** Deployments without Sluice, on a control plane of their own. Seconds. */
export interface ControlResult {
  /** From nothing to all available. */
  readonly createSeconds: number;
  /** Every tenth changed at once, to all available with the new version. */
  readonly tenthSeconds: number;
  /** Of all cores while they were created, 0 to 1. Absent in results of versions that did not look. */
  readonly createBusy?: number;
}

/** From nothing to all healthy, beside the same objects with Deployments and without Sluice. */
export interface CreateResult {
  readonly seconds: number;
  /** Until the last object was accepted by the API server: the part that is not Sluice's. */
  readonly appliedSeconds: number;
  readonly control: ControlResult | undefined;
  /** Per Rollout and kind of request, such as `patch rollouts/status`. */
  readonly writes: Readonly<Record<string, number>>;
  readonly writesPerRollout: number;
  readonly eventsPerRollout: number;
  /** How busy all cores were, by whatever, 0 to 1. Absent in results of versions that did not look. */
  readonly busy?: number;
  readonly rssBeforeMb: number;
}

/** The operator started where the fleet exists already. Milliseconds from the start of the process. */
export interface ColdResult {
  readonly syncedMs: number;
  readonly leadingMs: number;
  readonly rssMb: number;
  /** Writes that were asked for, refused ones among them. */
  readonly writes: number;
}

/** The operator with nothing to do. */
export interface RestResult {
  readonly seconds: number;
  /** Median of all seconds. */
  readonly rssMb: number;
  readonly cpuPercent: number;
  /** Writes that were asked for, refused ones among them. */
  readonly writes: number;
  readonly reads: number;
  /** ReplicaSets, ControllerRevisions and AnalysisRuns per Rollout. Absent in results of versions that did not count. */
  readonly keptPerRollout?: number;
}

/** What is written to learn what a write costs, in the order of the table. */
export const COSTED = ['status of a Rollout', 'HTTPRoute', 'Service', 'ConfigMap of 3 KB', 'event'] as const;

/** CPU of kube-apiserver for one write, milliseconds. */
export type CostsResult = Readonly<Record<(typeof COSTED)[number], number>>;

/** One change at a time. Milliseconds. */
export interface SingleResult {
  /** From the API server's receiving the change to its receiving the operator's first write about it. */
  readonly asked: Spread | undefined;
  /** From the API server's receiving the change to its answering it: its own part. Absent in results of versions that did not look. */
  readonly accepted?: Spread | undefined;
  /** From the answer to the change on: what the operator and the watch take. */
  readonly answered: Spread | undefined;
  readonly missed: number;
}

/** Canaries of five steps, all begun at once. */
export interface CanaryResult {
  readonly canaries: number;
  readonly promoted: number;
  readonly seconds: number;
  readonly pauseSeconds: number;
  /** Until the last change was accepted. */
  readonly appliedSeconds: number;
  /** Per canary and kind of request, such as `patch rollouts/status`. */
  readonly writes: Readonly<Record<string, number>>;
  readonly writesPerCanary: number;
  /** Without events and without one write per measurement, of each canary. */
  readonly otherWrites: Counts;
  /** Writes that the API server refused, all together. */
  readonly refusedWrites: number;
  readonly events: Counts;
  readonly arrivals: Arrivals;
  readonly wastedWrites: number;
  /** Changes of the same objects that no request in the log explains; 0 unless somebody writes unseen. */
  readonly unexplainedChanges: number;
  readonly peakRssMb: number;
}

/** What was counted for each of several canaries. */
export interface Counts {
  readonly mean: number;
  readonly max: number;
}

/** Events that the operator's log says were told, and how many of those did not arrive, Rollout by Rollout. */
export interface Arrivals {
  readonly told: number;
  readonly lost: number;
  /** Writes of events beyond those that were told of a Rollout: each could hide a lost one. */
  readonly surplus: number;
}

/** How fast bad canaries lost their traffic. Milliseconds. */
export interface AbortResult {
  readonly aborted: number;
  /** Failing sample stored → route at 0 %. */
  readonly stored: Spread | undefined;
  /** Bad answer of the metric served → route at 0 %. */
  readonly served: Spread | undefined;
  /** Metric turned bad → route at 0 %. */
  readonly turned: Spread | undefined;
  readonly missed: number;
}

/** Found by the phase `abort`. */
export interface AbortResults {
  /** One bad canary at a time. */
  readonly single: AbortResult;
  readonly tenth: AbortResult;
  /** Of those one at a time. Absent in results of versions that did not look. */
  readonly quietSingle?: QuietResult;
  /** Of those at once. */
  readonly quiet?: QuietResult;
}

/** The delay in which an aborted canary keeps its pods. */
export interface QuietResult {
  /** The shortest stretch that was looked at, of any Rollout; 0 when the aborts left hardly any. */
  readonly seconds: number;
  /** Writes about Rollouts in their stretches that were asked for, events among them. */
  readonly writes: number;
}

/** Found by the phase `mass`. */
export interface MassResults {
  readonly inFlight: AbortResult;
  /** All that were left of those in flight. */
  readonly rest: AbortResult;
  readonly arrivals: Arrivals;
}

export interface RestartResult {
  readonly canaries: number;
  readonly promoted: number;
  /** From SIGKILL to leading again; the dead leader's lease has to run out. */
  readonly toLeadingSeconds: number;
}

export interface SoakResult {
  readonly hours: number;
  readonly changed: number;
  readonly promoted: number;
  /** As many as were given a bad version. */
  readonly aborted: number;
  readonly slopeMbPerHour: number;
  /** The standard error of that slope. */
  readonly slopeError: number;
  /** Of good canaries whose history was full: without events and without one write per measurement. */
  readonly otherWrites: Counts | undefined;
  /** How many those were. Absent in results of versions that took those of one wave. */
  readonly otherCanaries?: number;
  /** The lowest memory of each stretch of some minutes, by hours from the beginning. */
  readonly lows: readonly (readonly [hour: number, rssMb: number])[];
  /** From then on the slope is taken: before, history was not full yet. */
  readonly warmHours: number;
}

/** Writes of the operator that changed nothing, in one phase. */
export interface WastedResult {
  readonly count: number;
  /** Changes of the same objects that no request in the log explains; 0 unless somebody writes unseen. */
  readonly unexplained: number;
}

/** When a phase was measured, which version, and where. */
export interface Measured {
  readonly on: string;
  readonly version: string;
  readonly machine: string;
}

/** One second of a run. */
export interface TimelinePoint {
  /** Seconds from the start of the fleet. */
  readonly t: number;
  readonly rssMb: number | undefined;
  readonly inFlight: number;
}

export interface PhaseMark {
  readonly name: string;
  readonly fromS: number;
  readonly toS: number;
  /** CPU seconds of each program in this phase. */
  readonly cpu: Readonly<Record<string, number>>;
}

/** All that one size gave; what was not run or failed is absent. */
export interface SizeResult {
  readonly size: number;
  /** Of each phase that was measured. */
  readonly measured: Partial<Record<PhaseName, Measured>>;
  /** That of the curves and of the CPU. */
  readonly machine: string;
  create?: CreateResult;
  cold?: ColdResult;
  /** After the fleet was created. */
  idle?: RestResult;
  costs?: CostsResult;
  single?: SingleResult;
  tenth?: CanaryResult;
  restart?: RestartResult;
  all?: CanaryResult;
  abort?: AbortResults;
  mass?: MassResults;
  /** After all that was done before. */
  rested?: RestResult;
  soak?: SoakResult;
  /** Of phases that end at rest. Absent in results of versions that did not look. */
  wasted?: Partial<Record<PhaseName, WastedResult>>;
  /** How often the operator ended by itself, such as for a lease that it could not renew in time. */
  operatorEnds: number;
  readonly failures: Partial<Record<PhaseName, string>>;
  readonly marks: PhaseMark[];
  readonly timeline: TimelinePoint[];
  /** The operator's writes per second, without events, and events. */
  writesPerSecond: readonly number[];
  eventsPerSecond: readonly number[];
}
