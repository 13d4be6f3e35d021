import type { JsonObject, JsonValue, KubeObject } from '../json.ts';
import { arrayAt, isObject, numberAt, objectAt, stringAt } from '../json.ts';
import { age } from './age.ts';
import type { Column } from './columns.ts';
import { ageColumn, column, nameColumn } from './columns.ts';

const spec = (object: KubeObject): JsonObject => objectAt(object, 'spec') ?? {};
const status = (object: KubeObject): JsonObject => objectAt(object, 'status') ?? {};
const objects = (values: JsonValue[]): JsonObject[] => values.filter(isObject);
const none = '<none>';
const orNone = (text: string | undefined): string => (text === undefined || text === '' ? none : text);

/** `a=b,c=d` of a label map. */
function labelsText(labels: JsonObject | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${String(value)}`);
  return orNone(pairs.sort().join(','));
}

const templateContainers = (object: KubeObject): JsonObject[] =>
  objects(arrayAt(objectAt(objectAt(spec(object), 'template'), 'spec'), 'containers'));

const selectorText = (object: KubeObject): string =>
  labelsText(objectAt(objectAt(spec(object), 'selector'), 'matchLabels'));

const containersColumn = column(
  'Containers',
  object =>
    templateContainers(object)
      .map(c => stringAt(c, 'name'))
      .join(','),
  { wide: true },
);
const imagesColumn = column(
  'Images',
  object =>
    templateContainers(object)
      .map(c => stringAt(c, 'image'))
      .join(','),
  { wide: true },
);
const selectorColumn = column('Selector', selectorText, { wide: true });

const podStatuses = (pod: KubeObject): JsonObject[] => objects(arrayAt(status(pod), 'containerStatuses'));

/** The STATUS cell of a pod: what kubectl's printer says, without the finer points of init containers. */
function podStatus(pod: KubeObject): string {
  let reason = stringAt(status(pod), 'reason') ?? stringAt(status(pod), 'phase') ?? '';
  for (const container of podStatuses(pod).reverse()) {
    const waiting = objectAt(objectAt(container, 'state'), 'waiting');
    const terminated = objectAt(objectAt(container, 'state'), 'terminated');
    const waitingReason = stringAt(waiting, 'reason');
    if (waitingReason !== undefined && waitingReason !== '') reason = waitingReason;
    else if (terminated !== undefined) {
      const exit = `ExitCode:${numberAt(terminated, 'exitCode') ?? 0}`;
      reason = stringAt(terminated, 'reason') ?? exit;
    }
  }
  return pod.metadata.deletionTimestamp === undefined ? reason : 'Terminating';
}

const podColumns: Column[] = [
  nameColumn,
  column('Ready', pod => {
    const ready = podStatuses(pod).filter(container => container.ready === true).length;
    return `${ready}/${arrayAt(spec(pod), 'containers').length}`;
  }),
  column('Status', podStatus),
  column('Restarts', pod => String(podStatuses(pod).reduce((sum, c) => sum + (numberAt(c, 'restartCount') ?? 0), 0))),
  ageColumn,
  column('IP', pod => orNone(stringAt(status(pod), 'podIP')), { wide: true }),
  column('Node', pod => orNone(stringAt(spec(pod), 'nodeName')), { wide: true }),
  column('Nominated Node', pod => orNone(stringAt(status(pod), 'nominatedNodeName')), { wide: true }),
  column('Readiness Gates', () => none, { wide: true }),
];

function servicePorts(service: KubeObject): string {
  const ports = objects(arrayAt(spec(service), 'ports')).map(port => {
    const node = numberAt(port, 'nodePort') ?? 0;
    const number = node > 0 ? `${numberAt(port, 'port')}:${node}` : `${numberAt(port, 'port')}`;
    return `${number}/${stringAt(port, 'protocol') ?? 'TCP'}`;
  });
  return orNone(ports.join(','));
}

const serviceColumns: Column[] = [
  nameColumn,
  column('Type', service => stringAt(spec(service), 'type') ?? 'ClusterIP'),
  column('Cluster-IP', service => orNone(stringAt(spec(service), 'clusterIP'))),
  column('External-IP', service => {
    if (stringAt(spec(service), 'type') === 'ExternalName') return stringAt(spec(service), 'externalName') ?? '';
    if (stringAt(spec(service), 'type') === 'LoadBalancer') return '<pending>';
    return orNone(arrayAt(spec(service), 'externalIPs').join(','));
  }),
  column('Port(s)', servicePorts),
  ageColumn,
  column('Selector', service => labelsText(objectAt(spec(service), 'selector')), { wide: true }),
];

const count = (value: number | undefined): JsonValue => value ?? 0;
const integer = { type: 'integer' };

const replicaSetColumns: Column[] = [
  nameColumn,
  column('Desired', object => count(numberAt(spec(object), 'replicas')), integer),
  column('Current', object => count(numberAt(status(object), 'replicas')), integer),
  column('Ready', object => count(numberAt(status(object), 'readyReplicas')), integer),
  ageColumn,
  containersColumn,
  imagesColumn,
  selectorColumn,
];

const deploymentColumns: Column[] = [
  nameColumn,
  column(
    'Ready',
    object => `${numberAt(status(object), 'readyReplicas') ?? 0}/${numberAt(spec(object), 'replicas') ?? 0}`,
  ),
  column('Up-to-date', object => count(numberAt(status(object), 'updatedReplicas')), integer),
  column('Available', object => count(numberAt(status(object), 'availableReplicas')), integer),
  ageColumn,
  containersColumn,
  imagesColumn,
  selectorColumn,
];

const lastSeen = (event: KubeObject): JsonValue | undefined =>
  objectAt(event, 'series')?.lastObservedTime ??
  event.lastTimestamp ??
  event.deprecatedLastTimestamp ??
  event.eventTime ??
  event.firstTimestamp;

const eventColumns: Column[] = [
  column('Last Seen', (event, nowMs) => age(lastSeen(event), nowMs)),
  column('Type', event => stringAt(event, 'type') ?? ''),
  column('Reason', event => stringAt(event, 'reason') ?? ''),
  column('Object', event => {
    const about = objectAt(event, 'involvedObject') ?? objectAt(event, 'regarding') ?? {};
    const name = stringAt(about, 'name') ?? '';
    return `${(stringAt(about, 'kind') ?? '').toLowerCase()}${name === '' ? '' : `/${name}`}`;
  }),
  column('Subobject', event => stringAt(objectAt(event, 'involvedObject'), 'fieldPath') ?? '', { wide: true }),
  column(
    'Source',
    event => stringAt(objectAt(event, 'source'), 'component') ?? stringAt(event, 'reportingComponent') ?? '',
    { wide: true },
  ),
  column('Message', event => (stringAt(event, 'message') ?? stringAt(event, 'note') ?? '').trim()),
  column('First Seen', (event, nowMs) => age(event.firstTimestamp ?? event.eventTime, nowMs), { wide: true }),
  column('Count', event => numberAt(objectAt(event, 'series'), 'count') ?? numberAt(event, 'count') ?? 1, {
    ...integer,
    wide: true,
  }),
  { ...nameColumn, priority: 1 },
];

const endpointSliceColumns: Column[] = [
  nameColumn,
  column('AddressType', slice => stringAt(slice, 'addressType') ?? ''),
  column('Ports', slice =>
    orNone(
      objects(arrayAt(slice, 'ports'))
        .map(port => String(port.port ?? '*'))
        .join(','),
    ),
  ),
  column('Endpoints', slice => {
    const addresses = objects(arrayAt(slice, 'endpoints')).flatMap(endpoint =>
      arrayAt(endpoint, 'addresses').map(String),
    );
    if (addresses.length <= 3) return orNone(addresses.join(','));
    return `${addresses.slice(0, 3).join(',')} + ${addresses.length - 3} more...`;
  }),
  ageColumn,
];

/** The tables of the built-in kinds that `kubectl get` prints with more than a name and an age, by `group/plural`. */
export const builtinColumns: Readonly<Record<string, readonly Column[]>> = {
  '/pods': podColumns,
  '/services': serviceColumns,
  '/events': eventColumns,
  'apps/replicasets': replicaSetColumns,
  'apps/deployments': deploymentColumns,
  'discovery.k8s.io/endpointslices': endpointSliceColumns,
  '/namespaces': [nameColumn, column('Status', object => stringAt(status(object), 'phase') ?? ''), ageColumn],
  '/configmaps': [nameColumn, column('Data', object => keyCount(object), integer), ageColumn],
  '/secrets': [
    nameColumn,
    column('Type', object => stringAt(object, 'type') ?? ''),
    column('Data', object => keyCount(object), integer),
    ageColumn,
  ],
  '/nodes': [nameColumn, column('Status', nodeStatus), column('Roles', () => none), ageColumn],
  'coordination.k8s.io/leases': [
    nameColumn,
    column('Holder', object => stringAt(spec(object), 'holderIdentity') ?? ''),
    ageColumn,
  ],
  'apiextensions.k8s.io/customresourcedefinitions': [
    nameColumn,
    column('Created At', object => stringAt(object.metadata, 'creationTimestamp') ?? ''),
  ],
  'policy/poddisruptionbudgets': [
    nameColumn,
    column('Min Available', object => String(spec(object).minAvailable ?? 'N/A')),
    column('Max Unavailable', object => String(spec(object).maxUnavailable ?? 'N/A')),
    column('Allowed Disruptions', object => count(numberAt(status(object), 'disruptionsAllowed')), integer),
    ageColumn,
  ],
};

function keyCount(object: KubeObject): number {
  return Object.keys(objectAt(object, 'data') ?? {}).length + Object.keys(objectAt(object, 'binaryData') ?? {}).length;
}

function nodeStatus(node: KubeObject): string {
  const ready = objects(arrayAt(status(node), 'conditions')).find(condition => condition.type === 'Ready');
  return ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
}
