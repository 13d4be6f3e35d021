import { type Judged, judge } from '../analysis/judge.ts';
import { outageIfAnswered } from '../analysis/missing-data.ts';
import { renderQuery } from '../analysis/render-query.ts';
import type { Sample } from '../analysis/sample.ts';
import type { AnalysisRunSpec, MetricResult } from '../api/analysis-run.ts';
import type { Metric } from '../api/analysis-template.ts';
import { DEFAULT_PROVIDER } from '../api/metric-provider.ts';
import type { ProviderPool } from './provider-pool.ts';
import type { SecretReader } from './secrets.ts';

type Missing = Extract<Sample, { kind: 'ProviderError' }>;

/** Asks a metric's provider and judges the answer. Whatever goes wrong is a verdict: nothing is thrown. */
export class Measurer {
  readonly #providers: ProviderPool;
  readonly #secrets: SecretReader;

  constructor(providers: ProviderPool, secrets: SecretReader) {
    this.#providers = providers;
    this.#secrets = secrets;
  }

  /** @param before what has been measured of the metric in this run */
  async measure(
    namespace: string,
    spec: AnalysisRunSpec,
    metric: Metric,
    before: MetricResult | undefined,
    signal: AbortSignal,
  ): Promise<Judged> {
    const { sample, query } = await this.#sample(namespace, spec, metric, signal);
    return judge(metric, outageIfAnswered(metric, before, sample), query);
  }

  close(): void {
    this.#providers.close();
  }

  async #sample(
    namespace: string,
    spec: AnalysisRunSpec,
    metric: Metric,
    signal: AbortSignal,
  ): Promise<{ sample: Sample; query?: string }> {
    const asked = metric.provider?.prometheus;
    if (!asked) return { sample: { kind: 'ConfigError', message: `metric ${metric.name} names no provider` } };
    const args = await this.#arguments(namespace, spec);
    if ('kind' in args) return { sample: args };
    const rendered = renderQuery(asked.query, args);
    if (!rendered.ok) return { sample: { kind: 'ConfigError', message: rendered.message }, query: asked.query };
    // What holds a secret must not be shown: the query is then quoted as it was written.
    const secret = (spec.args ?? []).filter(
      arg => arg.valueFrom?.secretKeyRef !== undefined && asked.query.includes(`args.${arg.name}`),
    );
    const secrets = secret.flatMap(arg => formsOf(args.get(arg.name) ?? ''));
    const query = secret.length > 0 ? asked.query : rendered.query;
    const provider = this.#providers.get(asked.providerRef ?? DEFAULT_PROVIDER, namespace);
    if ('kind' in provider && 'message' in provider) return { sample: provider, query };
    return { sample: await provider.sample({ ...asked, query: rendered.query, secrets }, signal), query };
  }

  /** Values of a run's arguments, those of Secrets among them, or the sample that stands for a Secret that is not there. */
  async #arguments(namespace: string, spec: AnalysisRunSpec): Promise<ReadonlyMap<string, string> | Missing> {
    const values = new Map<string, string>();
    for (const arg of spec.args ?? []) {
      try {
        const ref = arg.valueFrom?.secretKeyRef;
        const value = arg.value ?? (ref ? await this.#secrets.readKept(namespace, ref) : undefined);
        if (value !== undefined) values.set(arg.name, value);
      } catch (error) {
        const message = error instanceof Error ? error.message.slice(0, 256) : 'a Secret cannot be read';
        return { kind: 'ProviderError', retryable: true, message };
      }
    }
    return values;
  }
}

/** A secret as a query may hold it: as it is, and escaped for either kind of quotes. */
function formsOf(value: string): string[] {
  const escaped = ['"', "'"].map(quote => {
    const rendered = renderQuery(`${quote}{{args.value}}${quote}`, new Map([['value', value]]));
    return rendered.ok ? rendered.query.slice(1, -1) : value;
  });
  return [...new Set([value, ...escaped])].filter(form => form !== '');
}
