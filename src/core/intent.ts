import type { RunKind } from '../api/analysis-run.ts';
import type { AnalysisUse } from '../api/analysis-template.ts';
import type { RolloutPhase } from '../api/reasons.ts';
import type { Because } from './decision.ts';

/** Where a phase wants the world to be. What may be done about it now, and in which order, is for order.ts to say. */
export interface Intent {
  readonly phase: RolloutPhase;
  readonly because: Because;
  /** Pods wanted, by ReplicaSet name. Sets that are not named stay as they are. */
  readonly scale: ReadonlyMap<string, number>;
  /** Pods that the ReplicaSet of the declared template begins with, when it is not there yet. */
  readonly firstPods: number;
  /** Revision that a Service shall select, by Service name. */
  readonly select: ReadonlyMap<string, string>;
  /** Weight wanted for the canary; undefined: leave the route alone. */
  readonly canaryWeight: number | undefined;
  /** Pods that must be ready behind the canary Service before its weight may rise. */
  readonly capacityForWeight: number;
  /** The strategy sized the canary itself, so its pods may be fewer than its weight suggests. */
  readonly explicitScale: boolean;
  /** ReplicaSets that shall be scaled down no earlier than this, epoch milliseconds. */
  readonly scaleDownAt: ReadonlyMap<string, number>;
  /** Runs that shall exist and be measured. */
  readonly runs: readonly WantedRun[];
  /** Name of the background run that begins with the first users; the status names it before it is created. */
  readonly runAhead: string | undefined;
  /** Names of runs that shall end because nobody waits for them any more. */
  readonly endRuns: readonly string[];
  readonly wakeAt: number | undefined;
}

export interface WantedRun {
  readonly name: string;
  readonly kind: RunKind;
  readonly use: AnalysisUse;
}

export const NOTHING: Omit<Intent, 'phase' | 'because'> = {
  scale: new Map(),
  firstPods: 0,
  select: new Map(),
  canaryWeight: undefined,
  capacityForWeight: 0,
  explicitScale: false,
  scaleDownAt: new Map(),
  runs: [],
  runAhead: undefined,
  endRuns: [],
  wakeAt: undefined,
};
