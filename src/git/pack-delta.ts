import { BrokenPack, PackCursor } from './pack-cursor.ts';

/** Each step costs an object when the delta is applied. */
const MAX_STEPS = 250_000;

/** What a delta makes, and of what, in bytes. */
export interface DeltaSizes {
  readonly base: number;
  readonly result: number;
}

/** Reads the sizes that a delta states, and makes sure that its steps come to no more. @throws BrokenPack */
export function readDeltaSizes(delta: Uint8Array): DeltaSizes {
  const cursor = new PackCursor(delta);
  const base = cursor.number();
  const result = cursor.number();
  let made = 0;
  for (let steps = 0; !cursor.atEnd; steps++) {
    if (steps > MAX_STEPS) throw new BrokenPack('a delta has too many steps');
    const step = cursor.byte();
    if (step >= 0x80) {
      const from = cursor.masked(step, 4);
      const size = cursor.masked(step >> 4, 3) || 0x10000;
      if (from + size > base) throw new BrokenPack('a delta copies what is not there');
      made += size;
    } else {
      if (step === 0) throw new BrokenPack('a delta has a step of an unknown kind');
      cursor.skip(step);
      made += step;
    }
  }
  if (made !== result) throw new BrokenPack('a delta makes another size than it states');
  return { base, result };
}
