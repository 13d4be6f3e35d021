import { BrokenPack, PackCursor } from './pack-cursor.ts';

/** Each step costs an object when the delta is applied. */
const MAX_STEPS = 250_000;

/** What a delta makes, and of what, in bytes. */
export interface DeltaSizes {
  readonly base: number;
  readonly result: number;
}

/** A part of what a delta makes: bytes of its base, or its own. */
interface Step {
  readonly own: boolean;
  readonly from: number;
  readonly size: number;
}

/** Reads the sizes that a delta states, and makes sure that its steps come to no more. @throws BrokenPack */
export function readDeltaSizes(delta: Uint8Array): DeltaSizes {
  const cursor = new PackCursor(delta);
  const base = cursor.number();
  const result = cursor.number();
  let made = 0;
  for (let steps = 0; !cursor.atEnd; steps++) {
    if (steps > MAX_STEPS) throw new BrokenPack('a delta has too many steps');
    const { own, from, size } = readStep(cursor);
    if (!own && from + size > base) throw new BrokenPack('a delta copies what is not there');
    made += size;
  }
  if (made !== result) throw new BrokenPack('a delta makes another size than it states');
  return { base, result };
}

/** What a delta makes whose sizes have been read. @throws BrokenPack when it is one of something else */
export function applyDelta(delta: Uint8Array, base: Uint8Array): Buffer {
  const cursor = new PackCursor(delta);
  if (cursor.number() !== base.length) throw new BrokenPack('a delta is one of something else');
  const made = Buffer.alloc(cursor.number());
  for (let at = 0; !cursor.atEnd; ) {
    const { own, from, size } = readStep(cursor);
    made.set((own ? delta : base).subarray(from, from + size), at);
    at += size;
  }
  return made;
}

function readStep(cursor: PackCursor): Step {
  const first = cursor.byte();
  if (first >= 0x80) {
    const from = cursor.masked(first, 4);
    return { own: false, from, size: cursor.masked(first >> 4, 3) || 0x10000 };
  }
  if (first === 0) throw new BrokenPack('a delta has a step of an unknown kind');
  const from = cursor.at;
  cursor.skip(first);
  return { own: true, from, size: first };
}
