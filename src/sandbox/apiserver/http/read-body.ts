import type { IncomingMessage } from 'node:http';
import { load } from 'js-yaml';
import { badRequest, genericError } from '../api-error.ts';
import type { JsonValue } from '../json.ts';
import { dropProtoKeys } from '../json.ts';
import { decodeBody, PROTOBUF } from '../protobuf/decode-body.ts';

/** The largest body that is read: the real server's limit. */
export const largestBody = 3 * 1024 * 1024;

/** Reads a request body; rejects with a 413 when it is larger than the limit. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size > largestBody) {
      throw genericError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${largestBody}`);
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** The media type of a `Content-Type` header, without parameters. */
export function mediaTypeOf(header: string | undefined): string {
  return (header ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

/** Parses a JSON, YAML or Kubernetes protobuf body; throws a 400 for anything else. `__proto__` keys are dropped. */
export function parseBody(body: Buffer, mediaType: string): JsonValue {
  if (mediaType === PROTOBUF) return decodeBody(body);
  const text = body.toString('utf8');
  const isYaml = mediaType.endsWith('yaml');
  try {
    const value: unknown = isYaml && !text.trimStart().startsWith('{') ? load(text) : JSON.parse(text);
    if (isYaml || text.includes('__proto__') || text.includes('\\u')) dropProtoKeys(value);
    // A YAML document may hold dates and undefined; JSON has neither.
    return (isYaml ? JSON.parse(JSON.stringify(value ?? null)) : value) as JsonValue;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(`the object provided is unrecognized: couldn't get version/kind; json parse error: ${why}`);
  }
}
