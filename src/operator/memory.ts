import type { ActionProblem, PodInspection } from '../core/snapshot.ts';
import { NOTHING_OWED, type Owed } from './owed-report.ts';

/** What a cache may show as it was before the last writes of the operator before this one. */
export type Doubt = 'traffic' | 'analysisRuns';

/** Restarts of pods that are older than the attempt which they are judged in, by name of the pod. */
export interface RestartsBefore {
  readonly podTemplateHash: string;
  /** When the attempt began, epoch milliseconds. */
  readonly since: number;
  readonly byPod: ReadonlyMap<string, number>;
}

/** What the operator knows of one Rollout besides stored objects. All of it may be lost at any time without harm. */
export interface RolloutMemory {
  /** Which Rollout of that name it is about. */
  uid: string | undefined;
  problems: ActionProblem[];
  /** Passes in a row in which something was refused that repeating cannot mend. */
  troubles: number;
  inspection: PodInspection | undefined;
  /** What pods of an earlier life had restarted when they were first looked at in an attempt. */
  restartsBefore: RestartsBefore | undefined;
  /** `<notice id>|<notifier>` that reached their receiver and are not yet struck off in status. */
  delivered: Set<string>;
  /** What was told last of deliveries that did not succeed, by Notifier; `at` in monotonic milliseconds. */
  undelivered: Map<string, { readonly why: string; readonly at: number }>;
  /** Epoch milliseconds of foreign writes to our weights, newest last. */
  conflicts: number[];
  /** Patches of the route that were refused in a row: at first the route has moved, later nobody may write it. */
  refusedPatches: number;
  /** Version of the Rollout in its first pass. */
  firstVersion: string | undefined;
  /** Version of the Rollout that is known to be the stored one: it was written or asked about by this process. */
  currentVersion: string | undefined;
  /** What was read or made once since the start, so that its cache shows nothing older. */
  certain: Set<Doubt>;
  /** How often reading what is in doubt did not succeed, in a row. */
  failedLooks: number;
  /** Weight that was given to the canary last. */
  lastWeight: number | undefined;
  /** Which Service was pointed at which revision, `<service> <hash>`, and when, epoch milliseconds; newest last. */
  selectorWrites: readonly { readonly what: string; readonly at: number }[];
  /** What nobody was told yet, since an answer was lost. */
  owed: Owed;
}

/** Volatile knowledge by `namespace/name`, dropped with the Rollout. */
export class Memory {
  readonly #entries = new Map<string, RolloutMemory>();

  of(key: string): RolloutMemory {
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = {
        uid: undefined,
        problems: [],
        troubles: 0,
        inspection: undefined,
        restartsBefore: undefined,
        delivered: new Set(),
        undelivered: new Map(),
        conflicts: [],
        refusedPatches: 0,
        firstVersion: undefined,
        currentVersion: undefined,
        certain: new Set(),
        failedLooks: 0,
        lastWeight: undefined,
        selectorWrites: [],
        owed: NOTHING_OWED,
      };
      this.#entries.set(key, entry);
    }
    return entry;
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }
}
