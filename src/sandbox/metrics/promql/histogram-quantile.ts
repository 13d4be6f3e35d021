import type { Labels } from '../labels.ts';
import { labelsKey, METRIC_NAME, withoutLabels } from '../labels.ts';
import type { Element } from './value.ts';

interface Bucket {
  readonly bound: number;
  count: number;
}

/** `histogram_quantile` over classic histograms: one element per set of labels without `le`. */
export function histogramQuantile(quantile: number, elements: readonly Element[]): Element[] {
  const histograms = new Map<string, { labels: Labels; buckets: Bucket[] }>();
  for (const { labels, value } of elements) {
    const le = labels.get('le');
    const bound = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le ?? Number.NaN);
    if (Number.isNaN(bound)) continue;
    const rest = withoutLabels(labels, ['le', METRIC_NAME]);
    const key = labelsKey(rest);
    const histogram = histograms.get(key) ?? { labels: rest, buckets: [] };
    histogram.buckets.push({ bound, count: value });
    histograms.set(key, histogram);
  }
  return [...histograms.values()].map(({ labels, buckets }) => ({ labels, value: bucketQuantile(quantile, buckets) }));
}

/**
 * The quantile of cumulative buckets, linear within a bucket (promql/quantile.go). Above the highest finite bound that bound is the
 * answer; without observations or without a `+Inf` bucket it is NaN.
 * Example: le 1 has 5, le 2 has 10, le +Inf has 10: the 0.75 quantile is rank 7.5, half way into the second bucket: 1.5.
 */
function bucketQuantile(quantile: number, unsorted: readonly Bucket[]): number {
  if (Number.isNaN(quantile)) return Number.NaN;
  if (quantile < 0) return Number.NEGATIVE_INFINITY;
  if (quantile > 1) return Number.POSITIVE_INFINITY;
  const buckets = merged(unsorted);
  const last = buckets.at(-1);
  if (last?.bound !== Number.POSITIVE_INFINITY || buckets.length < 2) return Number.NaN;
  if (last.count === 0 || Number.isNaN(last.count)) return Number.NaN;
  const rank = quantile * last.count;
  const index = buckets.findIndex(bucket => bucket.count >= rank);
  const found = buckets[index];
  if (!found || index === buckets.length - 1) return buckets.at(-2)?.bound ?? Number.NaN;
  const below = buckets[index - 1];
  if (!below && found.bound <= 0) return found.bound;
  const start = below?.bound ?? 0;
  const count = found.count - (below?.count ?? 0);
  const inside = rank - (below?.count ?? 0);
  return start + (found.bound - start) * (inside / count);
}

/** Sorted by bound, equal bounds added up, and never falling: buckets of one scrape may be torn. */
function merged(unsorted: readonly Bucket[]): Bucket[] {
  const buckets: Bucket[] = [];
  for (const { bound, count } of [...unsorted].sort((a, b) => a.bound - b.bound)) {
    const last = buckets.at(-1);
    if (last?.bound === bound) last.count += count;
    else buckets.push({ bound, count });
  }
  let most = 0;
  for (const bucket of buckets) {
    most = Math.max(most, bucket.count);
    bucket.count = most;
  }
  return buckets;
}
