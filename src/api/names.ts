/** Names that appear in stored objects. They are the contract: changing one is a breaking change. */

export const GROUP = 'sluice.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

/** Field manager of every write the operator makes, so that audits and server-side apply can tell it apart. */
export const FIELD_MANAGER = 'sluice';

/** On ReplicaSets and their pods, and added to Service selectors: which revision a pod belongs to. */
export const HASH_LABEL = 'sluice.dev/pod-template-hash';
/** On ReplicaSets and ControllerRevisions: name of the Rollout that owns them. */
export const ROLLOUT_LABEL = 'sluice.dev/rollout';
/** On ReplicaSets and ControllerRevisions: ordinal of the revision, a decimal integer. */
export const REVISION_ANNOTATION = 'sluice.dev/revision';
/** On ReplicaSets: how many pods the operator asked for last, a decimal integer. Another size is somebody else's doing. */
export const REPLICAS_ANNOTATION = 'sluice.dev/replicas';
/** On ReplicaSets: RFC 3339 time at which the pod template was last set back, after somebody else had written it. */
/** On a ReplicaSet: the minReadySeconds that were written into it after it was made. */
export const MIN_READY_SECONDS_ANNOTATION = 'sluice.dev/min-ready-seconds';
export const TEMPLATE_RESTORED_AT_ANNOTATION = 'sluice.dev/template-restored-at';
/** On Rollouts: `<verb> <id>`; see commands.ts. */
export const COMMAND_ANNOTATION = 'sluice.dev/command';
/** On Rollouts: who sent the command (free text, optional). */
export const COMMAND_BY_ANNOTATION = 'sluice.dev/command-by';
/** On Rollouts: where the declaration came from when no GitOps tool says so. */
export const GIT_REPOSITORY_ANNOTATION = 'sluice.dev/git-repository';
export const GIT_REVISION_ANNOTATION = 'sluice.dev/git-revision';
export const GIT_PATH_ANNOTATION = 'sluice.dev/git-path';
/** Label of objects that the built-in synchronizer applied: name of the GitSync, which is in the same namespace. */
export const GIT_SYNC_LABEL = 'sluice.dev/git-sync';
/** On AnalysisRuns: which kind of analysis they are: step, background, prePromotion, postPromotion. */
export const RUN_KIND_LABEL = 'sluice.dev/analysis-kind';
