import { ApiError, badRequest } from '../api-error.ts';
import type { JsonValue, KubeObject } from '../json.ts';
import { isObject, objectAt } from '../json.ts';
import { builtinSchema } from '../schema/builtin-schema.ts';
import { dropNulls } from '../schema/defaulting.ts';
import type { Schema } from '../schema/schema.ts';
import { fieldSchema, isIntOrString } from '../schema/schema.ts';
import { pruneUnknown } from '../schema/unknown-fields.ts';
import type { ResourceType } from '../types/resource-type.ts';
import { apiVersionOf } from '../types/resource-type.ts';
import type { WriteOptions } from './write-options.ts';

/**
 * Makes an object of a request body: checks `apiVersion` and `kind`, drops (and reports) unknown fields, refuses values
 * of the wrong JSON type in built-in kinds. The value is changed in place. Throws a 400 or 422.
 */
export function admitBody(type: ResourceType, value: JsonValue, options: WriteOptions, isPatch = false): KubeObject {
  if (!isObject(value)) throw badRequest(`the object provided is unrecognized (must be of type ${type.kind})`);
  if (!type.custom && value.kind === undefined) value.kind = type.kind;
  if (!type.custom && value.apiVersion === undefined) value.apiVersion = apiVersionOf(type);
  checkKind(type, value.apiVersion, value.kind);
  if (value.metadata === undefined || value.metadata === null) value.metadata = {};
  if (!isObject(value.metadata)) throw decodeError(type, 'metadata', value.metadata);
  const object = value as KubeObject;
  const metadataSchema = builtinSchema('apimachinery.pkg.apis.meta.v1.ObjectMeta');
  dropNulls(object.metadata);
  if (!type.custom) dropNulls(object, type.schema);
  const wrong =
    wrongType(object.metadata, metadataSchema, 'metadata') ??
    (type.custom ? undefined : wrongType(object, type.schema, ''));
  if (wrong !== undefined) throw decodeError(type, wrong.path, wrong.value);
  const unknown = [
    ...pruneUnknown(object.metadata, metadataSchema).map(path => `metadata.${path}`),
    ...pruneUnknown(object, type.schema),
  ];
  if (
    !type.custom &&
    objectAt(object, 'status') !== undefined &&
    Object.keys(objectAt(object, 'status') ?? {}).length === 0
  ) {
    delete object.status;
  }
  reportUnknown(type, object, unknown, options, isPatch);
  return object;
}

function checkKind(type: ResourceType, apiVersion: JsonValue | undefined, kind: JsonValue | undefined): void {
  const expected = apiVersionOf(type);
  if (typeof kind !== 'string' || kind === '') throw badRequest("Object 'Kind' is missing in the request body");
  if (apiVersion !== expected) {
    const version = JSON.stringify(apiVersion ?? '');
    const known = `no kind ${JSON.stringify(kind)} is registered for version ${version} in scheme`;
    throw badRequest(`${kind} in version ${version} cannot be handled as a ${type.kind}: ${known}`);
  }
  if (kind !== type.kind) {
    const found = `${kind} in version ${JSON.stringify(type.version)}`;
    throw badRequest(`${found} cannot be handled as a ${type.kind}: unknown conversion`);
  }
}

function reportUnknown(
  type: ResourceType,
  object: KubeObject,
  unknown: readonly string[],
  options: WriteOptions,
  isPatch: boolean,
): void {
  if (unknown.length === 0 || options.fieldValidation === 'Ignore') return;
  const texts = unknown.map(path => `unknown field "${path}"`);
  if (options.fieldValidation === 'Warn') {
    options.warnings.push(...texts);
    return;
  }
  const message = `strict decoding error: ${texts.join(', ')}`;
  if (isPatch) {
    throw new ApiError(
      422,
      'Invalid',
      ` "" is invalid: patch: Invalid value: ${JSON.stringify(JSON.stringify(object))}: ${message}`,
      {
        causes: [
          {
            reason: 'FieldValueInvalid',
            message: `Invalid value: ${JSON.stringify(JSON.stringify(object))}: ${message}`,
            field: 'patch',
          },
        ],
      },
    );
  }
  throw badRequest(
    `${type.kind} in version ${JSON.stringify(type.version)} cannot be handled as a ${type.kind}: ${message}`,
  );
}

interface WrongType {
  path: string;
  value: JsonValue;
}

/** The first value whose JSON type a typed decoder would refuse. */
function wrongType(value: JsonValue | undefined, schema: Schema | undefined, path: string): WrongType | undefined {
  if (value === undefined || value === null || schema === undefined) return undefined;
  if (isIntOrString(schema) || schema.oneOf !== undefined) {
    return typeof value === 'string' || typeof value === 'number' ? undefined : { path, value };
  }
  if (!fits(value, schema)) return { path, value };
  if (Array.isArray(value)) {
    for (const item of value) {
      const wrong = wrongType(item, schema.items, path);
      if (wrong !== undefined) return wrong;
    }
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      if (path === '' && key === 'metadata') continue;
      const wrong = wrongType(value[key], fieldSchema(schema, key), path === '' ? key : `${path}.${key}`);
      if (wrong !== undefined) return wrong;
    }
  }
  return undefined;
}

function fits(value: JsonValue, schema: Schema): boolean {
  switch (schema.type) {
    case 'object':
      return isObject(value);
    case 'array':
      return Array.isArray(value);
    case 'string':
      return typeof value === 'string';
    case 'boolean':
      return typeof value === 'boolean';
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return typeof value === 'number';
    default:
      return true;
  }
}

function decodeError(type: ResourceType, path: string, value: JsonValue): ApiError {
  const found = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  const field = `Go struct field ${type.kind}.${path}`;
  const text = `json: cannot unmarshal ${found} into ${field}`;
  return badRequest(
    `${type.kind} in version ${JSON.stringify(type.version)} cannot be handled as a ${type.kind}: ${text}`,
  );
}
