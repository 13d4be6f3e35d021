import type { z } from 'zod';
import { analysisRunSpecSchema, analysisRunStatusSchema } from './analysis-run.ts';
import { analysisTemplateSpecSchema } from './analysis-template.ts';
import { gitSyncSpecSchema, gitSyncStatusSchema } from './git-sync.ts';
import { metricProviderSpecSchema } from './metric-provider.ts';
import { notifierSpecSchema } from './notifier.ts';
import { rolloutSpecSchema } from './rollout.ts';
import { rolloutStatusSchema } from './rollout-status.ts';

/** A column of `kubectl get`. Priority 1 columns appear with `-o wide`. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly priority?: 1;
  readonly description?: string;
}

/** One of our kinds, as its CustomResourceDefinition is generated from it. */
export interface KindDefinition {
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly scope: 'Namespaced' | 'Cluster';
  readonly description: string;
  /** Part of `kubectl get all`, and of `kubectl delete all`: what runs, never what it is configured by. */
  readonly runs?: true;
  readonly spec: z.ZodType;
  readonly status?: z.ZodType;
  readonly scale?: {
    readonly specReplicasPath: string;
    readonly statusReplicasPath: string;
    readonly labelSelectorPath: string;
  };
  readonly columns: readonly Column[];
}

const column = (name: string, jsonPath: string, extra: Partial<Column> = {}): Column => ({
  name,
  type: 'string',
  jsonPath,
  ...extra,
});
const AGE = column('Age', '.metadata.creationTimestamp', { type: 'date' });
const READY = column('Ready', '.status.conditions[?(@.type=="Ready")].status');

export const KINDS: readonly KindDefinition[] = [
  {
    kind: 'Rollout',
    plural: 'rollouts',
    shortNames: ['ro'],
    scope: 'Namespaced',
    description: 'A workload and how its revisions are delivered: canary or blue-green, with gates.',
    runs: true,
    spec: rolloutSpecSchema,
    status: rolloutStatusSchema,
    scale: {
      specReplicasPath: '.spec.replicas',
      statusReplicasPath: '.status.replicas',
      labelSelectorPath: '.status.selector',
    },
    columns: [
      column('Phase', '.status.phase'),
      column('Step', '.status.display.step'),
      column('Weight', '.status.display.weight'),
      column('Stable', '.status.display.stable', { description: 'Revision that serves.' }),
      column('Canary', '.status.display.canary', { description: 'Revision on trial.' }),
      column('Reason', '.status.display.reason'),
      AGE,
      column('Gate', '.status.display.gate', { priority: 1 }),
      column('Next', '.status.display.next', { priority: 1 }),
      column('Pods', '.status.display.ready', { priority: 1 }),
      column('Git', '.status.display.git', { priority: 1 }),
    ],
  },
  {
    kind: 'AnalysisTemplate',
    plural: 'analysistemplates',
    shortNames: ['at'],
    scope: 'Namespaced',
    description: 'Metrics of a team, and what counts as failing.',
    spec: analysisTemplateSpecSchema,
    columns: [column('Metrics', '.spec.metrics[*].name'), AGE],
  },
  {
    kind: 'ClusterAnalysisTemplate',
    plural: 'clusteranalysistemplates',
    shortNames: ['cat'],
    scope: 'Cluster',
    description: 'Metrics of the platform, for every namespace.',
    spec: analysisTemplateSpecSchema,
    columns: [column('Metrics', '.spec.metrics[*].name'), AGE],
  },
  {
    kind: 'AnalysisRun',
    plural: 'analysisruns',
    shortNames: ['ar'],
    scope: 'Namespaced',
    description: 'One execution of an analysis: measurements and verdicts; the audit record.',
    runs: true,
    spec: analysisRunSpecSchema,
    status: analysisRunStatusSchema,
    columns: [
      column('Phase', '.status.phase'),
      column('Metric', '.status.worst.metric'),
      column('Value', '.status.worst.value'),
      column('Threshold', '.status.worst.threshold'),
      column('Failed', '.status.worst.failed'),
      AGE,
    ],
  },
  {
    kind: 'MetricProvider',
    plural: 'metricproviders',
    shortNames: ['mp'],
    scope: 'Cluster',
    description: 'Where metrics come from. Only addresses named here are ever called.',
    spec: metricProviderSpecSchema,
    columns: [column('Type', '.spec.type'), column('Address', '.spec.address'), AGE],
  },
  {
    kind: 'Notifier',
    plural: 'notifiers',
    shortNames: ['notif'],
    scope: 'Namespaced',
    description: 'Who is told: Slack, a webhook or Alertmanager.',
    spec: notifierSpecSchema,
    columns: [column('Events', '.spec.events[*]'), AGE],
  },
  {
    kind: 'GitSync',
    plural: 'gitsyncs',
    shortNames: ['gsync'],
    scope: 'Namespaced',
    description: 'Built-in pull synchronizer for clusters without Flux or Argo CD.',
    spec: gitSyncSpecSchema,
    status: gitSyncStatusSchema,
    columns: [
      READY,
      column('Revision', '.status.lastAppliedRevision'),
      column('Message', '.status.message'),
      AGE,
      column('Repository', '.spec.repository', { priority: 1 }),
      column('Branch', '.spec.branch', { priority: 1 }),
    ],
  },
];
