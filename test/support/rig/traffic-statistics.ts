/** A stretch of time in which the shares were constant, and what was counted in it. */
export interface ShareInterval {
  readonly fromMs: number;
  readonly toMs: number;
  /** Share that each version should have got, 0 to 1; versions that are not named should have got nothing. */
  readonly expected: Readonly<Record<string, number>>;
  /** Answers by version. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A version whose measured share is not what chance can explain. */
export interface ShareViolation {
  readonly fromMs: number;
  readonly toMs: number;
  readonly version: string;
  readonly expected: number;
  readonly count: number;
  readonly total: number;
  readonly bounds: readonly [number, number];
}

/** Both tails together: one interval in ten thousand of a right gateway would be called wrong. */
const BOTH_TAILS = 1e-4;

/** The versions, by interval, whose counts lie outside of the two-sided 99.99 % bounds of a binomial distribution. */
export function shareViolations(intervals: readonly ShareInterval[], bothTails = BOTH_TAILS): ShareViolation[] {
  return intervals.flatMap(({ fromMs, toMs, expected, counts }) => {
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
    const versions = new Set([...Object.keys(expected), ...Object.keys(counts)]);
    return [...versions].flatMap(version => {
      const share = expected[version] ?? 0;
      const count = counts[version] ?? 0;
      const bounds = binomialBounds(total, share, bothTails);
      if (count >= bounds[0] && count <= bounds[1]) return [];
      return [{ fromMs, toMs, version, expected: share, count, total, bounds }];
    });
  });
}

/**
 * The smallest and the largest number of successes in `trials` of probability `share` that is not in one of the tails of
 * together `bothTails`. Exact: at 0 and 1 the bounds are one number.
 */
export function binomialBounds(trials: number, share: number, bothTails = BOTH_TAILS): [number, number] {
  if (share <= 0) return [0, 0];
  if (share >= 1) return [trials, trials];
  const tail = bothTails / 2;
  let low = 0;
  for (let below = chance(trials, share, 0); below < tail && low < trials; below += chance(trials, share, low)) low++;
  let high = trials;
  for (let above = chance(trials, share, trials); above < tail && high > 0; above += chance(trials, share, high))
    high--;
  return [low, high];
}

/** The probability of exactly that many successes. */
function chance(trials: number, share: number, successes: number): number {
  const ways = logFactorial(trials) - logFactorial(successes) - logFactorial(trials - successes);
  return Math.exp(ways + successes * Math.log(share) + (trials - successes) * Math.log1p(-share));
}

const LOG_FACTORIALS = [0];

function logFactorial(n: number): number {
  for (let next = LOG_FACTORIALS.length; next <= n; next++)
    LOG_FACTORIALS.push((LOG_FACTORIALS[next - 1] ?? 0) + Math.log(next));
  return LOG_FACTORIALS[n] ?? 0;
}
