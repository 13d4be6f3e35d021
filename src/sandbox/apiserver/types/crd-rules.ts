import type { FieldError } from '../api-error.ts';
import { invalidValue, notSupported, required } from '../api-error.ts';
import type { JsonObject, KubeObject } from '../json.ts';
import { arrayAt, equal, isObject, objectAt, stringAt } from '../json.ts';
import { compileRule } from '../schema/cel-rules.ts';
import type { Schema } from '../schema/schema.ts';
import { structuralErrors } from '../schema/structural.ts';
import { compileJsonPath } from '../table/json-path.ts';

/** Validation of a CustomResourceDefinition: names, versions, structural schemas, rules and columns that parse. */
export function crdErrors(crd: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = objectAt(crd, 'spec') ?? {};
  const names = objectAt(spec, 'names') ?? {};
  const errors: FieldError[] = [];
  const group = stringAt(spec, 'group') ?? '';
  const plural = stringAt(names, 'plural') ?? '';
  if (group === '') errors.push(required('spec.group'));
  if (plural === '') errors.push(required('spec.names.plural'));
  if ((stringAt(names, 'kind') ?? '') === '') errors.push(required('spec.names.kind'));
  const name = stringAt(crd.metadata, 'name') ?? '';
  const expected = `${plural}.${group}`;
  if (name !== expected) errors.push(invalidValue('metadata.name', name, 'must be spec.names.plural+"."+spec.group'));
  const scope = stringAt(spec, 'scope') ?? '';
  if (scope !== 'Namespaced' && scope !== 'Cluster')
    errors.push(notSupported('spec.scope', scope, ['Cluster', 'Namespaced']));
  errors.push(...versionErrors(arrayAt(spec, 'versions').filter(isObject)));
  errors.push(...immutableErrors(spec, objectAt(old, 'spec')));
  return errors;
}

function versionErrors(versions: readonly JsonObject[]): FieldError[] {
  const errors: FieldError[] = [];
  if (versions.length === 0) return [required('spec.versions')];
  const stored = versions.filter(version => version.storage === true);
  if (stored.length !== 1) {
    errors.push(invalidValue('spec.versions', null, 'must have exactly one version marked as storage version'));
  }
  versions.forEach((version, i) => {
    // The real server folds what all versions share into the top level before it validates.
    const isFolded = versions.every(other => equal(other.schema, version.schema));
    if (isFolded && i > 0) return;
    const path = isFolded ? 'spec.validation' : `spec.versions[${i}].schema`;
    const schema = objectAt(objectAt(version, 'schema'), 'openAPIV3Schema');
    if (schema === undefined) errors.push(required(`${path}.openAPIV3Schema`, 'schemas are required'));
    else {
      errors.push(...structuralErrors(schema as unknown as Schema, `${path}.openAPIV3Schema`));
      errors.push(...ruleErrors(schema as unknown as Schema, `${path}.openAPIV3Schema`));
    }
    errors.push(...columnErrors(version, isFolded ? 'spec' : `spec.versions[${i}]`));
  });
  return errors;
}

function columnErrors(version: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  arrayAt(version, 'additionalPrinterColumns').forEach((column, i) => {
    if (!isObject(column)) return;
    const at = `${path}.additionalPrinterColumns[${i}]`;
    const text = stringAt(column, 'jsonPath') ?? '';
    if (text === '') errors.push(required(`${at}.JSONPath`));
    else if (!text.startsWith('.') || compileJsonPath(text) === undefined) {
      errors.push(invalidValue(`${at}.JSONPath`, text, 'is not a valid JSONPath'));
    }
    const types = ['boolean', 'date', 'integer', 'number', 'string'];
    const type = stringAt(column, 'type') ?? '';
    if (!types.includes(type)) errors.push(notSupported(`${at}.type`, type, types));
  });
  return errors;
}

function ruleErrors(schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  (schema['x-kubernetes-validations'] ?? []).forEach((rule, i) => {
    const compiled = compileRule(rule.rule);
    if (compiled instanceof Error) {
      const detail = `compilation failed: ${compiled.message.split('\n')[0] ?? ''}`;
      errors.push(invalidValue(`${path}.x-kubernetes-validations[${i}].rule`, rule.rule, detail));
    }
  });
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    errors.push(...ruleErrors(child, `${path}.properties[${name}]`));
  }
  if (schema.items !== undefined) errors.push(...ruleErrors(schema.items, `${path}.items`));
  if (typeof schema.additionalProperties === 'object') {
    errors.push(...ruleErrors(schema.additionalProperties, `${path}.additionalProperties`));
  }
  return errors;
}

function immutableErrors(spec: JsonObject, old: JsonObject | undefined): FieldError[] {
  if (old === undefined) return [];
  const errors: FieldError[] = [];
  for (const key of ['group', 'scope']) {
    if (!equal(spec[key], old[key])) errors.push(invalidValue(`spec.${key}`, spec[key], 'field is immutable'));
  }
  for (const key of ['plural', 'kind']) {
    const before = objectAt(old, 'names')?.[key];
    const now = objectAt(spec, 'names')?.[key];
    if (!equal(before, now)) errors.push(invalidValue(`spec.names.${key}`, now, 'field is immutable'));
  }
  return errors;
}
