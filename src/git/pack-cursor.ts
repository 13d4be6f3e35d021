/** A pack, or the answer that it came in, is not what it should be. */
export class BrokenPack extends Error {
  override readonly name = 'BrokenPack';
}

/** No number in a pack that we would take has more bytes. */
const MAX_NUMBER_BYTES = 8;

/** Reads the numbers of Git's pack format, one after the other. @throws BrokenPack at the end of the bytes */
export class PackCursor {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  get atEnd(): boolean {
    return this.at >= this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.at];
    if (byte === undefined) throw new BrokenPack('it ends in the middle');
    this.at += 1;
    return byte;
  }

  skip(count: number): void {
    this.at += count;
    if (this.at > this.#bytes.length) throw new BrokenPack('it ends in the middle');
  }

  /** Seven bits a byte, the lowest first. @param low what came before, of `scale` values */
  number(low = 0, scale = 1): number {
    let value = low;
    let unit = scale;
    for (let n = 0; n < MAX_NUMBER_BYTES; n++) {
      const byte = this.byte();
      value += (byte & 0x7f) * unit;
      unit *= 128;
      if (byte < 0x80) return value;
    }
    throw new BrokenPack('a number is too long');
  }

  /** How far back the base of a delta is: seven bits a byte, the highest first, and no number in two ways. */
  distance(): number {
    let byte = this.byte();
    let value = byte & 0x7f;
    for (let n = 1; byte >= 0x80; n++) {
      if (n >= MAX_NUMBER_BYTES) throw new BrokenPack('a number is too long');
      byte = this.byte();
      value = (value + 1) * 128 + (byte & 0x7f);
    }
    return value;
  }

  /** A number of which only the bytes in `mask` are there, the lowest first. */
  masked(mask: number, bytes: number): number {
    let value = 0;
    for (let n = 0; n < bytes; n++) if (mask & (1 << n)) value += this.byte() * 256 ** n;
    return value;
  }
}
