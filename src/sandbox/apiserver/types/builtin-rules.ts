import type { FieldError } from '../api-error.ts';
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '../api-error.ts';
import type { JsonObject, KubeObject } from '../json.ts';
import { arrayAt, equal, isObject, numberAt, objectAt, stringAt } from '../json.ts';
import { crdErrors } from './crd-rules.ts';
import { label1035Problem, labelProblem } from './names.ts';

type Rules = (object: KubeObject, old: KubeObject | undefined) => FieldError[];

function podSpecErrors(spec: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const containers = arrayAt(spec, 'containers');
  if (containers.length === 0) errors.push(required(`${path}.containers`));
  const names = new Set<string>();
  containers.forEach((container, i) => {
    const at = `${path}.containers[${i}]`;
    if (!isObject(container)) return;
    const name = stringAt(container, 'name') ?? '';
    if (name === '') errors.push(required(`${at}.name`));
    else if (labelProblem(name) !== undefined) errors.push(invalidValue(`${at}.name`, name, labelProblem(name) ?? ''));
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    if ((stringAt(container, 'image') ?? '') === '') errors.push(required(`${at}.image`));
  });
  return errors;
}

function workloadRules(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = objectAt(object, 'spec') ?? {};
  const errors: FieldError[] = [];
  const replicas = numberAt(spec, 'replicas') ?? 0;
  if (replicas < 0) errors.push(invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0'));
  const selector = objectAt(spec, 'selector');
  const template = objectAt(spec, 'template') ?? {};
  const labels = objectAt(objectAt(template, 'metadata'), 'labels');
  if (selector === undefined) {
    errors.push(required('spec.selector'));
    const detail = '`selector` does not match template `labels`';
    errors.push(invalidValue('spec.template.metadata.labels', labels ?? null, detail));
  } else if (Object.keys(selector).length === 0) {
    errors.push(invalidValue('spec.selector', {}, `empty selector is invalid for ${object.kind.toLowerCase()}`));
  } else if (!matches(selector, labels)) {
    const path = 'spec.template.metadata.labels';
    errors.push(invalidValue(path, labels ?? null, '`selector` does not match template `labels`'));
  }
  errors.push(...podSpecErrors(objectAt(template, 'spec') ?? {}, 'spec.template.spec'));
  const policy = stringAt(objectAt(template, 'spec'), 'restartPolicy');
  if (policy !== undefined && policy !== 'Always') {
    errors.push(notSupported('spec.template.spec.restartPolicy', policy, ['Always']));
  }
  const oldSelector = objectAt(objectAt(old, 'spec'), 'selector');
  if (old !== undefined && selector !== undefined && !equal(oldSelector, selector)) {
    errors.push(invalidValue('spec.selector', selector, 'field is immutable'));
  }
  return errors;
}

function matches(selector: JsonObject, labels: JsonObject | undefined): boolean {
  const wanted = objectAt(selector, 'matchLabels') ?? {};
  return Object.entries(wanted).every(([key, value]) => labels?.[key] === value);
}

const serviceRules: Rules = (object, old) => {
  const spec = objectAt(object, 'spec') ?? {};
  const errors: FieldError[] = [];
  const name = stringAt(object.metadata, 'name') ?? '';
  const problem = label1035Problem(name);
  if (problem !== undefined) errors.push(invalidValue('metadata.name', name, problem));
  const ports = arrayAt(spec, 'ports');
  if (ports.length === 0 && spec.clusterIP !== 'None' && spec.type !== 'ExternalName') {
    errors.push(required('spec.ports'));
  }
  ports.forEach((port, i) => {
    if (!isObject(port)) return;
    const number = numberAt(port, 'port') ?? 0;
    if (number < 1 || number > 65535) {
      errors.push(invalidValue(`spec.ports[${i}].port`, number, 'must be between 1 and 65535, inclusive'));
    }
    if (ports.length > 1 && (stringAt(port, 'name') ?? '') === '') errors.push(required(`spec.ports[${i}].name`));
  });
  const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
  const type = stringAt(spec, 'type') ?? '';
  if (!types.includes(type)) errors.push(notSupported('spec.type', type, types));
  const before = stringAt(objectAt(old, 'spec'), 'clusterIP');
  const now = stringAt(spec, 'clusterIP');
  if (before !== undefined && before !== '' && now !== before && type !== 'ExternalName') {
    errors.push(invalidValue('spec.clusterIPs[0]', now ?? '', 'may not change once set'));
  }
  return errors;
};

const podRules: Rules = (object, old) => {
  const spec = objectAt(object, 'spec') ?? {};
  const errors = podSpecErrors(spec, 'spec');
  const oldSpec = objectAt(old, 'spec');
  if (oldSpec !== undefined && !equal(frozenPart(oldSpec), frozenPart(spec))) {
    errors.push(
      forbiddenField(
        'spec',
        'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
      ),
    );
  }
  return errors;
};

/** The part of a pod spec that never changes. `nodeName` is set once, by whoever binds the pod. */
function frozenPart(spec: JsonObject): JsonObject {
  const { nodeName: _n, activeDeadlineSeconds: _a, tolerations: _t, schedulingGates: _g, ...rest } = spec;
  const withoutImage = (value: JsonObject[string]): JsonObject[string] => {
    if (!isObject(value)) return value;
    const { image: _, ...container } = value;
    return container;
  };
  const out: JsonObject = { ...rest };
  for (const key of ['containers', 'initContainers']) {
    if (Array.isArray(out[key])) out[key] = arrayAt(out, key).map(withoutImage);
  }
  return out;
}

const secretRules: Rules = (object, old) => {
  if (old !== undefined && old.type !== object.type) {
    return [invalidValue('type', object.type ?? '', 'field is immutable')];
  }
  return immutableDataErrors(object, old);
};

function immutableDataErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  if (old?.immutable !== true) return [];
  const errors: FieldError[] = [];
  if (object.immutable !== true) errors.push(forbiddenField('immutable', 'field is immutable when `immutable` is set'));
  if (!equal(old.data, object.data)) {
    errors.push(forbiddenField('data', 'field is immutable when `immutable` is set'));
  }
  return errors;
}

/** A namespace's name is a DNS label. */
const namespaceRules: Rules = object => {
  const name = stringAt(object.metadata, 'name') ?? '';
  const problem = labelProblem(name);
  return problem === undefined ? [] : [invalidValue('metadata.name', name, problem)];
};

/** Event rules: an event lives in the namespace of the object that it is about. */
const eventRules: Rules = object => {
  const about = stringAt(objectAt(object, 'involvedObject') ?? objectAt(object, 'regarding'), 'namespace') ?? '';
  const namespace = stringAt(object.metadata, 'namespace') ?? '';
  const fits = about === '' ? namespace === 'default' || namespace === 'kube-system' : about === namespace;
  if (fits) return [];
  const field = object.apiVersion === 'v1' ? 'involvedObject.namespace' : 'regarding.namespace';
  return [invalidValue(field, about, 'does not match event.namespace')];
};

const sliceRules: Rules = (object, old) => {
  const errors: FieldError[] = [];
  const type = stringAt(object, 'addressType') ?? '';
  if (type === '') errors.push(required('addressType'));
  else if (!['IPv4', 'IPv6', 'FQDN'].includes(type))
    errors.push(notSupported('addressType', type, ['FQDN', 'IPv4', 'IPv6']));
  if (old !== undefined && old.addressType !== object.addressType) {
    errors.push(invalidValue('addressType', type, 'field is immutable'));
  }
  return errors;
};

/** Validation of the built-in kinds beyond their schemas, by `group/plural`: what our tools can get wrong. */
export const builtinRules: Readonly<Record<string, Rules>> = {
  '/pods': podRules,
  '/services': serviceRules,
  '/secrets': secretRules,
  '/configmaps': immutableDataErrors,
  '/namespaces': namespaceRules,
  '/events': eventRules,
  'events.k8s.io/events': eventRules,
  'apps/replicasets': workloadRules,
  'apps/deployments': workloadRules,
  'discovery.k8s.io/endpointslices': sliceRules,
  'apiextensions.k8s.io/customresourcedefinitions': crdErrors,
};
