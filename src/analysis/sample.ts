/**
 * What a metric provider saw. It is never a boolean: whether a number is good is decided by `judge`, and everything
 * that is not a number keeps its own name, so that missing data can never pass for a failed or a passed check.
 */
export type Sample =
  /**
   * Numbers that can be judged: a number for a scalar query, a list of one for a vector query (as in Argo Rollouts),
   * the samples of the one series, oldest first, for a range query. `observedAt` is epoch milliseconds.
   */
  | { readonly kind: 'Value'; readonly result: number | readonly number[]; readonly observedAt?: number }
  /** The denominator of a ratio is 0. */
  | { readonly kind: 'ZeroTraffic' }
  /** The query matched nothing. */
  | { readonly kind: 'NoSeries' }
  /** NaN, in PromQL usually 0/0. */
  | { readonly kind: 'NotANumber' }
  /** +Inf or -Inf, in PromQL usually x/0. */
  | { readonly kind: 'NonFinite'; readonly value: number }
  /** The newest sample is older than the query allows. */
  | { readonly kind: 'Stale'; readonly ageMs: number }
  /** The backend answered with less than it was asked for. */
  | { readonly kind: 'Partial'; readonly warnings: readonly string[] }
  /** More than one series where one was expected. `results`: the newest values of all of them, or absent. */
  | { readonly kind: 'ManySeries'; readonly count: number; readonly results?: readonly number[] }
  /** The provider did not answer the question. Retryable: outage, overload, time-out. */
  | { readonly kind: 'ProviderError'; readonly retryable: boolean; readonly message: string }
  /**
   * The question itself is wrong: query, address or certificates need a person. `ofProvider`: it is not the metric that is at
   * fault but its MetricProvider, or whoever answers in the place of the provider for now.
   */
  | { readonly kind: 'ConfigError'; readonly message: string; readonly ofProvider?: true };
