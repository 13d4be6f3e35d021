/** What a set of delays looks like, in the unit of the values. */
export interface Spread {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** All of them, ascending, to draw them. */
  readonly values: readonly number[];
}

/** The value below or at which a share (0 to 1) of all values lies, by nearest rank: always one of the values. NaN of none. */
export function percentile(sorted: readonly number[], share: number): number {
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

/** Sorts and sums up; undefined of no values, since no figure can be made of nothing. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.map(value => Math.round(value * 10) / 10).sort((a, b) => a - b);
  const at = (share: number) => percentile(sorted, share);
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1), values: sorted };
}

/** A straight line through points by least squares. */
export interface Line {
  /** Units of y per unit of x. */
  readonly slope: number;
  readonly intercept: number;
  /** The standard error of the slope; 0 of two points. */
  readonly slopeError: number;
}

/** Fits a line; undefined where fewer than two different x leave it open. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): Line | undefined {
  const n = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / n;
  const across = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  if (n < 2 || across === 0) return undefined;
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / across;
  const intercept = meanY - slope * meanX;
  const left = points.reduce((sum, [x, y]) => sum + (y - intercept - slope * x) ** 2, 0);
  return { slope, intercept, slopeError: Math.sqrt(left / Math.max(1, n - 2) / across) };
}

/**
 * The lowest y of each window of x. Memory between two collections is a saw; only its lower edge, right after a
 * collection, says whether something is kept.
 */
export function windowMinima(
  points: readonly (readonly [x: number, y: number])[],
  width: number,
): (readonly [x: number, y: number])[] {
  const lowest = new Map<number, readonly [number, number]>();
  for (const point of points) {
    const window = Math.floor(point[0] / width);
    const before = lowest.get(window);
    if (before === undefined || point[1] < before[1]) lowest.set(window, point);
  }
  return [...lowest.entries()].sort(([a], [b]) => a - b).map(([, point]) => point);
}

/** How many moments (epoch milliseconds) fall into each second from `fromMs` to `toMs`. */
export function perSecond(moments: Iterable<number>, fromMs: number, toMs: number): number[] {
  const counts = new Array<number>(Math.max(0, Math.ceil((toMs - fromMs) / 1000))).fill(0);
  for (const moment of moments) {
    const second = Math.floor((moment - fromMs) / 1000);
    if (second >= 0 && second < counts.length) counts[second] = (counts[second] ?? 0) + 1;
  }
  return counts;
}
