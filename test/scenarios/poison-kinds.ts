import type { KubeObject } from '../support/control-plane/api-client.ts';
import { rolloutOf } from '../support/rig/shop-manifests.ts';
import { nested } from './poison-objects.ts';
import type { Unjudged } from './poison-store.ts';

export const KINDS_NAMESPACE = 'poisoned-kinds';

/** Specs that no admission would let in, by name. */
type Specs = Readonly<Record<string, unknown>>;

const NOWHERE = 'http://127.0.0.1:9';
const METRIC = { name: 'x', interval: '1s', threshold: { min: 1 } };

/**
 * Keys that would change an object's prototype if somebody copied them carelessly; as text, since a literal `__proto__` sets it. The
 * API server gives them out where any key may stand: among headers, and in what is not supported yet.
 */
const PROTO: unknown = JSON.parse('{"__proto__":{"polluted":"yes"},"constructor":7}');

const TEMPLATES: Specs = {
  'template-text': 'measure all of it',
  'template-null': null,
  'template-map': { metrics: { length: 2 } },
  'template-hole': { metrics: [null] },
  'template-numbers': { metrics: [{ ...METRIC, interval: 1e300, count: -5, threshold: { min: 'high' }, provider: 7 }] },
  'template-deep': { metrics: nested(600) },
  'template-proto': { metrics: [{ ...METRIC, compare: PROTO }] },
};

const CLUSTER_TEMPLATES: Specs = {
  'cluster-text': 'measure all of it',
  'cluster-hole': { metrics: [null] },
  'cluster-proto': { metrics: [{ ...METRIC, compare: PROTO }] },
};

const PROVIDERS: Specs = {
  'provider-text': 'prometheus',
  'provider-null': null,
  'provider-address': { type: 'prometheus', address: 7 },
  'provider-deep': { type: 'prometheus', address: NOWHERE, headers: nested(600) },
  'provider-proto': { type: 'prometheus', address: NOWHERE, headers: PROTO },
};

const NOTIFIERS: Specs = {
  'notifier-text': 'tell everybody',
  'notifier-null': null,
  'notifier-events': { events: 7, webhook: { url: NOWHERE } },
  'notifier-deep': { webhook: { url: nested(600) } },
  'notifier-proto': { webhook: { url: NOWHERE, headers: PROTO } },
};

/**
 * None of them makes a rule of the definition stumble: to such an object the API server lets nobody write a status. A `__proto__` is
 * not among them, since no field of a GitSync takes any key, and the API server drops those that it does not know.
 */
const GIT_SYNCS: Specs = {
  'sync-null': null,
  'sync-numbers': { repository: 1e300, branch: -8, prune: 1 },
  'sync-lists': { repository: [NOWHERE], branch: [], secretRef: [] },
  'sync-deep': { repository: nested(600), branch: 'main' },
};

const RUNS: Readonly<Record<string, { readonly spec?: unknown; readonly status?: unknown }>> = {
  'run-text': { spec: 'all', status: 'fine' },
  'run-null': { spec: null, status: { phase: 'Failed' } },
  'run-phase': { spec: { metrics: [METRIC] }, status: { phase: { length: 1 }, metricResults: { length: 1 } } },
  'run-results': {
    spec: { metrics: [METRIC] },
    status: { phase: 'Successful', metricResults: [null, 7, { name: 7, measurements: [null, 'x'] }] },
  },
  'run-deep': { spec: { metrics: nested(600) }, status: { metricResults: nested(600) } },
  'run-proto': { spec: { metrics: [{ ...METRIC, compare: PROTO }] }, status: { phase: 'Failed' } },
};

/** Names of templates that cannot be read. */
export const TEMPLATE_NAMES = Object.keys(TEMPLATES);
/** Names of templates of the whole cluster that cannot be read. */
export const CLUSTER_TEMPLATE_NAMES = Object.keys(CLUSTER_TEMPLATES);
/** Names of providers that cannot be read. */
export const PROVIDER_NAMES = Object.keys(PROVIDERS);
/** Names of Notifiers that cannot be read. */
export const NOTIFIER_NAMES = Object.keys(NOTIFIERS);
/** Names of GitSyncs that cannot be read. */
export const GIT_SYNC_NAMES = Object.keys(GIT_SYNCS);

const kindOf = (specs: Specs, type: { plural: string; kind: string; namespace?: string }): Unjudged[] =>
  Object.entries(specs).map(([name, spec]) => ({ ...type, name, content: { spec } }));

const HERE = { namespace: KINDS_NAMESPACE };

/** Templates, providers, Notifiers and GitSyncs. */
export function poisonedKinds(): Unjudged[] {
  return [
    ...kindOf(TEMPLATES, { plural: 'analysistemplates', kind: 'AnalysisTemplate', ...HERE }),
    ...kindOf(CLUSTER_TEMPLATES, { plural: 'clusteranalysistemplates', kind: 'ClusterAnalysisTemplate' }),
    ...kindOf(PROVIDERS, { plural: 'metricproviders', kind: 'MetricProvider' }),
    ...kindOf(NOTIFIERS, { plural: 'notifiers', kind: 'Notifier', ...HERE }),
    ...kindOf(GIT_SYNCS, { plural: 'gitsyncs', kind: 'GitSync', ...HERE }),
  ];
}

/** AnalysisRuns of nobody and, once more, of a Rollout. */
export function poisonedRuns({ apiVersion, kind, metadata }: KubeObject): Unjudged[] {
  const { name, uid } = metadata;
  const type = { plural: 'analysisruns', kind: 'AnalysisRun', ...HERE };
  const ownerReferences = [{ apiVersion, kind, name, uid, controller: true }];
  return Object.entries(RUNS).flatMap(([run, content]) => [
    { ...type, name: `free-${run}`, content },
    { ...type, name: `${name}-${run}`, content, metadata: { ownerReferences } },
  ]);
}

/** A template that can be read and asks a provider. */
export function templateOn(provider: string): Record<string, unknown> {
  return {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'AnalysisTemplate',
    metadata: { name: `on-${provider}`, ...HERE },
    spec: { metrics: [{ ...METRIC, provider: { prometheus: { query: 'vector(1)', providerRef: provider } } }] },
  };
}

/** A template as a Rollout names it. */
export interface TemplateName {
  readonly templateName: string;
  readonly clusterScope?: boolean;
}

/** A Rollout without Services whose canary is gated by one template, and waits for a person at the half. */
export function gatedBy(template: TemplateName, name: string, tag: string): Record<string, unknown> {
  const rollout = rolloutOf(KINDS_NAMESPACE, { tag });
  const spec = rollout['spec'] as { template: { spec: object } };
  const labels = { app: name };
  const canary = { steps: [{ setWeight: 50 }, { pause: {} }], analysis: { templates: [template] } };
  return {
    ...rollout,
    metadata: { name, ...HERE },
    spec: {
      ...{ replicas: 2, selector: { matchLabels: labels }, strategy: { canary } },
      template: { metadata: { labels }, spec: spec.template.spec },
    },
  };
}
