import * as z from 'zod';
import { COMMAND_VERBS } from './commands.ts';
import { conditionsSchema } from './conditions.ts';
import { LASTING_EVENTS, NOTICE_EVENTS } from './notifier.ts';
import { ABORT_CAUSES, ROLLOUT_PHASES, ROLLOUT_REASONS } from './reasons.ts';
import { timeSchema } from './schema-rules.ts';

export const SOURCE_PROVIDERS = ['Flux', 'ArgoCD', 'GitSync', 'Annotation', 'None'] as const;

/** Where a revision was declared. */
export const sourceSchema = z.object({
  provider: z.enum(SOURCE_PROVIDERS),
  repository: z.string().max(2048).optional(),
  ref: z.string().max(512).optional(),
  revision: z.string().max(512).optional(),
  path: z.string().max(2048).optional(),
  object: z.string().max(512).optional(),
});

const revision = z.int().min(1);
const hash = z.string().max(64);

export const revisionRefSchema = z.object({
  revision,
  podTemplateHash: hash,
  images: z.array(z.string().max(1024)).max(50).optional(),
  source: sourceSchema.optional(),
  replicaSet: z.string().max(253).optional(),
  verifiedAt: timeSchema.optional(),
});

export const evidenceSchema = z.object({
  analysisRun: z.string().optional(),
  metric: z.string().optional(),
  measured: z.string().max(256).optional(),
  threshold: z.string().max(1100).optional(),
  query: z.string().max(16_384).optional(),
  failures: z.int().optional(),
  limit: z.int().optional(),
});

export const OUTCOMES = [
  'Promoted',
  'FastPromoted',
  'Aborted',
  'Superseded',
  'ReturnedToStable',
  'FirstDeploy',
] as const;

export const deliverySchema = z.object({
  revision,
  podTemplateHash: hash,
  source: sourceSchema.optional(),
  images: z.array(z.string().max(1024)).max(50).optional(),
  outcome: z.enum(OUTCOMES),
  reason: z.string().max(64).optional(),
  message: z.string().max(1024).optional(),
  weightReached: z.int().optional(),
  verdicts: z.array(z.string().max(512)).max(20).optional(),
  promotedBy: z.string().max(128).optional(),
  startedAt: timeSchema.optional(),
  endedAt: timeSchema,
});

/** An alert that is owed: kept here until every subscriber has it. */
export const noticeSchema = z.object({
  id: z.string().max(128),
  event: z.enum(NOTICE_EVENTS),
  at: timeSchema,
  /** The text of the alert as pure data; see core/notice.ts. */
  content: z.record(z.string(), z.unknown()).meta({ 'x-kubernetes-preserve-unknown-fields': true }),
  pending: z.array(z.string().max(512)).max(100).meta({ description: 'Notifiers still owed: namespace/name.' }),
});

/** An alert that lasts: what Alertmanagers are sent again, as it was first sent, until it ends. */
export const standingAlertSchema = noticeSchema.omit({ pending: true }).extend({
  event: z.enum(LASTING_EVENTS),
  to: z.array(z.string().max(512)).max(100).meta({ description: 'Notifiers that send it: namespace/name.' }),
});

export const rolloutStatusSchema = z.object({
  observedGeneration: z.int().optional(),
  phase: z.enum(ROLLOUT_PHASES),
  message: z.string().max(4096).optional(),
  desired: revisionRefSchema.optional(),
  stable: revisionRefSchema.optional(),
  canary: revisionRefSchema.optional(),
  step: z
    .object({
      index: z.int().min(0),
      total: z.int().min(0),
      description: z.string().max(256),
      startedAt: timeSchema,
      stepsHash: hash,
    })
    .optional(),
  weights: z
    .object({
      canary: z.int(),
      stable: z.int(),
      actualCanary: z.int(),
      replicas: z.int().optional().meta({ description: 'Of stable, when it last could carry everybody.' }),
    })
    .optional(),
  pause: z.object({ reason: z.enum(ROLLOUT_REASONS), startedAt: timeSchema, until: timeSchema.optional() }).optional(),
  /** Set by the pause command, cleared by resume. */
  pausedByCommand: z.boolean().optional(),
  /** promote-full was asked for the revision on trial. */
  promoteFull: z.object({ podTemplateHash: hash, by: z.string().max(128).optional() }).optional(),
  /** Blue-green: the active Service has moved; post-promotion analysis may still move it back. */
  switchedAt: timeSchema.optional(),
  abort: z
    .object({
      cause: z.enum(ABORT_CAUSES),
      reason: z.enum(ROLLOUT_REASONS),
      message: z.string().max(2048),
      at: timeSchema,
      revision,
      podTemplateHash: hash,
      step: z.string().max(256).optional(),
      weight: z.int().optional(),
      source: sourceSchema.optional(),
      evidence: evidenceSchema.optional(),
    })
    .optional(),
  analysis: z
    .object({
      background: z.string().optional(),
      step: z.string().optional(),
      prePromotion: z.string().optional(),
      postPromotion: z.string().optional(),
    })
    .optional(),
  /** Attempt of the revision on trial: 1, then one more for each retry. */
  attempt: z.int().min(1).optional(),
  trialStartedAt: timeSchema.optional(),
  quarantine: z
    .array(
      z.object({
        podTemplateHash: hash,
        revision,
        reason: z.string().max(64),
        at: timeSchema,
        source: sourceSchema.optional(),
      }),
    )
    .max(20)
    .optional(),
  history: z.array(deliverySchema).max(10).optional(),
  lastCommand: z
    .object({
      id: z.string().max(128),
      verb: z.enum(COMMAND_VERBS),
      by: z.string().max(128).optional(),
      at: timeSchema,
      outcome: z.string().max(512),
    })
    .optional(),
  /** Services and route that carry our key and our weights, also when spec names them no more. */
  steered: z
    .object({
      services: z.array(z.string().max(253)).max(20),
      route: z
        .object({
          name: z.string().max(253),
          stable: z.string().max(253),
          canary: z.string().max(253),
          max: z.int().optional().meta({ description: 'maxTrafficWeight, if declared.' }),
        })
        .optional(),
    })
    .optional(),
  /** Why the command annotation cannot be read as a command. */
  commandIssue: z.string().max(512).optional(),
  /** The progress deadline's clock: when most pods of the revision were first available, and since when nothing is waited for. */
  progress: z
    .object({
      at: timeSchema,
      podTemplateHash: hash,
      available: z.int(),
      calmSince: timeSchema.optional(),
      blocked: z.boolean().optional().meta({ description: 'Something that the trial needs is not there.' }),
    })
    .optional(),
  scaleDowns: z
    .array(z.object({ replicaSet: z.string().max(253), at: timeSchema }))
    .max(100)
    .optional()
    .meta({ description: 'ReplicaSets that carry nobody any more, and from when on they may be scaled to 0.' }),
  /** When it was first aborted, degraded, invalid or without its stable revision, since it was last healthy. */
  troubledSince: timeSchema.optional(),
  notices: z.array(noticeSchema).max(20).optional(),
  alerts: z
    .array(standingAlertSchema)
    .max(LASTING_EVENTS.length)
    .optional()
    .meta({ description: 'Sent again to Alertmanagers until they end; one of each event.' }),
  collisionCount: z.int().min(0).optional(),
  replicas: z.int().optional(),
  updatedReplicas: z.int().optional(),
  readyReplicas: z.int().optional(),
  availableReplicas: z.int().optional(),
  selector: z.string().max(4096).optional(),
  display: z
    .object({
      step: z.string().optional(),
      weight: z.string().optional(),
      stable: z.string().optional(),
      canary: z.string().optional(),
      reason: z.string().optional(),
      gate: z.string().max(512).optional(),
      next: z.string().max(512).optional(),
      ready: z.string().optional(),
      git: z.string().max(512).optional(),
    })
    .optional(),
  conditions: conditionsSchema.optional(),
});

export type RolloutStatus = z.infer<typeof rolloutStatusSchema>;
export type RevisionRef = z.infer<typeof revisionRefSchema>;
export type Source = z.infer<typeof sourceSchema>;
export type Evidence = z.infer<typeof evidenceSchema>;
export type Delivery = z.infer<typeof deliverySchema>;
export type StoredNotice = z.infer<typeof noticeSchema>;
export type StandingAlert = z.infer<typeof standingAlertSchema>;
export type DeliveryOutcome = (typeof OUTCOMES)[number];
