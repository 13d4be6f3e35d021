/** Event reasons: a closed list. One event per transition. */
export const EVENT_REASONS = [
  'RevisionDetected',
  'ReplicaSetScaled',
  'WeightChanged',
  'StepCompleted',
  'GatePassed',
  'GateFailed',
  'NoData',
  'Paused',
  'Resumed',
  'Promoted',
  'Aborted',
  'Reverted',
  'RetryRequested',
  'Quarantined',
  'RouteConflict',
  'RouteNotAccepted',
  'SpecInvalid',
  'CommandIgnored',
  'StableLost',
  'ProgressDeadlineExceeded',
  'AutomationConflict',
  'NotifyFailed',
  'GitRevertOpened',
  'GitStatusFailed',
] as const;
export type EventReason = (typeof EVENT_REASONS)[number];

/** Why a Rollout is where it is: reason of its conditions and of the REASON column. A closed list. */
export const ROLLOUT_REASONS = [
  'Healthy',
  'FirstDeploy',
  'ScalingCanary',
  'ScalingStable',
  'WaitingForPods',
  'WaitingForEndpoints',
  'ShiftingTraffic',
  'RouteNotAccepted',
  'RouteMissing',
  'RouteMalformed',
  'RouteConflict',
  'ServiceMissing',
  'ServiceConflict',
  'GateRunning',
  'NoData',
  'ProviderError',
  'TemplateMissing',
  'TemplateInvalid',
  'NoReplicas',
  'PauseStep',
  'PausedBySpec',
  'PausedByCommand',
  'InconclusiveAnalysis',
  'AwaitingPromotion',
  'AutoPromotionDelay',
  'Promoting',
  'PostPromotionAnalysis',
  'ReturningToStable',
  'AnalysisFailed',
  'AnalysisError',
  'NoDataDeadline',
  'ProgressDeadlineExceeded',
  'AbortedByCommand',
  'CanaryCrashLooping',
  'Quarantined',
  'StableLost',
  'NoStableToReturnTo',
  'InvalidSpec',
  'ReplicaSetCollision',
  'ReplicaSetRejected',
  'WriteRefused',
] as const;
export type RolloutReason = (typeof ROLLOUT_REASONS)[number];

/** What ended a trial. Label values of `sluice_aborts_total{cause}`. */
export const ABORT_CAUSES = [
  'AnalysisFailed',
  'AnalysisError',
  'NoDataDeadline',
  'ProgressDeadlineExceeded',
  'CanaryCrashLooping',
  'AbortedByCommand',
] as const;
export type AbortCause = (typeof ABORT_CAUSES)[number];

export const ROLLOUT_PHASES = ['Progressing', 'Paused', 'Healthy', 'Aborted', 'Degraded', 'Invalid'] as const;
export type RolloutPhase = (typeof ROLLOUT_PHASES)[number];
