import type { MetricResult } from '../api/analysis-run.ts';
import type { Metric } from '../api/analysis-template.ts';
import type { Sample } from './sample.ts';

/** A sample that is not a number to judge and not a mistake of the user. */
export type MissingSample = Extract<
  Sample,
  { kind: 'ZeroTraffic' | 'NoSeries' | 'NotANumber' | 'NonFinite' | 'Stale' | 'Partial' | 'ProviderError' }
>;

/**
 * A redirect to a login, the 404 of an ingress, a web page, an unknown certificate, or a MetricProvider that was changed for the
 * worse, where this metric has been measured before in its run: it is no fault of the canary, so it is an outage. Only with
 * `onNoData: Hold` does a count mean answers.
 */
export function outageIfAnswered(metric: Metric, before: MetricResult | undefined, sample: Sample): Sample {
  if (sample.kind !== 'ConfigError' || !sample.ofProvider) return sample;
  const hasAnswered = (metric.onNoData ?? 'Hold') === 'Hold' && (before?.count ?? 0) > 0;
  return hasAnswered ? { kind: 'ProviderError', retryable: true, message: sample.message } : sample;
}

/** What is missing, and what to look at next; one sentence without the query. */
export function missingDataText(sample: MissingSample): string {
  switch (sample.kind) {
    case 'ZeroTraffic':
      return 'no requests in the window; is traffic reaching the canary?';
    case 'NoSeries':
      return 'query returned no series; is the label right, and is the target scraped?';
    case 'NotANumber':
      return 'query returned NaN, usually 0/0; is there traffic in the window?';
    case 'NonFinite':
      return `query returned ${sample.value > 0 ? '+Inf' : '-Inf'}, usually a division by 0; is there traffic in the window?`;
    case 'Stale':
      return `newest sample is ${Math.round(sample.ageMs / 1000)}s old; is the target still scraped?`;
    case 'Partial':
      return `provider answered only in part (${sample.warnings[0] ?? 'no reason given'}); check its stores`;
    case 'ProviderError':
      return `provider did not answer: ${sample.message}`;
  }
}
