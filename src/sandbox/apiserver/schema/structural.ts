import type { FieldError } from '../api-error.ts';
import { forbiddenField, required } from '../api-error.ts';
import type { Schema } from './schema.ts';
import { isIntOrString } from './schema.ts';

/** Why a CRD's schema is not structural: missing types, keywords that only a type-bearing level may have. */
export function structuralErrors(schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.type !== 'object') errors.push(required(`${path}.type`, 'must be object at the root'));
  checkLevel(schema, path, errors, true);
  return errors;
}

function checkLevel(schema: Schema, path: string, errors: FieldError[], isRoot = false): void {
  const typeless = isIntOrString(schema) || schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (schema.type === undefined && !typeless && !isRoot) {
    errors.push(required(`${path}.type`, 'must not be empty for specified object fields'));
  }
  if (schema.properties !== undefined && schema.additionalProperties !== undefined) {
    errors.push(forbiddenField(`${path}.additionalProperties`, 'must not be used together with properties'));
  }
  if (schema.type === 'array' && schema.items === undefined)
    errors.push(required(`${path}.items`, 'must be specified'));
  if (schema.additionalProperties === false) {
    errors.push(forbiddenField(`${path}.additionalProperties`, 'additionalProperties may not be set to false'));
  }
  if (schema.uniqueItems === true)
    errors.push(
      forbiddenField(
        `${path}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    );
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (schema['x-kubernetes-list-type'] === 'map' && keys.length === 0) {
    errors.push(required(`${path}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map'));
  }
  checkMapKeys(schema, keys, path, errors);
  checkJunctors(schema, path, errors);
  for (const [name, child] of Object.entries(schema.properties ?? {}))
    checkLevel(child, `${path}.properties[${name}]`, errors);
  if (schema.items !== undefined) checkLevel(schema.items, `${path}.items`, errors);
  if (typeof schema.additionalProperties === 'object') {
    checkLevel(schema.additionalProperties, `${path}.additionalProperties`, errors);
  }
}

function checkMapKeys(schema: Schema, keys: readonly string[], path: string, errors: FieldError[]): void {
  for (const key of keys) {
    const property = schema.items?.properties?.[key];
    const isGuarded = schema.items?.required?.includes(key) === true || property?.default !== undefined;
    if (!isGuarded) {
      const detail =
        'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
      errors.push(required(`${path}.items.properties[${key}].default`, detail));
    }
  }
}

const structuralOnly = ['type', 'default', 'additionalProperties', 'nullable', 'description'] as const;

/** Inside `allOf`, `anyOf`, `oneOf` and `not` only value validations may stand. */
function checkJunctors(schema: Schema, path: string, errors: FieldError[]): void {
  const branches: [string, Schema][] = [];
  for (const word of ['allOf', 'anyOf', 'oneOf'] as const) {
    (schema[word] ?? []).forEach((branch, i) => {
      branches.push([`${path}.${word}[${i}]`, branch]);
    });
  }
  if (schema.not !== undefined) branches.push([`${path}.not`, schema.not]);
  for (const [at, branch] of branches) {
    for (const word of structuralOnly) {
      const allowed = word === 'type' && isIntOrString(schema);
      if (branch[word] !== undefined && !allowed) {
        errors.push(forbiddenField(`${at}.${word}`, 'must be empty to be structural'));
      }
    }
    checkJunctors(branch, at, errors);
  }
}
