import type { AnalysisRunSpec, RunKind } from '../api/analysis-run.ts';
import type { NoticeEvent } from '../api/notifier.ts';
import type { ApiObject, ObjectRef } from '../api/object-meta.ts';
import type { EventReason, RolloutReason } from '../api/reasons.ts';
import type { RolloutStatus } from '../api/rollout-status.ts';
import type { Patch } from '../traffic/traffic-router.ts';

/** An object as one action saw it: what a write is conditional on. */
export interface Target {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** One change of the world. Every action may be repeated; a conflict drops the plan and observes again. */
export type Action =
  | { readonly type: 'CreateRevision'; readonly object: ApiObject }
  | { readonly type: 'CreateReplicaSet'; readonly object: ApiObject }
  /** Rebuild a lost ReplicaSet from its ControllerRevision. */
  | {
      readonly type: 'RestoreReplicaSet';
      readonly name: string;
      readonly revisionName: string;
      readonly replicas: number;
    }
  | {
      readonly type: 'ScaleReplicaSet';
      readonly target: Target;
      readonly from: number;
      readonly to: number;
      /** Somebody else had changed it. */
      readonly mend: boolean;
    }
  /** Write the pod template of a ReplicaSet anew, from its ControllerRevision. */
  | {
      readonly type: 'RestoreTemplate';
      readonly target: Target;
      readonly revisionName: string;
      /** Who wrote it, as field manager. */
      readonly by: string;
      /** Now, RFC 3339. */
      readonly at: string;
    }
  | {
      readonly type: 'AnnotateReplicaSet';
      readonly target: Target;
      readonly annotations: Readonly<Record<string, string>>;
    }
  /** What a revision that has its ReplicaSet already declares anew. */
  | { readonly type: 'SetMinReadySeconds'; readonly target: Target; readonly seconds: number }
  | { readonly type: 'CreateService'; readonly object: ApiObject }
  /** Set our one key of a Service's selector; null takes it away. `mend`: keys that somebody else led astray. */
  | {
      readonly type: 'SelectRevision';
      readonly service: string;
      readonly podTemplateHash: string | null;
      readonly mend?: Readonly<Record<string, string>>;
    }
  | { readonly type: 'CreateRoute'; readonly ref: ObjectRef; readonly object: ApiObject }
  | {
      readonly type: 'PatchRoute';
      readonly ref: ObjectRef;
      readonly patch: Patch;
      readonly canaryWeight: number;
      /** Traffic leaves the canary: safe whatever else of a plan failed. */
      readonly lowers: boolean;
      /** Somebody else had changed our weights. */
      readonly reassert: boolean;
    }
  | {
      readonly type: 'CreateAnalysisRun';
      readonly object: ApiObject;
      readonly kind: RunKind;
      readonly spec: AnalysisRunSpec;
    }
  | { readonly type: 'TerminateAnalysisRun'; readonly target: Target; readonly message: string }
  | { readonly type: 'TakeSample'; readonly run: Target; readonly metric: string }
  /** `since`: when the attempt began, epoch milliseconds; restarts from before are not its fault. */
  | { readonly type: 'InspectPods'; readonly podTemplateHash: string; readonly since: number }
  | {
      readonly type: 'Delete';
      readonly kind: 'ReplicaSet' | 'ControllerRevision' | 'AnalysisRun';
      readonly target: Target;
    };

/** Something that happened and is worth telling. One transition gives one fact. */
export interface Fact {
  readonly reason: EventReason;
  readonly warning: boolean;
  readonly note: string;
  readonly related?: ObjectRef;
  /** Alert that goes with it. */
  readonly notice?: NoticeEvent;
  /** It tells this action, not a new state: true as soon as that is done, stored or not. */
  readonly ofAction?: Action;
}

/** Why the Rollout is where it is; words the condition, the event, the alert and `explain` alike. */
export interface Because {
  readonly reason: RolloutReason;
  /** One sentence with value and threshold, without timestamps. */
  readonly message: string;
}

export interface Decision {
  readonly actions: readonly Action[];
  /** The complete new status, or undefined when it stays untouched (object being deleted). */
  readonly status: RolloutStatus | undefined;
  /** How long the new status may wait to be stored, with what follows, since no later decision rests on it; milliseconds. */
  readonly statusWaitMs: number;
  readonly facts: readonly Fact[];
  /** Epoch milliseconds at which time alone may change the decision. */
  readonly wakeAt: number | undefined;
  readonly because: Because;
}
