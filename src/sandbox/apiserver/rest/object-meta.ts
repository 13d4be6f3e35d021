import type { FieldError } from '../api-error.ts';
import { invalidValue, required } from '../api-error.ts';
import type { JsonObject, KubeObject } from '../json.ts';
import { arrayAt, equal, isObject, objectAt, stringAt } from '../json.ts';
import { labelValueProblem, pathSegmentProblem, qualifiedNameProblem, subdomainProblem } from '../types/names.ts';
import type { ResourceType } from '../types/resource-type.ts';

const largestAnnotations = 256 * 1024;

/** Wrong fields of `metadata` that every kind shares. */
export function metadataErrors(type: ResourceType, metadata: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const name = stringAt(metadata, 'name') ?? '';
  if (name === '') errors.push(required('metadata.name', 'name or generateName is required'));
  else {
    const problem = type.group === 'rbac.authorization.k8s.io' ? pathSegmentProblem(name) : subdomainProblem(name);
    if (problem !== undefined) errors.push(invalidValue('metadata.name', name, problem));
  }
  for (const [key, value] of Object.entries(objectAt(metadata, 'labels') ?? {})) {
    const keyProblem = qualifiedNameProblem(key);
    if (keyProblem !== undefined) errors.push(invalidValue('metadata.labels', key, keyProblem));
    const valueProblem = labelValueProblem(String(value));
    if (valueProblem !== undefined) errors.push(invalidValue('metadata.labels', value, valueProblem));
  }
  let size = 0;
  for (const [key, value] of Object.entries(objectAt(metadata, 'annotations') ?? {})) {
    const problem = qualifiedNameProblem(key.toLowerCase());
    if (problem !== undefined) errors.push(invalidValue('metadata.annotations', key, problem));
    size += key.length + String(value).length;
  }
  if (size > largestAnnotations)
    errors.push(invalidValue('metadata.annotations', '', `may not be more than ${largestAnnotations} bytes`));
  errors.push(...ownerErrors(metadata), ...finalizerErrors(metadata));
  return errors;
}

function ownerErrors(metadata: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  let controllers = 0;
  arrayAt(metadata, 'ownerReferences').forEach((owner, i) => {
    if (!isObject(owner)) return;
    for (const key of ['apiVersion', 'kind', 'name', 'uid']) {
      if ((stringAt(owner, key) ?? '') === '') {
        errors.push(invalidValue(`metadata.ownerReferences[${i}].${key}`, owner[key] ?? '', 'must not be empty'));
      }
    }
    if (owner.controller === true) controllers += 1;
  });
  if (controllers > 1) {
    const detail = 'Only one reference can have Controller set to true';
    errors.push(invalidValue('metadata.ownerReferences', arrayAt(metadata, 'ownerReferences'), detail));
  }
  return errors;
}

const ownFinalizers = ['orphan', 'foregroundDeletion', 'kubernetes'];

function finalizerErrors(metadata: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  arrayAt(metadata, 'finalizers').forEach((finalizer, i) => {
    const text = String(finalizer);
    const problem = ownFinalizers.includes(text) ? undefined : qualifiedNameProblem(text);
    if (problem !== undefined) errors.push(invalidValue(`metadata.finalizers[${i}]`, text, problem));
  });
  return errors;
}

/** Fields that change with every write and therefore say nothing of a change. */
export function sameBesidesVersion(a: KubeObject, b: KubeObject): boolean {
  const strip = (object: KubeObject): JsonObject => {
    const { resourceVersion: _, ...metadata } = object.metadata;
    return { ...object, metadata };
  };
  return equal(strip(a), strip(b));
}

/** True when the change is one that counts up `metadata.generation`: anything but metadata and, where isolated, status. */
export function changesGeneration(type: ResourceType, before: KubeObject, after: KubeObject): boolean {
  const strip = (object: KubeObject): JsonObject => {
    const { metadata: _, ...rest } = object;
    if (type.hasStatus || !type.custom) delete rest.status;
    return rest;
  };
  return !equal(strip(before), strip(after));
}

/** The time as objects carry it: RFC 3339 with whole seconds. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
