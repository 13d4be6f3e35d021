import { BrokenPack } from './pack-cursor.ts';

const PACK_BAND = 1;
const ERROR_BAND = 3;

/** The pack in an answer of git-upload-pack, which comes in lines of three bands; undefined when the answer has none. */
export function packIn(answer: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; at < answer.length; ) {
    const hex = answer.toString('latin1', at, at + 4);
    const length = /^[0-9a-f]{4}$/i.test(hex) ? Number.parseInt(hex, 16) : 2;
    if (length === 2 || length === 3 || at + length > answer.length) throw new BrokenPack('a line has no length');
    const band = length > 4 ? answer[at + 4] : undefined;
    // What the server could not do, isomorphic-git says.
    if (band === ERROR_BAND) return undefined;
    if (band === PACK_BAND) parts.push(answer.subarray(at + 5, at + length));
    at += Math.max(length, 4);
  }
  return parts.length > 0 ? Buffer.concat(parts) : undefined;
}
