import type { JsonObject, KubeObject } from '../json.ts';
import { arrayAt, ensureObject, isObject, objectAt, stringAt } from '../json.ts';

function setDefault(object: JsonObject, key: string, value: JsonObject[string]): void {
  if (object[key] === undefined) object[key] = value;
}

function defaultProbe(probe: JsonObject): void {
  setDefault(probe, 'timeoutSeconds', 1);
  setDefault(probe, 'periodSeconds', 10);
  setDefault(probe, 'successThreshold', 1);
  setDefault(probe, 'failureThreshold', 3);
  const http = objectAt(probe, 'httpGet');
  if (http !== undefined) {
    setDefault(http, 'path', '/');
    setDefault(http, 'scheme', 'HTTP');
  }
}

function pullPolicy(image: string): string {
  const tag = /:([^:/@]+)$/.exec(image)?.[1];
  return image.includes('@') || (tag !== undefined && tag !== 'latest') ? 'IfNotPresent' : 'Always';
}

function defaultContainer(container: JsonObject): void {
  setDefault(container, 'imagePullPolicy', pullPolicy(stringAt(container, 'image') ?? ''));
  setDefault(container, 'terminationMessagePath', '/dev/termination-log');
  setDefault(container, 'terminationMessagePolicy', 'File');
  setDefault(container, 'resources', {});
  for (const port of arrayAt(container, 'ports')) if (isObject(port)) setDefault(port, 'protocol', 'TCP');
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = objectAt(container, name);
    if (probe !== undefined) defaultProbe(probe);
  }
  for (const env of arrayAt(container, 'env')) {
    const field = objectAt(objectAt(isObject(env) ? env : {}, 'valueFrom'), 'fieldRef');
    if (field !== undefined) setDefault(field, 'apiVersion', 'v1');
  }
}

const volumeModes: readonly string[] = ['configMap', 'secret', 'downwardAPI', 'projected'];

/** The defaults of a pod spec. */
function defaultPodSpec(spec: JsonObject): void {
  setDefault(spec, 'restartPolicy', 'Always');
  setDefault(spec, 'dnsPolicy', 'ClusterFirst');
  setDefault(spec, 'terminationGracePeriodSeconds', 30);
  setDefault(spec, 'schedulerName', 'default-scheduler');
  setDefault(spec, 'securityContext', {});
  if (spec.serviceAccountName !== undefined) setDefault(spec, 'serviceAccount', spec.serviceAccountName);
  for (const name of ['containers', 'initContainers']) {
    for (const container of arrayAt(spec, name)) if (isObject(container)) defaultContainer(container);
  }
  for (const volume of arrayAt(spec, 'volumes')) {
    if (!isObject(volume)) continue;
    for (const source of volumeModes) {
      const found = objectAt(volume, source);
      if (found !== undefined) setDefault(found, 'defaultMode', 420);
    }
  }
}

function defaultTemplate(object: KubeObject): void {
  const template = ensureObject(ensureObject(object, 'spec'), 'template');
  defaultPodSpec(ensureObject(template, 'spec'));
}

function defaultService(object: KubeObject): void {
  const spec = ensureObject(object, 'spec');
  setDefault(spec, 'type', 'ClusterIP');
  setDefault(spec, 'sessionAffinity', 'None');
  if (spec.type !== 'ExternalName') setDefault(spec, 'internalTrafficPolicy', 'Cluster');
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') setDefault(spec, 'externalTrafficPolicy', 'Cluster');
  if (spec.type === 'LoadBalancer') setDefault(spec, 'allocateLoadBalancerNodePorts', true);
  for (const port of arrayAt(spec, 'ports')) {
    if (!isObject(port)) continue;
    setDefault(port, 'protocol', 'TCP');
    if (port.targetPort === undefined && port.port !== undefined) port.targetPort = port.port;
  }
}

function defaultDeployment(object: KubeObject): void {
  const spec = ensureObject(object, 'spec');
  setDefault(spec, 'replicas', 1);
  setDefault(spec, 'revisionHistoryLimit', 10);
  setDefault(spec, 'progressDeadlineSeconds', 600);
  const strategy = ensureObject(spec, 'strategy');
  setDefault(strategy, 'type', 'RollingUpdate');
  if (strategy.type === 'RollingUpdate') {
    const rolling = ensureObject(strategy, 'rollingUpdate');
    setDefault(rolling, 'maxUnavailable', '25%');
    setDefault(rolling, 'maxSurge', '25%');
  }
  defaultTemplate(object);
}

/** Moves `stringData` into `data`, as the server does on every write. */
function defaultSecret(object: KubeObject): void {
  setDefault(object, 'type', 'Opaque');
  const text = objectAt(object, 'stringData');
  if (text === undefined) return;
  const data = ensureObject(object, 'data');
  for (const [key, value] of Object.entries(text)) data[key] = Buffer.from(String(value)).toString('base64');
  delete object.stringData;
}

function defaultCrd(object: KubeObject): void {
  const spec = ensureObject(object, 'spec');
  const names = ensureObject(spec, 'names');
  setDefault(names, 'singular', (stringAt(names, 'kind') ?? '').toLowerCase());
  setDefault(names, 'listKind', `${stringAt(names, 'kind') ?? ''}List`);
  setDefault(spec, 'conversion', { strategy: 'None' });
}

function qosClass(spec: JsonObject): string {
  const containers = [...arrayAt(spec, 'containers'), ...arrayAt(spec, 'initContainers')].filter(isObject);
  const resources = containers.map(container => objectAt(container, 'resources') ?? {});
  const isSet = (item: JsonObject, key: string): boolean => Object.keys(objectAt(item, key) ?? {}).length > 0;
  if (resources.every(item => !isSet(item, 'requests') && !isSet(item, 'limits'))) return 'BestEffort';
  const isGuaranteed = resources.every(item => {
    const limits = objectAt(item, 'limits') ?? {};
    const requests = objectAt(item, 'requests') ?? limits;
    return ['cpu', 'memory'].every(key => limits[key] !== undefined && limits[key] === requests[key]);
  });
  return isGuaranteed ? 'Guaranteed' : 'Burstable';
}

/** What the real server's default admission plugins add to every pod. */
export function completePod(pod: KubeObject): void {
  const spec = ensureObject(pod, 'spec');
  setDefault(spec, 'priority', 0);
  setDefault(spec, 'preemptionPolicy', 'PreemptLowerPriority');
  const tolerated = arrayAt(spec, 'tolerations');
  for (const key of ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']) {
    if (tolerated.some(item => isObject(item) && (item.key === key || item.key === undefined))) continue;
    tolerated.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 });
  }
  spec.tolerations = tolerated;
}

/** What the server fills in beyond the schemas' own defaults, by `group/plural`. Each changes the object in place. */
export const builtinDefaults: Readonly<Record<string, (object: KubeObject) => void>> = {
  '/pods': object => {
    defaultPodSpec(ensureObject(object, 'spec'));
    setDefault(ensureObject(object, 'spec'), 'enableServiceLinks', true);
    const status = ensureObject(object, 'status');
    setDefault(status, 'phase', 'Pending');
    setDefault(status, 'qosClass', qosClass(ensureObject(object, 'spec')));
  },
  '/services': defaultService,
  'discovery.k8s.io/endpointslices': object => {
    for (const port of arrayAt(object, 'ports')) {
      if (!isObject(port)) continue;
      setDefault(port, 'name', '');
      setDefault(port, 'protocol', 'TCP');
    }
  },
  '/secrets': defaultSecret,
  '/namespaces': object => {
    setDefault(ensureObject(object.metadata, 'labels'), 'kubernetes.io/metadata.name', object.metadata.name ?? '');
    setDefault(ensureObject(object, 'status'), 'phase', 'Active');
  },
  'apps/replicasets': object => {
    const spec = ensureObject(object, 'spec');
    setDefault(spec, 'replicas', 1);
    defaultTemplate(object);
    setDefault(object, 'status', { replicas: 0 });
  },
  'apps/deployments': object => {
    defaultDeployment(object);
    setDefault(object, 'status', {});
  },
  'autoscaling/horizontalpodautoscalers': object => setDefault(ensureObject(object, 'spec'), 'minReplicas', 1),
  'apiextensions.k8s.io/customresourcedefinitions': defaultCrd,
};
