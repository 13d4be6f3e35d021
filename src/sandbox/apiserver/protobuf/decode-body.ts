import { badRequest, genericError } from '../api-error.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { decodeMessage } from './decode-message.ts';
import { protobufFields } from './protobuf-fields.gen.ts';
import { readFields, WireError } from './wire-reader.ts';

/** What kubectl sends for the built-in kinds that it makes itself, as in `kubectl create namespace`. */
export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0]);
const MAX_DEPTH = 100;

/**
 * An object from Kubernetes' protobuf envelope: four magic bytes, then `runtime.Unknown` with the object's type and its bytes.
 * @throws ApiError 400 when it cannot be read, 415 for a kind that this server takes as JSON only
 */
export function decodeBody(body: Buffer): JsonValue {
  if (!body.subarray(0, 4).equals(MAGIC)) throw badRequest('the body does not begin as a Kubernetes protobuf does');
  try {
    const { apiVersion, kind, raw } = readEnvelope(body.subarray(4));
    const name = messageName(apiVersion, kind);
    if (name === undefined) throw jsonOnly(apiVersion, kind);
    const object = decodeMessage(name, raw, MAX_DEPTH);
    return { apiVersion, kind, ...object } satisfies JsonObject;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw badRequest(`the protobuf body cannot be read: ${error.message}`);
  }
}

function readEnvelope(message: Buffer): { apiVersion: string; kind: string; raw: Buffer } {
  const envelope: { apiVersion: string; kind: string; raw: Buffer } = {
    apiVersion: '',
    kind: '',
    raw: Buffer.alloc(0),
  };
  for (const field of readFields(message)) {
    if (field.kind !== 'bytes') continue;
    if (field.number === 2) envelope.raw = field.bytes;
    if (field.number !== 1) continue;
    for (const meta of readFields(field.bytes)) {
      if (meta.kind === 'bytes' && meta.number === 1) envelope.apiVersion = meta.bytes.toString();
      if (meta.kind === 'bytes' && meta.number === 2) envelope.kind = meta.bytes.toString();
    }
  }
  return envelope;
}

/** `apps/v1` Deployment is the message `api.apps.v1.Deployment`; groups with a domain are named by their first word. */
function messageName(apiVersion: string, kind: string): string | undefined {
  if (kind === 'DeleteOptions') return 'apimachinery.pkg.apis.meta.v1.DeleteOptions';
  const [group = '', version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  const name = `api.${group.split('.')[0]}.${version}.${kind}`;
  return Object.hasOwn(protobufFields, name) ? name : undefined;
}

function jsonOnly(apiVersion: string, kind: string) {
  const what = `${kind || 'the object'} (${apiVersion || 'no version'})`;
  return genericError(
    415,
    'UnsupportedMediaType',
    `${what} is taken as JSON only; use: kubectl create ... --dry-run=client -o yaml | kubectl apply -f -`,
  );
}
