import type { ApiError } from '../api-error.ts';
import { badRequest, genericError } from '../api-error.ts';
import type { JsonValue, KubeObject } from '../json.ts';
import { clone, isObject } from '../json.ts';
import { applyJsonPatch } from '../patch/json-patch.ts';
import { applyMergePatch } from '../patch/merge-patch.ts';
import { applyStrategicMergePatch } from '../patch/strategic-merge-patch.ts';
import type { Schema } from '../schema/schema.ts';
import type { ResourceType } from '../types/resource-type.ts';

/** The media types of the patches that this server understands. */
export const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** 415: a body of a media type that the resource does not take. */
export function unsupportedMediaType(type: ResourceType | undefined): ApiError {
  const known = Object.values(patchTypes).filter(name => !(type?.custom === true && name === patchTypes.strategic));
  const message = `the body of the request was in an unknown format - accepted media types include: ${known.join(', ')}`;
  return genericError(415, 'UnsupportedMediaType', message);
}

/** The patched copy of an object, for every patch but an apply. Throws 400, 413, 415 or 422. */
export function patched(
  type: ResourceType,
  target: KubeObject,
  mediaType: string,
  patch: JsonValue,
  schema: Schema | undefined,
): JsonValue {
  if (mediaType === patchTypes.json) return applyJsonPatch(target, patch);
  if (mediaType === patchTypes.merge) {
    if (!isObject(patch))
      throw badRequest('error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}');
    return applyMergePatch(target, patch);
  }
  if (mediaType === patchTypes.strategic && !type.custom) return applyStrategicMergePatch(clone(target), patch, schema);
  throw unsupportedMediaType(type);
}
