import type { Spread } from './measure/statistics.ts';

/** The name under which CPU is counted that none of the programs of the bench used. */
export const OTHERS = 'others';

/** What the bench can do, in the order in which it does it. */
export const PHASES = ['create', 'idle', 'cold', 'single', 'tenth', 'restart', 'all', 'abort', 'mass', 'soak'] as const;
export type PhaseName = (typeof PHASES)[number];

/** Deployments without Sluice, on a control plane of their own. Seconds. */
export interface ControlResult {
  /** From nothing to all available. */
  readonly createSeconds: number;
  /** Every tenth changed at once, to all available with the new version. */
  readonly tenthSeconds: number;
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
  readonly rssBeforeMb: number;
}

/** The operator started where the fleet exists already. Milliseconds from the start of the process. */
export interface ColdResult {
  readonly syncedMs: number;
  readonly leadingMs: number;
  readonly rssMb: number;
  readonly writes: number;
  readonly lists: number;
}

export interface IdleResult {
  readonly seconds: number;
  readonly rssMb: number;
  readonly cpuPercent: number;
  readonly writes: number;
  readonly reads: number;
  readonly leaseWritesPerSecond: number;
}

/** One change at a time. Milliseconds. */
export interface SingleResult {
  /** From the API server's receiving the change to its receiving the operator's first write about it. */
  readonly asked: Spread | undefined;
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
  /** Each canary's own time from its change to its end. Seconds. */
  readonly each: Spread | undefined;
  /** Until the last change was accepted. */
  readonly appliedSeconds: number;
  /** Per canary and kind of request, such as `patch rollouts/status`. */
  readonly writes: Readonly<Record<string, number>>;
  readonly writesPerCanary: number;
  readonly measurementsPerCanary: number;
  /** Without events and without one write per measurement. */
  readonly otherWritesPerCanary: number;
  readonly eventsPerCanary: number;
  /** What the operator's log says happened, and so much of it arrived as an event. */
  readonly eventsTold: number;
  readonly eventsArrived: number;
  readonly wastedWrites: number;
  readonly wastedExamples: readonly string[];
  /** Changes of the same objects that no request in the log explains; 0 unless somebody writes unseen. */
  readonly unexplainedChanges: number;
  readonly peakRssMb: number;
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

/** Found by the phases `abort` and `mass`. */
export interface AbortResults {
  readonly intervalMs: number;
  readonly single?: AbortResult;
  readonly tenth?: AbortResult;
  readonly inFlight?: AbortResult;
  readonly mass?: AbortResult;
  readonly quietSeconds?: number;
  /** Writes about the aborted Rollouts in those seconds of the delay, events among them. */
  readonly quietWrites?: number;
}

export interface RestartResult {
  readonly canaries: number;
  readonly promoted: number;
  /** From SIGKILL to leading again; the dead leader's lease has to run out. */
  readonly toLeadingSeconds: number;
  readonly syncedMs: number;
  readonly seconds: number;
}

export interface SoakResult {
  readonly hours: number;
  readonly canaries: number;
  readonly aborts: number;
  readonly slopeMbPerHour: number;
  readonly firstMb: number;
  readonly lastMb: number;
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
  readonly startedAt: string;
  readonly machine: string;
  create?: CreateResult;
  cold?: ColdResult;
  idle?: IdleResult;
  single?: SingleResult;
  tenth?: CanaryResult;
  restart?: RestartResult;
  all?: CanaryResult;
  abort?: AbortResults;
  soak?: SoakResult;
  /** Memory when all was over and garbage was collected, MB. */
  restedMb?: number;
  /** How often the operator ended by itself, such as for a lease that it could not renew in time. */
  operatorEnds: number;
  readonly failures: Partial<Record<PhaseName | 'setup', string>>;
  readonly marks: PhaseMark[];
  readonly timeline: TimelinePoint[];
  /** The operator's writes per second, without events, and events. */
  writesPerSecond: readonly number[];
  eventsPerSecond: readonly number[];
}
