import type { FieldError } from '../api-error.ts';
import { invalid } from '../api-error.ts';
import type { KubeObject } from '../json.ts';
import { stringAt } from '../json.ts';
import { celErrors } from '../schema/cel-rules.ts';
import { validateSchema } from '../schema/validation.ts';
import type { ResourceType } from '../types/resource-type.ts';
import { metadataErrors } from './object-meta.ts';

/** Checks a defaulted object; throws a 422 with one cause per wrong field. `nowMs` feeds no rule but keeps ages out of here. */
export function validateObject(type: ResourceType, object: KubeObject, old: KubeObject | undefined): void {
  const errors: FieldError[] = metadataErrors(type, object.metadata);
  if (type.custom && type.schema !== undefined) {
    const { metadata: _, ...rest } = object;
    const schemaErrors = validateSchema(rest, withoutMetadata(type.schema));
    errors.push(...schemaErrors);
    // Rules read typed values; they say nothing about a value whose types are wrong.
    if (schemaErrors.length === 0) errors.push(...celErrors(object, old, type.schema));
  }
  errors.push(...(type.validate?.(object, old) ?? []));
  if (errors.length > 0) throw invalid(type, stringAt(object.metadata, 'name') ?? '', errors);
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
