import * as z from 'zod';
import { analysisArgSchema, dryRunSchema, metricSchema } from './analysis-template.ts';
import { timeSchema } from './schema-rules.ts';

export const RUN_PHASES = ['Pending', 'Running', 'Successful', 'Failed', 'Error', 'Inconclusive'] as const;
export type RunPhase = (typeof RUN_PHASES)[number];

/** Outcome of one measurement. NoData is neither a failed check nor a pass. */
export const MEASUREMENT_PHASES = ['Successful', 'Failed', 'Inconclusive', 'Error', 'NoData'] as const;
export type MeasurementPhase = (typeof MEASUREMENT_PHASES)[number];

/** Whether a run or a measurement ended badly: what it measured must not get users. */
export function isBadPhase(phase: string): boolean {
  return phase === 'Failed' || phase === 'Error';
}

/** Kinds of analysis of a Rollout; value of the `sluice.dev/analysis-kind` label. */
export const RUN_KINDS = ['step', 'background', 'prePromotion', 'postPromotion'] as const;
export type RunKind = (typeof RUN_KINDS)[number];

/** Measurements kept per metric, newest last. */
export const KEPT_MEASUREMENTS = 10;

/** How much a run takes, of all its templates together. */
export const RUN_LIMITS = { metrics: 60, args: 100, dryRun: 60 } as const;

export const analysisRunSpecSchema = z.object({
  metrics: z.array(metricSchema).min(1).max(RUN_LIMITS.metrics),
  args: z.array(analysisArgSchema).max(RUN_LIMITS.args).optional(),
  dryRun: z.array(dryRunSchema).max(RUN_LIMITS.dryRun).optional(),
  terminate: z.boolean().optional(),
});

export const measurementSchema = z.object({
  phase: z.enum(MEASUREMENT_PHASES),
  value: z.string().max(256).optional(),
  threshold: z.string().max(1100).optional(),
  query: z.string().max(16_384).optional(),
  startedAt: timeSchema,
  finishedAt: timeSchema,
  message: z.string().max(1024).optional(),
});

const count = z.int().min(0);

export const metricResultSchema = z.object({
  name: z.string(),
  phase: z.enum(RUN_PHASES),
  dryRun: z.boolean().optional(),
  message: z.string().max(1024).optional(),
  count,
  successful: count,
  failed: count,
  inconclusive: count,
  error: count,
  noData: count,
  consecutiveError: count,
  consecutiveSuccess: count,
  consecutiveFailure: count,
  /** When the current unbroken stretch without data began. */
  noDataSince: timeSchema.optional(),
  noDataReason: z.string().max(64).optional(),
  measurements: z.array(measurementSchema).max(KEPT_MEASUREMENTS).optional(),
});

export const analysisRunStatusSchema = z.object({
  phase: z.enum(RUN_PHASES),
  message: z.string().max(2048).optional(),
  startedAt: timeSchema.optional(),
  completedAt: timeSchema.optional(),
  metricResults: z.array(metricResultSchema).max(RUN_LIMITS.metrics).optional(),
  /** The metric that decided, or that is nearest to deciding; for the columns of `kubectl get`. */
  worst: z
    .object({
      metric: z.string(),
      value: z.string().max(256).optional(),
      threshold: z.string().max(1100).optional(),
      failed: z.string().max(32).optional(),
    })
    .optional(),
});

export type AnalysisRunSpec = z.infer<typeof analysisRunSpecSchema>;
export type AnalysisRunStatus = z.infer<typeof analysisRunStatusSchema>;
export type MetricResult = z.infer<typeof metricResultSchema>;
export type Measurement = z.infer<typeof measurementSchema>;
