import type { JsonObject, JsonValue } from '../json.ts';
import { clone, isObject } from '../json.ts';

/** Applies an RFC 7386 merge patch to a copy of the document. */
export function applyMergePatch(document: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (!isObject(patch)) return clone(patch);
  const out: JsonObject = isObject(document) ? clone(document) : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else out[key] = applyMergePatch(out[key], value);
  }
  return out;
}
