import type { JsonObject, JsonValue } from './json.ts';

/** One entry of a Status' `details.causes`. */
export interface StatusCause {
  reason: string;
  message: string;
  field?: string;
}

/** Reasons whose Status carries `details` even when they are empty. */
const emptyDetails = ['NotFound', 'MethodNotAllowed', 'NotAcceptable', 'Invalid'];

/** What a resource is called in an error: its plural (or kind, for Invalid) and API group. */
export interface ResourceName {
  group: string;
  resource: string;
}

/**
 * A failed request, as the `Status` object that the client gets. Thrown inside the server and turned into a response in
 * one place: every layer below the HTTP edge may end a request, and none of them continues after it.
 */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: JsonObject;

  constructor(code: number, reason: string, message: string, details: JsonObject = {}) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  /** The `Status` object of this error. */
  toStatus(): JsonObject {
    const status: JsonObject = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
    };
    if (this.reason !== '') status.reason = this.reason;
    if (Object.keys(this.details).length > 0 || emptyDetails.includes(this.reason)) status.details = this.details;
    status.code = this.code;
    return status;
  }
}

const qualified = (name: ResourceName): string =>
  name.group === '' ? name.resource : `${name.resource}.${name.group}`;

function detailsOf(type: ResourceName, name: string, extra: JsonObject = {}): JsonObject {
  const details: JsonObject = {};
  if (name !== '') details.name = name;
  if (type.group !== '') details.group = type.group;
  details.kind = type.resource;
  return { ...details, ...extra };
}

/** 404: no such object. */
export function notFound(type: ResourceName, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${qualified(type)} "${name}" not found`, detailsOf(type, name));
}

/** 404: no such path or resource type. */
export function noSuchResource(): ApiError {
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource');
}

/** 409: an object of that name exists. */
export function alreadyExists(type: ResourceName, name: string): ApiError {
  return new ApiError(409, 'AlreadyExists', `${qualified(type)} "${name}" already exists`, detailsOf(type, name));
}

/** 409: the write was made against another version of the object. */
export function conflict(type: ResourceName, name: string, why?: string): ApiError {
  const because = why ?? 'the object has been modified; please apply your changes to the latest version and try again';
  const message = `Operation cannot be fulfilled on ${qualified(type)} "${name}": ${because}`;
  return new ApiError(409, 'Conflict', message, detailsOf(type, name));
}

/** 400. */
export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}

/** 403. */
export function forbidden(type: ResourceName, name: string, why: string, causes?: StatusCause[]): ApiError {
  const what = name === '' ? `${qualified(type)} is forbidden` : `${qualified(type)} "${name}" is forbidden`;
  const extra: JsonObject = causes === undefined ? {} : { causes: causes as unknown as JsonValue };
  return new ApiError(403, 'Forbidden', `${what}: ${why}`, detailsOf(type, name, extra));
}

/** 405. */
export function methodNotAllowed(): ApiError {
  return new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
}

/** 410: the asked resource version or continue token is older than what the server still knows. */
export function expired(message: string): ApiError {
  return new ApiError(410, 'Expired', message);
}

/** 422 with one cause per wrong field. `kind` goes into `details.kind`, as the real server does. */
export function invalid(type: { group: string; kind: string }, name: string, errors: FieldError[]): ApiError {
  const resource = { group: type.group, resource: type.kind };
  const texts = [...new Set(errors.map(error => error.toString()))];
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  const causes = errors.map(error => ({ reason: error.reason, message: error.body, field: error.field }));
  const details = detailsOf(resource, name, { causes: causes as unknown as JsonValue });
  return new ApiError(422, 'Invalid', `${qualified(resource)} "${name}" is invalid: ${list}`, details);
}

/** Any other status code whose reason and message are the caller's. */
export function genericError(code: number, reason: string, message: string, details?: JsonObject): ApiError {
  return new ApiError(code, reason, message, details);
}

/** How a value is printed in a field error: strings quoted, objects as JSON. */
function printValue(value: JsonValue | undefined): string {
  return value === undefined ? 'null' : JSON.stringify(value);
}

/** One wrong field, worded as `k8s.io/apimachinery/pkg/util/validation/field` does. */
export class FieldError {
  readonly field: string;
  readonly reason: string;
  readonly body: string;

  constructor(field: string, reason: string, body: string) {
    this.field = field;
    this.reason = reason;
    this.body = body;
  }

  toString(): string {
    return `${this.field}: ${this.body}`;
  }
}

/** The field must have a value. */
export function required(field: string, detail = ''): FieldError {
  return new FieldError(field, 'FieldValueRequired', detail === '' ? 'Required value' : `Required value: ${detail}`);
}

/** The value breaks a rule. */
export function invalidValue(field: string, value: JsonValue | undefined, detail: string): FieldError {
  const suffix = detail === '' ? '' : `: ${detail}`;
  return new FieldError(field, 'FieldValueInvalid', `Invalid value: ${printValue(value)}${suffix}`);
}

/** The value breaks a rule; objects and lists are not printed. */
export function invalidUnprinted(field: string, detail: string): FieldError {
  return new FieldError(field, 'FieldValueInvalid', `Invalid value: ${detail}`);
}

/** The text is longer than `max`. */
export function tooLong(field: string, max: number): FieldError {
  const body = `Too long: may not be more than ${max} byte${max === 1 ? '' : 's'}`;
  return new FieldError(field, 'FieldValueTooLong', body);
}

/** There are more than `max` entries. */
export function tooMany(field: string, actual: number, max: number): FieldError {
  const body = `Too many: ${actual}: must have at most ${max} item${max === 1 ? '' : 's'}`;
  return new FieldError(field, 'FieldValueTooMany', body);
}

/** The value has the wrong JSON type. */
export function typeInvalid(field: string, value: JsonValue | undefined, detail: string): FieldError {
  return new FieldError(field, 'FieldValueTypeInvalid', `Invalid value: ${printValue(value)}: ${detail}`);
}

/** The value is not one of the allowed ones. */
export function notSupported(field: string, value: JsonValue | undefined, allowed: readonly string[]): FieldError {
  const list = allowed.map(item => JSON.stringify(item)).join(', ');
  const suffix = allowed.length === 0 ? '' : `: supported values: ${list}`;
  return new FieldError(field, 'FieldValueNotSupported', `Unsupported value: ${printValue(value)}${suffix}`);
}

/** The field must not be set (so). */
export function forbiddenField(field: string, detail: string): FieldError {
  return new FieldError(field, 'FieldValueForbidden', `Forbidden: ${detail}`);
}

/** The value occurs twice where it must be unique. */
export function duplicate(field: string, value: JsonValue | undefined): FieldError {
  return new FieldError(field, 'FieldValueDuplicate', `Duplicate value: ${printValue(value)}`);
}
