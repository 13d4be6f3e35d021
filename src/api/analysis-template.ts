import * as z from 'zod';
import { durationSchema } from './duration.ts';
import { exactlyOneOf, notYet, objectNameSchema, withRules } from './schema-rules.ts';

/** Largest expression accepted as a condition, in characters. */
export const MAX_CONDITION_LENGTH = 1024;

const condition = z.string().min(1).max(MAX_CONDITION_LENGTH);
const limit = z.int().min(0).max(1_000_000);

export const analysisArgSchema = withRules(
  z.object({
    name: z.string().min(1).max(63),
    value: z.string().max(4096).optional(),
    valueFrom: z
      .object({
        secretKeyRef: z.object({ name: objectNameSchema, key: z.string().min(1).max(253) }).optional(),
        fieldRef: notYet(
          'fieldRef',
          'give the value itself, or use a built-in argument such as namespace or rollout',
          'A field of the Rollout.',
        ),
      })
      .optional(),
  }),
  [
    {
      rule: '!(has(self.value) && has(self.valueFrom))',
      message: 'an argument has either value or valueFrom, not both',
      holds: arg => !(arg.value !== undefined && arg.valueFrom !== undefined),
    },
  ],
);

export const prometheusQuerySchema = withRules(
  z.object({
    query: z.string().min(1).max(16_384).meta({ description: 'PromQL; {{args.name}} is replaced by the argument.' }),
    providerRef: objectNameSchema.optional().meta({ description: 'Name of a MetricProvider; absent: "default".' }),
    timeout: durationSchema.optional(),
    rangeQuery: z
      .object({ lookback: durationSchema, step: durationSchema })
      .optional()
      .meta({ description: 'Ask for a range: `result` is the list of samples of the one series, oldest first.' }),
    maxAge: durationSchema.optional().meta({
      description: 'Of a rangeQuery: a newest point older than this is stale, which is no data.',
    }),
  }),
  [
    // Every element of an instant vector carries the time of the evaluation, however old its sample is.
    {
      rule: '!has(self.maxAge) || has(self.rangeQuery)',
      message: 'maxAge needs rangeQuery; in an instant query use timestamp() or a shorter [window]',
      holds: q => q.maxAge === undefined || q.rangeQuery !== undefined,
    },
  ],
);

export const ON_NO_DATA = ['Hold', 'Inconclusive', 'Fail', 'Pass'] as const;

export const metricSchema = withRules(
  z.object({
    name: z.string().min(1).max(63),
    interval: durationSchema.optional(),
    initialDelay: durationSchema.optional(),
    count: limit.optional().meta({ description: '0 or absent with an interval: as long as the run lives.' }),
    successCondition: condition.optional(),
    failureCondition: condition.optional(),
    threshold: withRules(z.object({ min: z.number().optional(), max: z.number().optional() }), [
      {
        rule: 'has(self.min) || has(self.max)',
        message: 'threshold needs min or max',
        holds: t => t.min !== undefined || t.max !== undefined,
      },
      {
        rule: '!has(self.min) || !has(self.max) || self.min <= self.max',
        message: 'threshold needs min not above max, or nothing can pass',
        holds: t => t.min === undefined || t.max === undefined || t.min <= t.max,
      },
    ]).optional(),
    failureLimit: limit.optional().meta({ description: 'Failures allowed; one more fails the metric. Default 0.' }),
    consecutiveFailureLimit: limit
      .optional()
      .meta({ description: 'Failures in a row that fail the metric; above count it is count; 0: off.' }),
    consecutiveSuccessLimit: limit.optional().meta({ description: 'Successes in a row that end the metric; 0: off.' }),
    inconclusiveLimit: limit.optional().meta({ description: 'Inconclusive measurements allowed. Default 0.' }),
    consecutiveErrorLimit: limit.optional().meta({ description: 'Errors in a row allowed. Default 4.' }),
    onNoData: z.enum(ON_NO_DATA).optional().meta({ description: 'Default Hold.' }),
    noDataDeadline: durationSchema.optional().meta({ description: 'How long Hold may last. Default 10m.' }),
    noDataAction: z.enum(['Pause', 'Abort']).optional().meta({ description: 'At the deadline. Default Pause.' }),
    provider: withRules(
      z.object({
        prometheus: prometheusQuerySchema.optional(),
        web: notYet('web', 'use prometheus', 'Answer of a web API.'),
        job: notYet('job', 'use prometheus', 'Outcome of a Job.'),
      }),
      [
        {
          rule: 'has(self.prometheus)',
          message: 'provider needs prometheus, the only provider of this version',
          holds: p => p.prometheus !== undefined,
        },
      ],
    ).optional(),
    compare: notYet(
      'compare',
      'use provider.prometheus with a threshold or a condition',
      'Statistical comparison of canary and stable.',
    ),
  }),
  [
    {
      rule: '!(has(self.threshold) && (has(self.successCondition) || has(self.failureCondition)))',
      message: 'a metric is judged by threshold or by conditions, not by both',
      holds: m =>
        !(m.threshold !== undefined && (m.successCondition !== undefined || m.failureCondition !== undefined)),
    },
    {
      rule: '!has(self.count) || self.count <= 1 || has(self.interval)',
      message: 'count above 1 needs interval',
      holds: m => (m.count ?? 0) <= 1 || m.interval !== undefined,
    },
    {
      rule: '!has(self.count) || self.count == 0 || !has(self.failureLimit) || self.failureLimit < self.count',
      message: 'failureLimit must be below count, or the metric can never fail',
      holds: m => (m.count ?? 0) === 0 || m.failureLimit === undefined || m.failureLimit < (m.count ?? 0),
    },
    {
      rule: '!has(self.noDataDeadline) || !has(self.onNoData) || self.onNoData == "Hold"',
      message: 'noDataDeadline needs onNoData: Hold',
      holds: m => m.noDataDeadline === undefined || (m.onNoData ?? 'Hold') === 'Hold',
    },
    exactlyOneOf(['provider', 'compare'], 'a metric'),
  ],
);

export const dryRunSchema = z.object({
  metricName: z.string().min(1).max(63).meta({ description: 'Name of a metric; "*" at the end matches any rest.' }),
});

export const analysisTemplateSpecSchema = withRules(
  z.object({
    args: z.array(analysisArgSchema).max(50).optional(),
    metrics: z.array(metricSchema).min(1).max(30),
    dryRun: z.array(dryRunSchema).max(30).optional(),
  }),
  [
    {
      rule: 'self.metrics.all(m, self.metrics.exists_one(other, other.name == m.name))',
      message: 'two metrics have the same name; rename one',
      holds: ({ metrics }) => new Set(metrics.map(({ name }) => name)).size === metrics.length,
      fieldPath: '.metrics',
    },
  ],
);

/** A template as a Rollout names it. */
export const templateRefSchema = z.object({
  templateName: objectNameSchema,
  clusterScope: z.boolean().optional(),
});

/** A use of templates by a Rollout. */
export const analysisUseSchema = z.object({
  templates: z.array(templateRefSchema).min(1).max(20),
  args: z.array(analysisArgSchema).max(50).optional(),
  dryRun: z.array(dryRunSchema).max(30).optional(),
});

export type AnalysisArg = z.infer<typeof analysisArgSchema>;
export type Metric = z.infer<typeof metricSchema>;
export type AnalysisTemplateSpec = z.infer<typeof analysisTemplateSpecSchema>;
export type AnalysisUse = z.infer<typeof analysisUseSchema>;
export type PrometheusQuery = z.infer<typeof prometheusQuerySchema>;
