import type { FieldError } from '../api-error.ts';
import { invalid, invalidValue } from '../api-error.ts';
import type { KubeObject } from '../json.ts';
import { stringAt } from '../json.ts';
import { celErrors, hasRules } from '../schema/cel-rules.ts';
import { validateSchema } from '../schema/validation.ts';
import type { ResourceType } from '../types/resource-type.ts';
import { metadataErrors } from './object-meta.ts';

/** Checks a defaulted object; throws a 422 with one cause per wrong field. */
export function validateObject(type: ResourceType, object: KubeObject, old: KubeObject | undefined): void {
  const errors: FieldError[] = metadataErrors(type, object.metadata);
  if (type.custom && type.schema !== undefined) {
    const { metadata: _, ...rest } = object;
    const schemaErrors = validateSchema(rest, withoutMetadata(type.schema));
    errors.push(...schemaErrors, ...ruleErrors(object, old, type.schema, schemaErrors));
  }
  errors.push(...(type.validate?.(object, old) ?? []));
  if (errors.length > 0) throw invalid(type, stringAt(object.metadata, 'name') ?? '', errors);
}

const blocking = [
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
];

/** CEL rules read typed values: they are not evaluated on an object whose shape is wrong, and the answer says so. */
function ruleErrors(
  object: KubeObject,
  old: KubeObject | undefined,
  schema: NonNullable<ResourceType['schema']>,
  found: readonly FieldError[],
): FieldError[] {
  if (!hasRules(schema)) return [];
  if (!found.some(error => blocking.includes(error.reason))) return celErrors(object, old, schema);
  const detail =
    'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
  return [invalidValue('<nil>', null, detail)];
}

const trimmed = new WeakMap<object, NonNullable<ResourceType['schema']>>();

/** `metadata` has rules of its own; a CRD's schema may only restrict name and generateName. */
function withoutMetadata(schema: NonNullable<ResourceType['schema']>): NonNullable<ResourceType['schema']> {
  const known = trimmed.get(schema);
  if (known !== undefined) return known;
  const { metadata: _, ...properties } = schema.properties ?? {};
  const out = { ...schema, properties, required: (schema.required ?? []).filter(name => name !== 'metadata') };
  trimmed.set(schema, out);
  return out;
}
