/** One answered (or failed) request. */
export interface LoadSample {
  /** HTTP status; 0 when no answer came. */
  readonly code: number;
  /** From the pod's answer; `gateway` when the gateway itself answered, `none` when nobody did. */
  readonly image: string;
  readonly ms: number;
}

/** What happened to the requests of one image. */
interface LoadShare {
  readonly total: number;
  readonly failed: number;
}

/** The requests that ended in one second. A code below 400 is a success. */
export interface LoadSecond {
  /** Seconds since the epoch. */
  readonly second: number;
  readonly total: number;
  readonly failed: number;
  /** Not sent, because too many were still open. */
  readonly skipped: number;
  readonly byCode: Readonly<Record<string, number>>;
  readonly byImage: Readonly<Record<string, LoadShare>>;
  /** Mean and longest time to answer, in milliseconds. */
  readonly meanMs: number;
  readonly maxMs: number;
}

interface Bucket {
  readonly second: number;
  total: number;
  failed: number;
  skipped: number;
  sumMs: number;
  maxMs: number;
  readonly codes: Map<string, number>;
  readonly images: Map<string, { total: number; failed: number }>;
}

/** The last seconds of a load, one bucket each. */
export class LoadWindow {
  readonly #keptSeconds: number;
  readonly #buckets: Bucket[] = [];

  /** @param keptSeconds older buckets are dropped */
  constructor(keptSeconds: number) {
    this.#keptSeconds = keptSeconds;
  }

  /** Notes a request that ended at `nowMs`, milliseconds since the epoch. */
  record(nowMs: number, sample: LoadSample): void {
    const bucket = this.#bucket(nowMs);
    const failed = isFailure(sample.code);
    bucket.total += 1;
    bucket.sumMs += sample.ms;
    bucket.maxMs = Math.max(bucket.maxMs, sample.ms);
    bucket.codes.set(String(sample.code), (bucket.codes.get(String(sample.code)) ?? 0) + 1);
    const share = bucket.images.get(sample.image) ?? { total: 0, failed: 0 };
    share.total += 1;
    if (failed) {
      bucket.failed += 1;
      share.failed += 1;
    }
    bucket.images.set(sample.image, share);
  }

  /** Notes a request that was not sent. */
  skip(nowMs: number): void {
    this.#bucket(nowMs).skipped += 1;
  }

  /** The last `seconds` buckets that had requests, oldest first; the last one may still be filling. */
  last(seconds: number): LoadSecond[] {
    return this.#buckets.slice(-Math.max(1, seconds)).map(bucket => ({
      second: bucket.second,
      total: bucket.total,
      failed: bucket.failed,
      skipped: bucket.skipped,
      byCode: Object.fromEntries(bucket.codes),
      byImage: Object.fromEntries([...bucket.images].map(([image, share]) => [image, { ...share }])),
      meanMs: bucket.total === 0 ? 0 : bucket.sumMs / bucket.total,
      maxMs: bucket.maxMs,
    }));
  }

  #bucket(nowMs: number): Bucket {
    const second = Math.floor(nowMs / 1000);
    const last = this.#buckets.at(-1);
    // A wall clock that was set back adds to the newest bucket.
    if (last && last.second >= second) return last;
    const bucket = { second, total: 0, failed: 0, skipped: 0, sumMs: 0, maxMs: 0, codes: new Map(), images: new Map() };
    this.#buckets.push(bucket);
    while ((this.#buckets[0]?.second ?? second) <= second - this.#keptSeconds) this.#buckets.shift();
    return bucket;
  }
}

/** Whether a code is a failure for whoever asked: no answer, 4xx or 5xx. */
export function isFailure(code: number): boolean {
  return code === 0 || code >= 400;
}
