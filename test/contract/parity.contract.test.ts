import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestCluster } from '../support/test-cluster.ts';
import { clustersUnderTest } from '../support/test-cluster.ts';
import { replicaSet, service } from './objects.ts';
import type { Answer, Wire } from './raw-client.ts';
import { RawClient } from './raw-client.ts';

const ns = '/api/v1/namespaces/default';
const apps = '/apis/apps/v1/namespaces/default';
const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const map = (metadata: object, more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata,
  ...more,
});

function deployment(): Wire {
  const made: Wire = { ...replicaSet('web', 2), kind: 'Deployment' };
  const { spec } = made.spec.template;
  spec.containers[0].ports = [{ containerPort: 80, name: 'http' }];
  spec.containers[0].readinessProbe = { httpGet: { port: 'http' } };
  spec.containers[0].resources = { requests: { cpu: '100m' } };
  spec.volumes = [
    { name: 'a', configMap: { name: 'c' } },
    { name: 'b', emptyDir: {} },
  ];
  return made;
}

const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } };
const podSpec = { automountServiceAccountToken: false, containers: [{ name: 'c', image: 'example.com/c' }] };
const lease = (spec: object): object => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'l' },
  spec,
});
const slice = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 's', labels: { 'kubernetes.io/service-name': 'other' } },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.1.1.1'], conditions: { ready: true } }],
  ports: [{ name: '', port: 80 }],
};

type Step = [what: string, send: (client: RawClient) => Promise<Answer>];

/** Requests whose whole answers must be equal on both servers, ids and times aside. */
const steps: Step[] = [
  [
    'a namespace',
    c => c.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'parity' } }),
  ],
  ['a list item', c => c.get('/api/v1/namespaces?fieldSelector=metadata.name=parity')],
  ['a ReplicaSet', c => c.create(`${apps}/replicasets?dryRun=All`, replicaSet('rs', 2))],
  ['an applied ReplicaSet', c => c.apply(`${apps}/replicasets/rs?dryRun=All`, 'm', replicaSet('rs', 2))],
  ['a Deployment', c => c.create(`${apps}/deployments?dryRun=All`, deployment())],
  ['a Service', c => c.create(`${ns}/services`, service('svc', { a: 'b' }))],
  ['a selector key merged', c => c.mergePatch(`${ns}/services/svc?fieldManager=z`, { spec: { selector: { c: 'd' } } })],
  [
    'a selector key added',
    c => c.jsonPatch(`${ns}/services/svc?fieldManager=z`, [{ op: 'add', path: '/spec/selector/e', value: 'f' }]),
  ],
  [
    'a test of a missing member',
    c => c.jsonPatch(`${ns}/services/svc`, [{ op: 'test', path: '/spec/none', value: null }]),
  ],
  ['an unknown operation', c => c.jsonPatch(`${ns}/services/svc`, [{ op: 'nope', path: '/a' }])],
  ['a forced merge patch', c => c.mergePatch(`${ns}/services/svc?force=true`, {})],
  ['a pod', c => c.create(`${ns}/pods?dryRun=All`, { ...pod, spec: podSpec })],
  [
    'a lease',
    c =>
      c.create(
        leases,
        lease({ holderIdentity: 'a', leaseDurationSeconds: 15, renewTime: '2026-01-01T00:00:00.000000Z' }),
      ),
  ],
  ['a blind PUT of a lease', c => c.update(`${leases}/l`, lease({ holderIdentity: 'b' }))],
  ['an EndpointSlice', c => c.create(`${slices}?dryRun=All`, slice)],
  [
    'a secret of text',
    c =>
      c.create(`${ns}/secrets`, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { a: 'b' } }),
  ],
  ['a PUT of nothing', c => c.update(`${ns}/configmaps/none`, map({ name: 'none' }))],
  ['a body without kind', c => c.create(`${ns}/configmaps`, { metadata: { name: 'no-kind' } })],
  ['another namespace', c => c.create(`${ns}/configmaps`, map({ name: 'x', namespace: 'other' }))],
  ['no name', c => c.create(`${ns}/configmaps`, map({}))],
  ['a bad label', c => c.create(`${ns}/configmaps`, map({ name: 'x', labels: { 'a b': 'c d' } }))],
  ['unknown fields', c => c.create(`${ns}/configmaps?dryRun=All`, map({ name: 'u', foo: 1 }, { bar: 2 }))],
  ['a version on create', c => c.create(`${ns}/configmaps`, map({ name: 'u', resourceVersion: '1' }))],
  ['negative replicas', c => c.create(`${apps}/replicasets`, replicaSet('neg', -1))],
  [
    'a service without ports',
    c => c.create(`${ns}/services`, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'np' }, spec: {} }),
  ],
  ['an unknown group', c => c.get('/apis/nope/v1/things')],
  ['an unknown resource', c => c.get('/api/v1/things')],
  ['a PATCH of a collection', c => c.mergePatch(`${ns}/configmaps`, {})],
  ['an apply without name', c => c.apply(`${ns}/configmaps/zz`, 'm', map({}))],
  ['an apply with managers', c => c.apply(`${ns}/configmaps/zz`, 'm', map({ name: 'zz', managedFields: [] }))],
  ['an apply of an unknown field', c => c.apply(`${ns}/configmaps/zz`, 'm', map({ name: 'zz' }, { foo: 1 }))],
  ['a scale of nothing', c => c.mergePatch(`${apps}/replicasets/none/scale`, { spec: { replicas: 1 } })],
  ['a bad field selector', c => c.get('/api/v1/namespaces?fieldSelector=a%3Db')],
  ['a bad version', c => c.get('/api/v1/namespaces?resourceVersion=abc')],
  ['a deletion of nothing', c => c.delete(`${ns}/services/none`)],
  ['a deletion of a namespace', c => c.delete('/api/v1/namespaces/parity')],
];

const volatile = [
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'deletionTimestamp',
  'time',
  'clusterIP',
  'clusterIPs',
];

function comparable(value: Wire): Wire {
  if (Array.isArray(value)) return value.map(comparable);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, volatile.includes(key) ? '*' : comparable(child)]),
  );
}

const [embedded, real] = clustersUnderTest();
const unavailable = real?.unavailable;

describe.skipIf(unavailable !== undefined)(
  `both servers answer alike${unavailable === undefined ? '' : ` (SKIPPED: ${unavailable})`}`,
  () => {
    const started: TestCluster[] = [];
    beforeAll(async () => {
      for (const candidate of [embedded, real]) if (candidate !== undefined) started.push(await candidate.start());
    }, 600_000);
    afterAll(() => Promise.all(started.map(cluster => cluster.stop())));

    for (const [what, send] of steps) {
      it(what, async () => {
        const answers = await Promise.all(started.map(cluster => send(new RawClient(cluster))));
        const [mine, theirs] = answers.map(({ code, body, warnings }) => ({ code, warnings, body: comparable(body) }));
        expect(mine).toEqual(theirs);
      });
    }
  },
);
