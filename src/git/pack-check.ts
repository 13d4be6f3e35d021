import { inflateSync } from 'node:zlib';
import type { Pace } from './pace.ts';
import { PackBases } from './pack-bases.ts';
import { BrokenPack, PackCursor } from './pack-cursor.ts';
import { readDeltaSizes } from './pack-delta.ts';

/** What a pack may come to once it is unpacked. */
export interface PackLimits {
  /** Files, folders and commits. */
  readonly objects: number;
  /** Of one of them. */
  readonly objectBytes: number;
  /** Of all together. */
  readonly unpackedBytes: number;
}

/** A pack asks for more than it may. The message goes on from "the tip of main in <repository>". */
export class PackTooLarge extends Error {}

const HEADER_BYTES = 12;
const HASH_BYTES = 20;
const OFS_DELTA = 6;
const REF_DELTA = 7;
/** Beside the deltas: commits, trees, blobs and tags. */
const TYPES = new Set([1, 2, 3, 4, OFS_DELTA, REF_DELTA]);
/** What it may cost to resolve all deltas, each from the start of its chain, as a multiple of what they may come to. */
const WORK = 8;

/** What is known of the entries before one. */
interface Known {
  /** By where they are. */
  readonly work: ReadonlyMap<number, number | undefined>;
  readonly bases: PackBases;
}

interface Entry {
  /** Bytes of the object itself. */
  readonly size: number;
  /** What is unpacked to read it alone; undefined where that is not known without its base. */
  readonly work: number | undefined;
  /** Where the next one begins. */
  readonly end: number;
}

/**
 * Looks through a pack before anything unpacks it whole: isomorphic-git unpacks every object in one piece, also those that are in no
 * folder of ours, and a few bytes can become any number. Of the objects only the latest few are in memory here.
 * @throws PackTooLarge, BrokenPack, TookTooLong
 */
export async function checkPack(pack: Buffer, limits: PackLimits, pace: Pace): Promise<void> {
  if (pack.length < HEADER_BYTES + HASH_BYTES || pack.toString('latin1', 0, 4) !== 'PACK' || pack.readUInt32BE(4) !== 2)
    throw new BrokenPack('it does not begin as a pack does');
  const count = pack.readUInt32BE(8);
  if (count > limits.objects) throw new PackTooLarge(`has ${count} files and folders, more than ${limits.objects}`);
  const body = pack.subarray(0, -HASH_BYTES);
  const work = new Map<number, number | undefined>();
  const bases = new PackBases();
  let [unpacked, worked, unknown, largest] = [0, 0, 0, 0];
  for (let n = 0, at = HEADER_BYTES; n < count; n++) {
    await pace.turn();
    const entry = readEntry(body, at, limits, { work, bases });
    unpacked += entry.size;
    largest = Math.max(largest, entry.size);
    worked += entry.work ?? entry.size;
    if (entry.work === undefined) unknown += 1;
    work.set(at, entry.work);
    if (unpacked > limits.unpackedBytes)
      throw new PackTooLarge(`comes to more than ${limits.unpackedBytes} bytes when unpacked`);
    if (worked + unknown * largest > WORK * limits.unpackedBytes)
      throw new PackTooLarge(
        'takes too much work to unpack, since much in it is stored as a change of something large',
      );
    at = entry.end;
  }
}

function readEntry(body: Buffer, at: number, limits: PackLimits, { work, bases }: Known): Entry {
  const cursor = new PackCursor(body, at);
  const first = cursor.byte();
  const type = (first >> 4) & 0x7;
  const stated = first >= 0x80 ? cursor.number(first & 0xf, 16) : first & 0xf;
  assertSize(stated, limits);
  if (!TYPES.has(type)) throw new BrokenPack('an object is of no kind');
  const baseAt = readBase(cursor, body, at, type, bases);
  // What is no entry would be bytes that nobody looked at.
  if (type === OFS_DELTA && !work.has(baseAt ?? -1)) throw new BrokenPack('a delta has no base');
  const { data, consumed } = inflate(body.subarray(cursor.at), stated);
  const end = cursor.at + consumed;
  if (type !== OFS_DELTA && type !== REF_DELTA) {
    bases.add(at, type, data);
    return { size: stated, work: stated, end };
  }
  const { base: baseSize, result } = readDeltaSizes(data);
  for (const size of [baseSize, result]) assertSize(size, limits);
  bases.addDelta(at, data, baseAt);
  const base = baseAt === undefined ? undefined : work.get(baseAt);
  return { size: result, work: base === undefined ? undefined : base + stated + result, end };
}

function readBase(cursor: PackCursor, body: Buffer, at: number, type: number, bases: PackBases): number | undefined {
  if (type === OFS_DELTA) return at - cursor.distance();
  if (type !== REF_DELTA) return undefined;
  cursor.skip(HASH_BYTES);
  return bases.placeOf(body.toString('hex', cursor.at - HASH_BYTES, cursor.at));
}

function assertSize(size: number, { objectBytes }: PackLimits): void {
  if (size > objectBytes)
    throw new PackTooLarge(
      `has a file of ${size} bytes, more than ${objectBytes}, which is read whatever spec.path says (git ls-tree -rl names it by its size)`,
    );
}

function inflate(bytes: Uint8Array, stated: number): { data: Buffer; consumed: number } {
  // One byte more than stated tells that there is more; what was not asked for is never unpacked.
  const options = { info: true, maxOutputLength: stated + 1, chunkSize: Math.min(Math.max(stated + 1, 64), 1 << 16) };
  try {
    // With `info` it answers with its engine too, which the types do not know.
    const { buffer, engine } = inflateSync(bytes, options) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    if (buffer.length === stated) return { data: buffer, consumed: engine.bytesWritten };
  } catch {
    // Said below: whatever zlib says of it is of no use to anybody.
  }
  throw new BrokenPack('an object is not of the size that it states');
}
