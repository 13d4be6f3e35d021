import { BrokenPack } from './pack-cursor.ts';

const PACK_BAND = 1;
const ERROR_BAND = 3;

/** The server says in its answer that it could not do what it was asked for. */
export class ServerGaveUp extends Error {}

/**
 * The pack in an answer of git-upload-pack, which comes in lines of three bands; undefined when the answer has none.
 * @throws ServerGaveUp: isomorphic-git would unpack what came before, which nobody would have looked at
 */
export function packIn(answer: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; at < answer.length; ) {
    const hex = answer.toString('latin1', at, at + 4);
    const length = /^[0-9a-f]{4}$/i.test(hex) ? Number.parseInt(hex, 16) : 2;
    if (length === 2 || length === 3 || at + length > answer.length) throw new BrokenPack('a line has no length');
    const band = length > 4 ? answer[at + 4] : undefined;
    if (band === ERROR_BAND) throw new ServerGaveUp(textOf(answer.subarray(at + 5, at + length)));
    if (band === PACK_BAND) parts.push(answer.subarray(at + 5, at + length));
    at += Math.max(length, 4);
  }
  return parts.length > 0 ? Buffer.concat(parts) : undefined;
}

function textOf(bytes: Buffer): string {
  return bytes
    .toString('utf8')
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 200);
}
