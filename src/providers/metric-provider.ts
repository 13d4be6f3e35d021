import type { Sample } from '../analysis/sample.ts';

/** The port of metric sources: one file per provider implements it. A provider measures and never judges. */
export interface MetricProvider<Q> {
  /** Value of MetricProvider.spec.type. */
  readonly kind: string;
  /**
   * Asks once. Never rejects: outages and mistakes are samples (ProviderError, ConfigError) whose texts are at most
   * 256 characters and hold neither secrets nor bodies. `signal` cancels; that is a retryable ProviderError.
   */
  sample(query: Q, signal: AbortSignal): Promise<Sample>;
  /** Closes kept connections. */
  close(): void;
}

export type { Sample };
