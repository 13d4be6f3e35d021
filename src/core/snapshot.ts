import type { ApiObject, ObjectRef } from '../api/object-meta.ts';
import type { Source } from '../api/rollout-status.ts';

/**
 * Everything one decision may know: raw stored objects, frozen, JSON-serialisable. A recorded snapshot can be replayed.
 * Absence is named (`null`), never implied.
 */
export interface Snapshot {
  readonly rollout: ApiObject;
  /** ReplicaSets whose controller is this Rollout, by uid. */
  readonly replicaSets: readonly ApiObject[];
  /** ControllerRevisions owned by this Rollout; only metadata is read. */
  readonly revisions: readonly ApiObject[];
  /** Services that the strategy names. */
  readonly services: Readonly<Record<string, ApiObject | null>>;
  /** EndpointSlices of those Services. */
  readonly endpointSlices: Readonly<Record<string, readonly ApiObject[]>>;
  /** Route objects that the router asked for, keyed by routeKey(). */
  readonly routes: Readonly<Record<string, ApiObject | null>>;
  /** AnalysisRuns owned by this Rollout. */
  readonly analysisRuns: readonly ApiObject[];
  /** Templates that the strategy names, keyed by templateKey(). */
  readonly templates: Readonly<Record<string, ApiObject | null>>;
  /** Notifiers that this Rollout's alerts may go to. */
  readonly notifiers: readonly ApiObject[];
  /** Where the current spec was declared. */
  readonly source?: Source;
  /** Pods of the revision on trial, looked at live because some were not ready. */
  readonly inspection?: PodInspection;
  /** What the API server said to actions of earlier passes. */
  readonly problems: readonly ActionProblem[];
  /** Alerts that reached their receiver: `<notice id>|<notifier namespace>/<name>`. */
  readonly delivered: readonly string[];
  /** Foreign writes to our route weights within the last minute. */
  readonly routeConflicts: number;
  /** Weight that this process gave the canary last; absent after a restart. */
  readonly lastWeight?: number;
  /** How often a Service was pointed at a revision within the last minute, by `<service> <hash>`. */
  readonly selectorWrites: Readonly<Record<string, number>>;
  /** Rollouts that came before this one and steer the same Services or route. */
  readonly rivals: readonly Rival[];
}

/** Another Rollout, and what of ours it steers too. */
export interface Rival {
  readonly name: string;
  /** Names of Services. */
  readonly services: readonly string[];
  /** Names of routes. */
  readonly routes: readonly string[];
}

export interface PodInspection {
  readonly podTemplateHash: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly pods: readonly InspectedPod[];
}

export interface InspectedPod {
  readonly name: string;
  readonly ready: boolean;
  /** Most restarts of any of its containers since this attempt began: a pod that is kept from an earlier life of its revision brings some along. */
  readonly restarts: number;
  /** Reason why a container waits, such as CrashLoopBackOff or ImagePullBackOff. */
  readonly waiting?: string;
}

/** An action that cannot succeed by repeating it. */
export interface ActionProblem {
  readonly kind: 'NameTaken' | 'TemplateRejected' | 'RevisionLost' | 'WriteRefused';
  readonly name: string;
  readonly message: string;
}

export function routeKey(ref: ObjectRef): string {
  return `${ref.apiVersion}/${ref.kind}/${ref.name}`;
}

export function templateKey(name: string, clusterScope: boolean | undefined): string {
  return clusterScope ? `cluster/${name}` : name;
}
