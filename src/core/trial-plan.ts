import type { GateReading } from './gate.ts';
import type { Intent } from './intent.ts';

/** What a strategy says about the revision on trial. */
export interface TrialPlan {
  readonly intent: Intent;
  /** Verdicts of the analyses that concern it now. */
  readonly gates: readonly GateReading[];
  /** Everything is done: the revision may become stable. */
  readonly complete: boolean;
  /** It waits for pods or traffic, so the progress deadline runs. */
  readonly waitsForPods: boolean;
  /** Something that it needs is not there, and a person must see to it; the progress deadline runs as well. */
  readonly blocked: boolean;
}
