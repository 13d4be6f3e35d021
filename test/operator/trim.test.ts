import { expect, it } from 'vitest';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { trimAnalysisRun, trimReplicaSet } from '../../src/operator/trim.ts';

const run = (status: unknown): KubeObject => ({
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'AnalysisRun',
  metadata: { name: 'shop-1-bg', namespace: 'shop', uid: 'run', resourceVersion: '7' },
  spec: { metrics: [{ name: 'success-rate' }] },
  status,
});
const results = (...values: string[]) => [
  { name: 'success-rate', phase: 'Successful', measurements: values.map(value => ({ value })) },
];

it.each([
  [
    'has passed keeps its last measurement',
    { phase: 'Successful', metricResults: results('1', '0.99') },
    results('0.99'),
  ],
  [
    'has failed keeps all: they are evidence',
    { phase: 'Failed', metricResults: results('1', '0.1') },
    results('1', '0.1'),
  ],
  ['measures keeps all', { phase: 'Running', metricResults: results('1', '0.99') }, results('1', '0.99')],
  [
    'was written by somebody else is kept as it is',
    { phase: 'Successful', metricResults: [null, { measurements: 7 }] },
    [null, { measurements: 7 }],
  ],
])('of runs, one that %s', (_, status, metricResults) => {
  expect(trimAnalysisRun(run(status))).toEqual(run({ ...status, metricResults }));
});

it.each([[undefined], ['Successful'], [{ phase: 'Successful' }]])(
  'a run with the status %j is kept as it is',
  status => {
    expect(trimAnalysisRun(run(status))).toEqual(run(status));
  },
);

it('of a ReplicaSet that lacks pods the reason is kept, and of its conditions nothing else', () => {
  const failure = { type: 'ReplicaFailure', status: 'True', message: 'exceeded quota' };
  const kept = (conditions: unknown) =>
    (
      trimReplicaSet({
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: { name: 'shop-abc' },
        spec: { replicas: 2, minReadySeconds: 5, template: {} },
        status: { replicas: 1, conditions },
      }) as { status?: { conditions?: unknown } }
    ).status?.conditions;
  expect(kept([{ ...failure, reason: 'FailedCreate', lastTransitionTime: 'now' }, { type: 'Other' }, null])).toEqual([
    failure,
  ]);
  for (const nothing of [[{ ...failure, status: 'False' }], [], undefined, 7]) expect(kept(nothing)).toBeUndefined();
});

it('of who wrote a ReplicaSet only those are kept who wrote its pod template and are not us', () => {
  const template = { 'f:spec': { 'f:template': { 'f:spec': {} } } };
  const managedFields = [
    { manager: 'sluice', operation: 'Update', fieldsV1: template },
    { manager: 'kube-controller-manager', subresource: 'status', fieldsV1: { 'f:status': { 'f:replicas': {} } } },
    { manager: 'kubectl', subresource: 'scale', fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
    { manager: 'kubectl-set', operation: 'Update', fieldsV1: template },
    'something else',
  ];
  const set = (fields: unknown): KubeObject => ({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'shop-abc', namespace: 'shop', managedFields: fields },
    spec: { replicas: 2, template: {} },
  });
  expect(trimReplicaSet(set(managedFields)).metadata['managedFields']).toEqual([{ manager: 'kubectl-set' }]);
  for (const nobody of [managedFields.slice(0, 3), undefined, 'x'])
    expect(trimReplicaSet(set(nobody)).metadata['managedFields']).toBeUndefined();
});
