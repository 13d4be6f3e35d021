import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Pace, TookTooLong } from '../../src/git/pace.ts';
import { checkPack, PackTooLarge } from '../../src/git/pack-check.ts';
import { BrokenPack } from '../../src/git/pack-cursor.ts';

const [BLOB, OFS_DELTA, REF_DELTA] = [3, 6, 7];
const LIMITS = { objects: 1_000, objectBytes: 100_000, unpackedBytes: 300_000 };

/** The lowest seven bits first. */
function number(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 0x80, ...number(Math.floor(value / 128))];
}

/** @param stated what its header says that it comes to */
function entry(type: number, data: Uint8Array, base: readonly number[] = [], stated = data.length): Buffer {
  const low = (type << 4) | (stated & 0xf);
  const rest = Math.floor(stated / 16);
  const header = rest > 0 ? [low | 0x80, ...number(rest)] : [low];
  return Buffer.concat([Buffer.from([...header, ...base]), deflateSync(data)]);
}

/** Where the base of a delta is: the highest seven bits first. */
function distance(value: number): number[] {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    rest -= 1;
    bytes.unshift((rest % 128) | 0x80);
  }
  return bytes;
}

const delta = (base: number, result: number, steps: readonly number[]) =>
  Buffer.from([...number(base), ...number(result), ...steps]);
/** A step that copies the first bytes of the base, up to 64 KiB. */
const copy = (size: number) => [0xb0, size & 0xff, size >> 8];

function pack(...entries: Buffer[]): Buffer {
  const header = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1');
  header.writeUInt32BE(entries.length, 8);
  const content = Buffer.concat([header, ...entries]);
  return Buffer.concat([content, createHash('sha1').update(content).digest()]);
}

const check = (bytes: Buffer, limits = LIMITS) => checkPack(bytes, limits, new Pace(10_000));
const zeros = (size: number) => Buffer.alloc(size);

describe('a pack that may be unpacked', () => {
  it('holds objects and changes of them, wherever their base is', async () => {
    const base = entry(BLOB, zeros(1_000));
    const other = entry(BLOB, Buffer.from('other'));
    const change = entry(
      OFS_DELTA,
      delta(1_000, 503, [...copy(500), 3, 1, 2, 3]),
      distance(base.length + other.length),
    );
    const byName = entry(REF_DELTA, delta(503, 500, copy(500)), new Array(20).fill(7));
    await check(pack(base, other, change, byName));
  });

  it.each([1, 15, 16, 127, 128, 16_384, 99_999])('holds an object of %i bytes', async size => {
    await check(pack(entry(BLOB, zeros(size)), entry(BLOB, zeros(0))));
  });
});

describe('a pack of a server that names the base of a delta by its hash', () => {
  const hashOf = (data: Buffer) => [...createHash('sha1').update(`blob ${data.length}\0`).update(data).digest()];
  /** Each a change of the one before it. */
  function chain(length: number, hash: (data: Buffer) => number[]): Buffer[] {
    const entries = [entry(BLOB, zeros(1_000))];
    for (let n = 0, before: Buffer = zeros(1_000); n < length; n++) {
      const own = Buffer.from(String(n).padStart(8, '0'));
      entries.push(entry(REF_DELTA, delta(before.length, 108, [...copy(100), 8, ...own]), hash(before)));
      before = Buffer.concat([before.subarray(0, 100), own]);
    }
    return entries;
  }
  const large = entry(BLOB, zeros(90_000));

  it('may hold changes of changes beside something large that they have nothing to do with', async () => {
    await check(pack(large, ...chain(100, hashOf)));
  });

  it('is taken for the worst that it can be where the base is not there', async () => {
    const nobodys = () => new Array(20).fill(7);
    await expect(check(pack(large, ...chain(100, nobodys)))).rejects.toThrow('too much work');
  });

  it('is refused when a delta is one of something else', async () => {
    const change = entry(REF_DELTA, delta(999, 1, copy(1)), hashOf(zeros(1_000)));
    await expect(check(pack(entry(BLOB, zeros(1_000)), change))).rejects.toBeInstanceOf(BrokenPack);
  });
});

describe('a pack that comes to too much', () => {
  it('is refused by what the header of an object states, in words that help to find it', async () => {
    const big = entry(BLOB, zeros(10), [], 400_000_000);
    await expect(check(pack(big))).rejects.toThrow(/has a file of 400000000 bytes, more than 100000.*git ls-tree -rl/);
  });

  it('is refused when an object comes to more than it states, without unpacking the rest', async () => {
    const bomb = entry(BLOB, zeros(64 << 20), [], 10);
    const before = process.memoryUsage().arrayBuffers;
    await expect(check(pack(bomb))).rejects.toBeInstanceOf(BrokenPack);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20);
  });

  it('is refused when its objects come to too much together', async () => {
    const some = entry(BLOB, zeros(90_000));
    await check(pack(some, some, some));
    await expect(check(pack(some, some, some, some))).rejects.toThrow('more than 300000 bytes when unpacked');
  });

  it('is refused when a small change makes a large object', async () => {
    const base = entry(BLOB, zeros(65_535));
    const change = entry(OFS_DELTA, delta(65_535, 131_070, [...copy(65_535), ...copy(65_535)]), distance(base.length));
    await expect(check(pack(base, change))).rejects.toThrow('has a file of 131070 bytes');
  });

  it.each([
    ['the one before it', (at: number) => entry(OFS_DELTA, delta(90_000, 1, copy(1)), distance(at))],
    ['one that is named', () => entry(REF_DELTA, delta(90_000, 1, copy(1)), new Array(20).fill(7))],
  ])('is refused when much in it is a change of something large: %s', async (_what, changeOf) => {
    const base = entry(BLOB, zeros(90_000));
    const changes = (count: number) => {
      let at = base.length;
      return Array.from({ length: count }, () => {
        const change = changeOf(at);
        at += change.length;
        return change;
      });
    };
    await check(pack(base, ...changes(20)));
    await expect(check(pack(base, ...changes(30)))).rejects.toThrow('too much work to unpack');
  });

  it('is refused for the number of its objects alone', async () => {
    const bytes = pack(entry(BLOB, zeros(1)));
    bytes.writeUInt32BE(1_001, 8);
    await expect(check(bytes)).rejects.toBeInstanceOf(PackTooLarge);
  });

  it('is looked through no longer than it may be', async () => {
    const pace = new Pace(-1);
    await expect(checkPack(pack(entry(BLOB, zeros(1))), LIMITS, pace)).rejects.toBeInstanceOf(TookTooLong);
  });
});

describe('a pack that is not as a pack is', () => {
  const base = entry(BLOB, zeros(100));
  const hidden = entry(BLOB, Buffer.concat([Buffer.from('x'), deflateSync(zeros(1_000))]));
  it.each([
    ['empty', Buffer.alloc(0)],
    ['of an unknown version', Buffer.concat([Buffer.from('PACK\0\0\0\x03', 'latin1'), zeros(40)])],
    ['cut off', pack(base, base).subarray(0, -40)],
    ['with an object of no kind', pack(entry(5, zeros(1)))],
    ['with a change of what is no object', pack(hidden, entry(OFS_DELTA, delta(1_000, 1, copy(1)), distance(9)))],
    ['with a change of what comes later', pack(entry(OFS_DELTA, delta(100, 1, copy(1)), distance(0)), base)],
    [
      'with a change that makes another size',
      pack(base, entry(OFS_DELTA, delta(100, 9, copy(8)), distance(base.length))),
    ],
    [
      'with a change that copies too much',
      pack(base, entry(OFS_DELTA, delta(100, 101, copy(101)), distance(base.length))),
    ],
    ['with a step of no kind', pack(base, entry(OFS_DELTA, delta(100, 1, [0, ...copy(1)]), distance(base.length)))],
    ['with a number without end', Buffer.concat([pack(base).subarray(0, 12), Buffer.alloc(40, 0xff)])],
  ])('is refused: %s', async (_what, bytes) => {
    await expect(check(bytes)).rejects.toBeInstanceOf(BrokenPack);
  });

  it('is refused when a change has more steps than memory has room for', async () => {
    const steps = Array.from({ length: 300_000 }, () => [1, 0]).flat();
    const change = entry(REF_DELTA, delta(1, 300_000, steps), new Array(20).fill(7));
    const limits = { ...LIMITS, objectBytes: 1 << 20, unpackedBytes: 4 << 20 };
    await expect(check(pack(change), limits)).rejects.toThrow('too many steps');
  });
});
