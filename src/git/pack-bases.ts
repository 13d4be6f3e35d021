import { createHash } from 'node:crypto';
import { applyDelta } from './pack-delta.ts';

/** For the bases of deltas that come soon after them; most do. */
const MAX_BYTES = 16 << 20;
const KINDS: Readonly<Record<number, string>> = { 1: 'commit', 2: 'tree', 3: 'blob', 4: 'tag' };

interface Kept {
  readonly kind: string;
  readonly data: Buffer;
}

/**
 * Where in a pack an object is that a delta names by its hash. Some servers send such deltas only, mostly ones of what is
 * itself a delta: what has a name is known once it is put together. The latest are kept for it, within a limit.
 */
export class PackBases {
  readonly #places = new Map<string, number>();
  readonly #kept = new Map<number, Kept>();
  #bytes = 0;

  /** Undefined when it has not come yet, or its own base was too far away. */
  placeOf(hash: string): number | undefined {
    return this.#places.get(hash);
  }

  /** Learns of an object that is there as it is. */
  add(at: number, type: number, data: Buffer): void {
    this.#keep(at, { kind: KINDS[type] ?? '', data });
  }

  /** Learns of one that is a delta, when its base is still there. @throws BrokenPack */
  addDelta(at: number, delta: Buffer, baseAt: number | undefined): void {
    const base = baseAt === undefined ? undefined : this.#kept.get(baseAt);
    if (base) this.#keep(at, { kind: base.kind, data: applyDelta(delta, base.data) });
  }

  #keep(at: number, kept: Kept): void {
    const { kind, data } = kept;
    this.#places.set(createHash('sha1').update(`${kind} ${data.length}\0`).update(data).digest('hex'), at);
    this.#kept.set(at, kept);
    this.#bytes += data.length;
    for (const [oldest, { data: dropped }] of this.#kept) {
      if (this.#bytes <= MAX_BYTES) return;
      this.#kept.delete(oldest);
      this.#bytes -= dropped.length;
    }
  }
}
