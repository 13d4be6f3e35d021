import * as z from 'zod';
import { blueGreenStrategySchema, canaryStrategySchema } from './rollout-strategy.ts';
import { exactlyOneOf, notYet, opaqueObject, stringMapSchema, withRules } from './schema-rules.ts';

/** CEL: a member of the selector is what it was. */
function isKept(member: string): string {
  const given = (side: string) => `(has(${side}.${member}) && size(${side}.${member}) > 0)`;
  return `(${given('self')} ? (${given('oldSelf')} && self.${member} == oldSelf.${member}) : !${given('oldSelf')})`;
}

const seconds = z.int().min(0).max(31_536_000);

export const strategySchema = withRules(
  z.object({ canary: canaryStrategySchema.optional(), blueGreen: blueGreenStrategySchema.optional() }),
  [exactlyOneOf(['canary', 'blueGreen'], 'strategy')],
);

export const labelSelectorSchema = withRules(
  z.object({
    matchLabels: stringMapSchema.optional(),
    matchExpressions: z
      .array(
        z.object({
          key: z.string().min(1).max(317),
          operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
          values: z.array(z.string().max(63)).max(100).optional(),
        }),
      )
      .max(20)
      .optional(),
  }),
  [
    {
      rule: '(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)',
      message: 'selector must not be empty: it would select every pod of the namespace',
      holds: s => Object.keys(s.matchLabels ?? {}).length > 0 || (s.matchExpressions ?? []).length > 0,
    },
  ],
);

export const ON_ABORT_GIT = ['None', 'CommitStatus', 'PullRequest', 'Push'] as const;

export const rolloutSpecSchema = withRules(
  z.object({
    // The API server has to set it: without a value the scale subresource cannot be read, and no autoscaler ever begins.
    replicas: z.int().min(0).max(100_000).optional().meta({
      default: 1,
      description: 'Left out where an autoscaler decides: what it sets is kept.',
    }),
    selector: withRules(labelSelectorSchema, [
      {
        // Of one object alone nobody can tell; a change that was stored around the schema is found by `selectorIssue`.
        // An empty member is as good as none.
        rule: ['matchLabels', 'matchExpressions'].map(isKept).join(' && '),
        message:
          'selector cannot be changed, like that of a Deployment: Services would leave the pods that serve; declare a Rollout of another name',
        holds: () => true,
      },
    ])
      .optional()
      .meta({ description: 'Pods of this Rollout. Cannot be changed; the labels of the template have to match.' }),
    template: opaqueObject(
      'Pod template, kept as written. What the API server refuses of it is told as ReplicaSetRejected.',
    ).optional(),
    workloadRef: notYet('workloadRef', 'move the template into the Rollout', 'A Deployment to take the template from.'),
    minReadySeconds: seconds.optional(),
    progressDeadlineSeconds: z.int().min(1).max(31_536_000).optional().meta({ description: 'Default 600.' }),
    progressDeadlineAbort: z.boolean().optional().meta({ description: 'Default true.' }),
    canaryRestartLimit: z
      .int()
      .min(0)
      .max(1_000)
      .optional()
      .meta({ description: 'Container restarts of a canary pod that are tolerated; one more aborts. Default 3.' }),
    revisionHistoryLimit: z.int().min(0).max(1_000).optional().meta({ description: 'Default 10.' }),
    rollbackWindow: z
      .object({ revisions: z.int().min(0).max(100) })
      .optional()
      .meta({ description: 'A verified revision at most this many back skips steps and analysis. Default 3; 0: off.' }),
    paused: z.boolean().optional(),
    restartAt: notYet('restartAt', 'leave it out', 'Restart of pods.', 'string'),
    strategy: strategySchema,
    onAbort: z
      .object({
        git: withRules(z.enum(ON_ABORT_GIT), [
          {
            rule: "self == 'None'",
            message:
              'onAbort.git is not supported in this version: use None, and let an alert tell who reverts the commit',
            holds: git => git === 'None',
          },
        ])
          .optional()
          .meta({ description: 'What to do in Git after an abort. Default None.' }),
      })
      .optional(),
  }),
  [
    {
      rule: '(has(self.template) && has(self.selector)) || has(self.workloadRef)',
      message: 'a Rollout needs selector and template',
      holds: s => s.workloadRef !== undefined || (s.template !== undefined && s.selector !== undefined),
    },
    {
      rule: '(has(self.progressDeadlineSeconds) ? self.progressDeadlineSeconds : 600) > (has(self.minReadySeconds) ? self.minReadySeconds : 0)',
      message:
        'progressDeadlineSeconds (600 when left out) must exceed minReadySeconds, or no pod can become available in time',
      holds: s => (s.progressDeadlineSeconds ?? 600) > (s.minReadySeconds ?? 0),
    },
  ],
);

export type RolloutSpec = z.infer<typeof rolloutSpecSchema>;
export type LabelSelector = z.infer<typeof labelSelectorSchema>;
