import { ApiError, badRequest } from '../api-error.ts';
import type { JsonValue } from '../json.ts';
import { clone, equal, isObject } from '../json.ts';

/** A patch that does not fit the object: a failing `test`, a missing path. The server gives no further reason. */
function unprocessable(): ApiError {
  return new ApiError(422, 'Invalid', 'the server rejected our request due to an error in our request');
}

const longestPatch = 10_000;

/**
 * Applies an RFC 6902 patch to a copy of the document. Throws 400 for a malformed patch, 413 for more than 10 000
 * operations, and 422 when an operation (also a `test`) fails, with the real server's wording.
 */
export function applyJsonPatch(document: JsonValue, patch: JsonValue): JsonValue {
  if (!Array.isArray(patch)) {
    throw badRequest(
      'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
    );
  }
  if (patch.length > longestPatch) {
    const message = `The allowed maximum operations in a JSON patch is ${longestPatch}, got ${patch.length}`;
    throw new ApiError(413, 'RequestEntityTooLarge', message);
  }
  const root = { document: clone(document) };
  for (const operation of patch) applyOperation(root, operation);
  return root.document;
}

function parsePointer(pointer: JsonValue | undefined): string[] {
  if (pointer === '') return [];
  if (typeof pointer !== 'string' || !pointer.startsWith('/')) throw unprocessable();
  return pointer
    .slice(1)
    .split('/')
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

interface Root {
  document: JsonValue;
}

function applyOperation(root: Root, operation: JsonValue): void {
  if (!isObject(operation)) throw badRequest('error decoding patch: json: cannot unmarshal into handlers.jsonPatchOp');
  const path = parsePointer(operation.path);
  switch (operation.op) {
    case 'add':
      add(root, path, operand(operation.value));
      return;
    case 'remove':
      remove(root, path);
      return;
    case 'replace':
      replace(root, path, operand(operation.value));
      return;
    case 'move': {
      const from = parsePointer(operation.from);
      const value = find(root, from);
      remove(root, from);
      add(root, path, value);
      return;
    }
    case 'copy':
      add(root, path, clone(find(root, parsePointer(operation.from))));
      return;
    case 'test':
      if (!equal(findOrNull(root, path), operation.value ?? null)) throw unprocessable();
      return;
    default:
      throw unprocessable();
  }
}

function operand(value: JsonValue | undefined): JsonValue {
  return value === undefined ? null : clone(value);
}

function indexIn(list: readonly JsonValue[], part: string, limit: number): number {
  if (!/^(0|[1-9]\d*)$/.test(part)) throw unprocessable();
  const index = Number(part);
  if (index > limit) throw unprocessable();
  return Math.min(index, list.length);
}

function find(root: Root, path: readonly string[]): JsonValue {
  let value = root.document;
  for (const part of path) {
    if (Array.isArray(value)) value = value[indexIn(value, part, value.length - 1)] as JsonValue;
    else if (isObject(value) && Object.hasOwn(value, part)) value = value[part] as JsonValue;
    else throw unprocessable();
  }
  return value;
}

/** A `test` reads a missing last member as null, as the library behind the real server does. */
function findOrNull(root: Root, path: readonly string[]): JsonValue {
  const last = path.at(-1);
  if (last === undefined) return root.document;
  const parent = find(root, path.slice(0, -1));
  if (isObject(parent) && !Object.hasOwn(parent, last)) return null;
  return find(root, path);
}

function add(root: Root, path: readonly string[], value: JsonValue): void {
  const last = path.at(-1);
  if (last === undefined) {
    root.document = value;
    return;
  }
  const parent = find(root, path.slice(0, -1));
  if (Array.isArray(parent))
    parent.splice(last === '-' ? parent.length : indexIn(parent, last, parent.length), 0, value);
  else if (isObject(parent) && last !== '__proto__') parent[last] = value;
  else throw unprocessable();
}

function replace(root: Root, path: readonly string[], value: JsonValue): void {
  find(root, path);
  const last = path.at(-1);
  if (last === undefined) {
    root.document = value;
    return;
  }
  const parent = find(root, path.slice(0, -1));
  if (Array.isArray(parent)) parent[Number(last)] = value;
  else if (isObject(parent)) parent[last] = value;
}

function remove(root: Root, path: readonly string[]): void {
  const last = path.at(-1);
  if (last === undefined) throw unprocessable();
  find(root, path);
  const parent = find(root, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else if (isObject(parent)) delete parent[last];
}
