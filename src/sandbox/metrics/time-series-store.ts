import type { Labels } from './labels.ts';
import { labelsKey, METRIC_NAME } from './labels.ts';

/** One sample. A stale one says that the series ended there. */
export interface TimedValue {
  /** Milliseconds since the epoch. */
  readonly t: number;
  readonly v: number;
  readonly stale: boolean;
}

/** A series with its samples, oldest first. */
export interface Series {
  readonly labels: Labels;
  readonly samples: readonly TimedValue[];
}

interface StoredSeries {
  readonly labels: Labels;
  readonly samples: TimedValue[];
}

/** Default retention. */
const RETENTION_MS = 15 * 60_000;

/** Samples in memory, by series. Samples of one series must come in the order of their times; others are dropped. */
export class TimeSeriesStore {
  readonly #retentionMs: number;
  readonly #series = new Map<string, StoredSeries>();
  readonly #byName = new Map<string, Set<StoredSeries>>();

  /** @param retentionMs samples this much older than the newest of their series go; default 15 minutes */
  constructor(retentionMs = RETENTION_MS) {
    this.#retentionMs = retentionMs;
  }

  /** Adds a sample; `tMs` in milliseconds since the epoch. */
  append(labels: Labels, tMs: number, value: number): void {
    this.#add(labels, { t: tMs, v: value, stale: false });
  }

  /** Says that a series ended: from `tMs` on it is absent, without waiting for the lookback to run out. */
  markStale(labels: Labels, tMs: number): void {
    const series = this.#series.get(labelsKey(labels));
    if (series && series.samples.at(-1)?.stale === false) this.#add(labels, { t: tMs, v: Number.NaN, stale: true });
  }

  /** Series of a metric, or of all when the name is undefined, that `matches` accepts. */
  select(name: string | undefined, matches: (labels: Labels) => boolean): Series[] {
    const candidates = name === undefined ? this.#series.values() : (this.#byName.get(name) ?? []);
    return [...candidates].filter(series => matches(series.labels));
  }

  /** All label names, or all values of one label, sorted. */
  labelNames(): string[] {
    return [...new Set([...this.#series.values()].flatMap(series => [...series.labels.keys()]))].sort();
  }

  /** All values of one label, sorted. */
  labelValues(name: string): string[] {
    const values = [...this.#series.values()]
      .map(series => series.labels.get(name))
      .filter(value => value !== undefined);
    return [...new Set(values)].sort();
  }

  /** Drops series whose last sample is older than the retention. */
  prune(nowMs: number): void {
    for (const [key, series] of this.#series) {
      if ((series.samples.at(-1)?.t ?? 0) >= nowMs - this.#retentionMs) continue;
      this.#series.delete(key);
      this.#byName.get(series.labels.get(METRIC_NAME) ?? '')?.delete(series);
    }
  }

  #add(labels: Labels, sample: TimedValue): void {
    const key = labelsKey(labels);
    let series = this.#series.get(key);
    if (!series) {
      series = { labels, samples: [] };
      this.#series.set(key, series);
      const name = labels.get(METRIC_NAME) ?? '';
      const named = this.#byName.get(name) ?? new Set();
      this.#byName.set(name, named.add(series));
    }
    const { samples } = series;
    if (sample.t <= (samples.at(-1)?.t ?? Number.NEGATIVE_INFINITY)) return;
    samples.push(sample);
    // In chunks, since taking from the front of an array moves all the rest.
    const tooOld = samples.findIndex(one => one.t >= sample.t - this.#retentionMs);
    if (tooOld > 100) samples.splice(0, tooOld);
  }
}
