import { canonicalJson } from './canonical-json.ts';

/** Version of the hash rule. A new version re-labels ReplicaSets; it never starts a rollout. */
export const HASH_VERSION = '1';

/** No vowels and no look-alikes, so that a hash never spells a word (as Kubernetes' SafeEncodeString). */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const LENGTH = 10;

const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;
const MASK = 0xffffffffffffffffn;

const remembered = new WeakMap<object, string>();

/**
 * Identity of a pod template as its author wrote it: version, then 10 characters of FNV-1a 64 over the canonical JSON.
 * Never over defaulted or typed structures: a library upgrade must not look like a new revision.
 */
export function revisionHash(template: object): string {
  const known = remembered.get(template);
  if (known) return known;
  const hash = HASH_VERSION + encode(fnv1a64(canonicalJson(template)));
  remembered.set(template, hash);
  return hash;
}

/** Short identity of any document, such as a list of steps. */
export function documentHash(document: unknown): string {
  return encode(fnv1a64(canonicalJson(document)));
}

function fnv1a64(text: string): bigint {
  let hash = FNV_OFFSET;
  for (const byte of new TextEncoder().encode(text)) hash = ((hash ^ BigInt(byte)) * FNV_PRIME) & MASK;
  return hash;
}

function encode(hash: bigint): string {
  const base = BigInt(ALPHABET.length);
  let rest = hash;
  let text = '';
  for (let i = 0; i < LENGTH; i++) {
    text += ALPHABET[Number(rest % base)];
    rest /= base;
  }
  return text;
}
